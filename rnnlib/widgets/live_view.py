"""Views of what trains in the background: a worker trains, a painter shows, callbacks only store what was asked for.

Before: view.py, knobs.py, live/worker.py.  Next: session_view.py, learning_map.py, memory_race.py.

Three threads, each with one job.  The worker's thread trains.  The painter's thread computes what is known by now and
sets traits (pictures, texts), as often as MAX_PAINTING_SHARE allows.  The kernel's main thread runs the callbacks of
the knobs.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import ipywidgets as widgets

from rnnlib.live.worker import Command, Worker
from rnnlib.widgets.knobs import Action, make_buttons
from rnnlib.widgets.view import View, paragraph


class LiveView(View):
    """A view whose picture follows a worker.

    Beside `compute`, `figure` and `words` it defines `state`, and calls `follow` when its widgets are complete.
    news: what a screen reader says when it changes, as plain text.
    """

    worker: Worker

    def __init__(self) -> None:
        super().__init__()
        self.news, self.message = "", ""
        self._news = widgets.HTML(layout={"min_height": "28px"})
        self._painted: object = None

    def state(self) -> object:
        """What changes whenever there is something new to show."""
        raise NotImplementedError

    def describe_news(self) -> list[str]:
        """Problems, one sentence each."""
        error = self.worker.error
        ended = "" if error is None else f"The training ended: {str(error) or type(error).__name__}"
        return [problem for problem in (ended, self.message) if problem]

    def make_buttons(self, actions: Sequence[Action]) -> list[widgets.Button]:
        """A button for each action.  `self.buttons` has them by label."""
        self.buttons = make_buttons(actions, self.act)
        return list(self.buttons.values())

    def act(self, action: Callable[[], None]) -> None:
        """Run what a button or a knob stands for; what goes wrong is told in one sentence."""
        self.message = ""
        try:
            action()
        except Exception as error:
            self.message = str(error)
        self.show_now()

    # ------------------------------------------------------------------------------------- painter

    def follow(self) -> None:
        """Show what is known, and what is new from now on.  An earlier view of a worker of this name stops that."""
        self.paint()
        self._painter = Worker(f"painter of {self.worker.name}", self._paint_when_due, at_rest=self._paint_the_end)

    def show_soon(self) -> None:
        """Something is new: show it when its turn comes."""
        with suppress(RuntimeError):  # nobody paints any more
            self._painter.start()

    def show_now(self) -> None:
        """Show what a reader has asked for; it may take a moment to have an effect, and does not wait for its turn."""
        self._pace.spent(0.0)
        try:
            self._painter.do(Hurry())
            self._painter.start()
        except RuntimeError:
            self.paint()

    def paint(self) -> None:
        """Show what is known, unless it is shown already."""
        with self._one_at_a_time:
            worker = self.worker
            state = (self.state(), worker.running, worker.alive, worker.error, self.message)
            if state != self._painted:
                self.refresh()
                self._painted = state

    def refresh(self) -> None:
        """Compute, and show the result: picture, words and news."""
        with self._one_at_a_time:
            super().refresh()
            news = self.describe_news()
            self.news = "\n".join(news)
            self._news.value = "".join(paragraph(sentence, alert=True) for sentence in news)

    def stop(self) -> None:
        """Stop training and painting; the picture stays."""
        self.worker.stop()
        self._painter.stop()

    def _paint_when_due(self) -> float | None:
        if self._pace.seconds_left > 0:
            return self._pace.seconds_left
        try:
            self.paint()
        except Exception as error:
            self._tell(f"The picture could not be drawn: {error}", alert=True)
            self._pace.spent(self._pace.longest)
        return None

    def _paint_the_end(self) -> None:
        # at the kernel's end nobody looks, and its connections are closing
        if not self._painter.alive and threading.main_thread().is_alive():
            self.paint()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        self.paint()
        return super()._repr_mimebundle_(**kwargs)


class Hurry(Command):
    """Look at the pace anew."""

    def replaces(self, waiting: Command) -> bool:
        """One is enough."""
        return True
