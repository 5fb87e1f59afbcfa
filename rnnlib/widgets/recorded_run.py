"""A live view as it was while it trained: played, paused, and moved to any moment.  Nothing is trained.

Before: worker_view.py, live/films.py.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rnnlib.figures.chart import Chart, Mark, Panel, panel_from
from rnnlib.live import films
from rnnlib.live.diary import Entry
from rnnlib.live.films import Moment
from rnnlib.live.worker import Worker
from rnnlib.widgets.knobs import int_slider, row
from rnnlib.widgets.live_view import LiveView
from rnnlib.widgets.worker_view import WorkerView

SECONDS_OF_A_MOMENT = 0.4


class RecordedRun(WorkerView):
    """A film: `start` plays it from the moment it is at, or at its end from the first; `pause` stops it.

    moment: the slider, from 1 to the number of moments.  Running the cell again replaces the view: the earlier one
    stops.
    """

    def __init__(self, path: str | Path):
        """path: a film, which `films.save` has written.  Raises what `films.load` raises."""
        super().__init__()
        self.moments = films.load(path)
        self.moment = int_slider("Moment", 1, 1, len(self.moments))
        self.moment.observe(lambda change: self.show_now(), "value")
        self.plot.observe(lambda change: self.show_now(), "selected")  # by whom: a film goes its own way
        self.worker = Worker(f"recorded run {path}", self._go_on, at_rest=self.show_now)
        buttons = self.make_buttons(
            [("Play", "Show moment after moment", self.start), ("Pause", "Stay at this moment", self.pause)]
        )
        self.children = [row(*buttons, self.moment), self.plot]
        self.add_class("recorded-run")
        self.paint()

    def start(self) -> None:
        """Play in the background."""
        if self.moment.value == self.moment.max:
            self.moment.value = 1
        self.worker.start()

    def _go_on(self) -> float | None:
        """The next moment, after a rest at this one."""
        if self.moment.value == self.moment.max:
            return None
        self.moment.value += 1
        return SECONDS_OF_A_MOMENT

    @property
    def _now(self) -> Moment:
        return self.moments[self.moment.value - 1]

    # ---------------------------------------------------------------------------------- what is shown

    def compute(self) -> Chart:
        """What was to be seen at this moment."""
        series, lists, facts = self._now
        selected = tuple(facts["selected"])
        self.plot.selected = list(selected)
        return Chart(
            tuple(panel_from(each) for each in facts["panels"]), series, [Mark(*each) for each in lists["marks"]],
            facts["last_step"], selected or None, facts["columns"],
        )  # fmt: skip

    def texts(self) -> list[Entry]:
        """What the network had written."""
        return self._now.lists["texts"]

    def words(self, result: Chart) -> str:
        """What was said then."""
        return str(self._now.facts["text"])

    def told(self) -> dict[str, Any]:
        """What stood beside the picture, and that this is no training."""
        doing, problems = "playing" if self.running else "paused", self.describe_problems()
        status = f"recorded run, {doing} at moment {self.moment.value} of {self.moment.max}"
        told = {**self._now.facts["told"], "status": status}
        return {**told, "news": problems, "alert": True} if problems else told


def moment_of(view: LiveView) -> Moment:
    """What a live view shows now, for a film: nothing in it can be dragged."""
    chart = view.compute()
    view.text = view.words(chart)
    panels = [replace(panel, handle=None) if isinstance(panel, Panel) else panel for panel in chart.panels]
    told = {name: fact for name, fact in view.told().items() if name != "status"}  # which has the time of the day
    facts = {
        "panels": [asdict(panel) for panel in panels], "last_step": chart.last_step, "columns": chart.columns,
        "selected": list(chart.selected or ()), "text": view.text, "told": told,
    }  # fmt: skip
    return Moment(chart.series, {"marks": [list(mark) for mark in chart.marks], "texts": view.texts()}, facts)
