"""Views of what trains in the background: a worker trains, and tells its view after every step that there is news.

Before: view.py, knobs.py, live_plot.py, live/worker.py.  Next: worker_view.py, session_view.py.

A message to the page takes about a millisecond, so it is sent where the news is, by the thread that trains, as often as
MAX_PAINTING_SHARE allows.  A thread of its own would take turns with the training for Python's lock, which takes more
from it (bench/RESULTS.md).  Callbacks of the knobs, in the kernel's main thread, store what was asked for, and show it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from rnnlib.figures import Drawing
from rnnlib.figures.chart import Chart, draw_chart
from rnnlib.live.diary import Entry
from rnnlib.live.pace import Pace
from rnnlib.live.worker import Worker
from rnnlib.widgets.knobs import Action, make_buttons
from rnnlib.widgets.live_plot import LivePlot
from rnnlib.widgets.view import View

MAX_PAINTING_SHARE = 1 / 45  # of the time of the training
SHORTEST_PAUSE, LONGEST_PAUSE = 1 / 18, 0.25  # seconds between two messages to the page
SECONDS_OF_HURRY, PAUSE_IN_A_HURRY = 0.25, 0.01  # after a knob was moved


class LiveView(View):
    """A view whose picture follows a worker, which calls `show_soon`.  `compute` gives a Chart.

    plot: the widget that has the picture.
    news: what a screen reader says when it changes, as plain text.
    """

    worker: Worker

    def __init__(self) -> None:
        super().__init__()
        self.add_class("live-view")
        self.plot = LivePlot()
        self.plot.on_asked = self.show_now
        self.plot.observe(lambda change: self.show_now(), "watched")
        self.news, self.message = "", ""
        self._chart = Chart((), {})
        self._one_at_a_time, self._painted_at, self._hurries_until = threading.RLock(), 0.0, 0.0
        self._pace = Pace(MAX_PAINTING_SHARE, shortest=SHORTEST_PAUSE, longest=LONGEST_PAUSE)

    def figure(self, result: Chart) -> Drawing:
        """The same picture, by matplotlib."""
        return draw_chart(result)

    def describe_news(self) -> list[str]:
        """What has to be said beside the picture where nothing went wrong, one sentence each."""
        return []

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
        problems = self.describe_problems()
        return {"news": problems or self.describe_news(), "alert": bool(problems), "words": self.text}

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
        self._hurries_until = time.monotonic() + SECONDS_OF_HURRY
        self.show_now()

    # ------------------------------------------------------------------------------- what is shown

    def show_soon(self) -> None:
        """Something is new, says the thread that trains: show it if it is time to."""
        now = time.monotonic()
        hurries = now < self._hurries_until and now > self._painted_at + PAUSE_IN_A_HURRY
        if self._pace.seconds_left == 0 or hurries or not self.worker.running:
            self.show_now()

    def show_now(self) -> None:
        """Show what is known, if somebody looks."""
        if self.plot.watched and threading.main_thread().is_alive():  # at its end a kernel closes its connections
            self.paint()

    def paint(self) -> None:
        """Send to the page what is new."""
        with self._one_at_a_time:
            self.wait_for_gpu()
            started, self._painted_at = time.thread_time(), time.monotonic()
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

    def wait_for_gpu(self) -> None:
        """Let a GPU do what it was given: it trains meanwhile, so this wait is none of the picture's time."""

    def stop(self) -> None:
        """Stop training; the picture stays."""
        self.worker.stop()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        with self._one_at_a_time:
            self.paint()
            self.png = self.figure(self._chart)._repr_png_()
        return super()._repr_mimebundle_(**kwargs)
