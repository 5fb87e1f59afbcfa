"""Views of what trains in the background: a worker trains, a painter shows, callbacks only store what was asked for.

Before: view.py, knobs.py, live_plot.py, live/worker.py.  Next: session_view.py, learning_map.py, memory_race.py.

Three threads, each with one job.  The worker's thread trains.  The painter's thread looks at what is known by now and
sends what is new to the page, as often as MAX_PAINTING_SHARE allows.  The kernel's main thread runs the callbacks of
the knobs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import ipywidgets as widgets

from rnnlib.figures import Drawing
from rnnlib.figures.chart import Chart, draw_chart
from rnnlib.live.diary import Entry
from rnnlib.live.pace import Pace
from rnnlib.live.worker import Command, Worker
from rnnlib.widgets.knobs import Action, make_buttons
from rnnlib.widgets.live_plot import LivePlot
from rnnlib.widgets.view import View

MAX_PAINTING_SHARE = 1 / 40  # of the time, while something trains beside it
SHORTEST_PAUSE, LONGEST_PAUSE = 1 / 20, 0.25  # seconds between two messages to the page


class LiveView(View):
    """A view whose picture follows a worker.  `compute` gives a Chart.

    It calls `follow` when its widgets are complete; `plot` is the one that has the picture.
    news: what a screen reader says when it changes, as plain text.
    """

    worker: Worker

    def __init__(self) -> None:
        super().__init__()
        self.plot = LivePlot()
        self.plot.on_asked = self.show_now
        self.plot.observe(lambda change: self.show_now(), "watched")
        self.news, self.message = "", ""
        self._chart = Chart((), {})
        self._one_at_a_time = threading.RLock()
        self._pace = Pace(MAX_PAINTING_SHARE, shortest=SHORTEST_PAUSE, longest=LONGEST_PAUSE)

    def figure(self, result: Chart) -> Drawing:
        """The same picture, by matplotlib."""
        return draw_chart(result)

    def describe_news(self) -> list[str]:
        """What has to be said beside the picture, one sentence each."""
        return self.describe_problems()

    def describe_problems(self) -> list[str]:
        """What went wrong, one sentence each."""
        error = self.worker.error
        ended = "" if error is None else f"The training ended: {str(error) or type(error).__name__}"
        return [problem for problem in (ended, self.message) if problem]

    def texts(self) -> list[Entry]:
        """What the network has written so far, if this view shows that."""
        return []

    def told(self) -> dict[str, Any]:
        """What stands beside the picture: plain data."""
        return {"news": self.describe_news(), "alert": bool(self.describe_problems()), "words": self.text}

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
        if self.plot.watched:
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
        """Send to the page what is new."""
        with self._one_at_a_time:
            started = time.thread_time()
            try:
                self._chart = self.compute()
                self.text = self.words(self._chart)
                told = self.told()
            except Exception as error:
                self.text = f"The picture could not be drawn: {error}"
                told = {"news": [self.text], "alert": True}
            self.news = "\n".join(told["news"])
            self.plot.show(self._chart, self.texts(), told)
            self._pace.spent(time.thread_time() - started)

    def stop(self) -> None:
        """Stop training and painting; the picture stays."""
        self.worker.stop()
        self._painter.stop()

    def _paint_when_due(self) -> float | None:
        if not self.plot.watched:
            return None
        if self._pace.seconds_left > 0:
            return self._pace.seconds_left
        self.paint()
        return None

    def _paint_the_end(self) -> None:
        # at the kernel's end nobody looks, and its connections are closing
        if not self._painter.alive and threading.main_thread().is_alive():
            self.paint()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        with self._one_at_a_time:
            self.paint()
            self.png = self.figure(self.compute())._repr_png_()
        return super()._repr_mimebundle_(**kwargs)


class Hurry(Command):
    """Look at the pace anew."""

    def replaces(self, waiting: Command) -> bool:
        """One is enough."""
        return True
