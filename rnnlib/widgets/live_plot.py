"""The picture of what trains, drawn in the page: one ES module, fed with new numbers only.

Before: figures/chart.py, live/feed.py.  Next: live_view.py.

The module is static/*.js, one after another.  It is sent with the widget: no network, and nothing to build.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from rnnlib.figures.chart import Chart
from rnnlib.live.diary import Entry
from rnnlib.live.feed import Feed

STATIC = files("rnnlib.widgets") / "static"
PARTS = ("names.js", "store.js", "look.js", "panel.js", "field.js", "diary.js", "live_plot.js")
_numbers = itertools.count(1)


class LivePlot(anywidget.AnyWidget):
    """A chart in the page, with what is told beside it.

    handle: the place of the value that is dragged, -1 where there is none.  selected: row and column of a field, empty
    where nothing is selected.  watched: whether anybody sees it.  These three the page sets too.
    """

    _esm = "\n".join((STATIC / part).read_text(encoding="utf-8") for part in PARTS)
    _css = (STATIC / "live_plot.css").read_text(encoding="utf-8")
    key = traitlets.Unicode().tag(sync=True)
    handle = traitlets.Int(-1).tag(sync=True)
    selected = traitlets.List(traitlets.Int()).tag(sync=True)
    watched = traitlets.Bool(True).tag(sync=True)

    def __init__(self) -> None:
        super().__init__(key=f"plot {next(_numbers)}")
        self._feed, self._is_known, self._is_new = Feed(), False, False
        self._panels: tuple[Any, ...] = ()
        self._described: list[dict[str, Any]] = []
        self.on_asked: Callable[[], None] = lambda: None
        self.on_msg(lambda widget, message, buffers: self._answer())

    def show(self, chart: Chart, texts: Sequence[Entry], told: dict[str, Any]) -> int:
        """Send what is new of a chart, of the texts, and of what is told -> how many bytes of numbers.

        texts: see live/diary.py.  told: status, news, words, alert.  One thread at a time.
        Until a page has asked, all is new: it may open at any moment, and a busy kernel hears that late.
        """
        if self._is_new or not self._is_known:
            self._is_new = False
            self._feed.forget()
        if chart.panels != self._panels:
            self._panels, self._described = chart.panels, [asdict(panel) for panel in chart.panels]
        marks = [mark._asdict() for mark in chart.marks]
        facts = {"panels": self._described, "last_step": chart.last_step, **told}
        message, buffers = self._feed.changes(chart.series, {"marks": marks, "texts": list(texts)}, facts)
        if message is not None:
            self.send(message, buffers)
        return sum(map(len, buffers))

    def _answer(self) -> None:
        """A page asks for everything; meanwhile another thread may be sending."""
        self._is_known = self._is_new = True
        self.on_asked()
