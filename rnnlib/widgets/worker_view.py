"""Live views with a worker of their own; those of sessions have the session's.

Before: live_view.py.  Next: learning_map.py, memory_race.py.
"""

from abc import abstractmethod

from rnnlib.widgets.live_view import LiveView


class WorkerView(LiveView):
    """What a reader does with the worker of a view."""

    @property
    def running(self) -> bool:
        """Whether it trains."""
        return self.worker.running

    def pause(self) -> None:
        """Stop after what is under way."""
        self.worker.pause()

    def wait(self) -> None:
        """Wait until it ends or is paused; raises what ended the training, if something did.

        An interrupt of the kernel pauses it.
        """
        self.worker.wait()


class RestartableView(WorkerView):
    """Can begin again with fresh networks, and go on after it was stopped."""

    @abstractmethod
    def _take_the_name(self) -> None:
        """Make the worker; another view of its name ends."""

    @abstractmethod
    def _begin(self) -> None:
        """Make fresh networks."""

    def start(self) -> None:
        """Train in the background, or go on."""
        if not self.worker.alive:
            self._take_the_name()
        self.worker.start()

    def reset(self) -> None:
        """Fresh networks; goes on if it was running."""
        with self.worker.settled():
            self._begin()
