"""What the lab shows of a session: perplexity, gradient norms, the last loss's gradient over the lags, spectral radius.

Before: figures/chart.py, live/sessions.py.  Next: training_lab.py shows it beside the knobs.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rnnlib.figures.chart import Chart, Handle, Level, Limits, Line, Mark, Panel
from rnnlib.live.curves import Curves, Points
from rnnlib.live.diary import Diary
from rnnlib.live.estimates import counted_line, sample_label
from rnnlib.live.evaluations import Evaluation
from rnnlib.live.experiments import MAIN
from rnnlib.live.histories import long_history_of
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Event
from rnnlib.text import Corpus
from rnnlib.widgets.event_words import name_of, sentence_of

STEPS_OF_CLIPPED_COUNT = 200
MOST_MARKS = 200  # the newest changes
MAX_LOG_PERPLEXITY = 30.0  # what is lost is drawn far outside of the axes, and is a number still
LAST_LOSS = "|dL/dh| of the last loss"
EARLIER = ("at first", "a third", "two thirds")  # of the evaluations so far
Dashed = tuple[str, tuple[int, ...]]  # a colour, and the lengths of dashes and gaps
FORK_LINES: tuple[Dashed, ...] = (("green", ()), ("purple", (6, 3)), ("sky", (2, 2)), ("yellow", (8, 3, 2, 3)))


class LabChart:
    """Charts of a session, one after another; what has not changed is not worked out again."""

    def __init__(self, session: Session):
        self.diary = Diary()
        self._session = session
        self._corpus: Corpus | None = None
        self._events: list[Event] | None = None  # those of the session, of which so many are shown:
        self._events_shown = 0
        self._marks: list[Mark] = []
        self._threshold_curve, self._thresholds = Curves(), np.empty((0, 2), np.float32)
        self._evaluations: list[Evaluation] = []
        self._evaluated: dict[str, Points] = {}
        self._cells: tuple[tuple[str, ...], str] = ((), "")
        self._fork_lines: dict[str, Dashed] = {}
        self._panels: tuple[Panel, ...] = ()
        self._panels_are_for: tuple[object, ...] = ()

    def chart(self, thresholds: tuple[float, ...]) -> Chart:
        """What is known of the session now; it may go on meanwhile.  thresholds: the places of its handle."""
        session = self._session
        trainers = dict(session.trainers)
        curves = {name: long_history_of(trainer.history).curves() for name, trainer in trainers.items()}
        main = curves.pop(MAIN)
        self._update_events(session.events)
        self._update_evaluations(list(session.evaluations))
        series = {
            "training": _perplexities(main["loss"]),
            **{f"fork {name}": _perplexities(curve["loss"]) for name, curve in curves.items()},
            "norm": main["gradient_norm"],
            "clipped": main["clipped norm"],
            "threshold": self._thresholds,
            **self._evaluated,
        }
        last_step = max(trainer.steps_made for trainer in trainers.values())
        self._update_fork_lines(tuple(curves))
        return Chart(self._panels_for(thresholds), series, self._marks, last_step)

    def _update_fork_lines(self, names: Sequence[str]) -> None:
        """A fork keeps its line when another one is dropped."""
        kept = {name: line for name, line in self._fork_lines.items() if name in names}
        free = [line for line in FORK_LINES if line not in kept.values()]
        self._fork_lines = kept | dict(zip([name for name in names if name not in kept], free, strict=False))

    def _update_events(self, events: list[Event]) -> None:
        """The list grows while the session goes on; after a reset it is another one."""
        if events is not self._events:
            self._events, self._events_shown, self._marks, self._threshold_curve = events, 0, [], Curves()
            self._add_thresholds([(0, self._session.settings.clip_threshold)])
        new = events[self._events_shown :]
        if new:
            self._events_shown += len(new)
            self._add_thresholds([(event.step, event.new) for event in new if event.knob == "clip_threshold"])
            made = [event for event in new[-MOST_MARKS:] if event.knob != "resumed"]
            marks = [Mark(each.step, name_of(each), sentence_of(each)) for each in made]
            self._marks = [*self._marks, *marks][-MOST_MARKS:]

    def _add_thresholds(self, changes: list[tuple[int, float]]) -> None:
        """Where the threshold changed, and to what; not a number where there is none.  The last one is always kept."""
        if changes:
            finite = [value if math.isfinite(value) else math.nan for _, value in changes]
            self._threshold_curve.extend([step for step, _ in changes], [finite])
            kept, now = self._threshold_curve.points[0], np.array([[changes[-1][0], finite[-1]]], np.float32)
            is_kept = np.array_equal(kept[-1:], now, equal_nan=True)
            self._thresholds = kept if is_kept else np.concatenate([kept, now])

    def _update_evaluations(self, evaluations: list[Evaluation]) -> None:
        if evaluations == self._evaluations:  # the same objects
            return
        self._evaluations = evaluations
        self.diary.update(evaluations)
        steps = [each.step for each in evaluations]
        before = {each.cell: each for each in evaluations}  # the last one of every cell that the network had
        if steps:
            del before[evaluations[-1].cell]
        self._cells = tuple(before), evaluations[-1].cell if steps else ""
        self._evaluated = {
            "validation": _perplexities(_points(steps, [each.validation_loss for each in evaluations])),
            "radius": _points(steps, [each.spectral_radius for each in evaluations]),
            **{
                f"lags {when}": _lags(evaluations[len(evaluations) * i // 3]) for i, when in enumerate(EARLIER) if steps
            },
            **{f"lags {cell}": _lags(last) for cell, last in before.items()},
            **({"lags now": _lags(evaluations[-1])} if steps else {}),
        }

    # ---------------------------------------------------------------------------------------- panels

    def _panels_for(self, thresholds: tuple[float, ...]) -> tuple[Panel, ...]:
        """The four panels; the same object as long as they stay the same."""
        corpus, num_steps = self._session.corpus, self._session.settings.num_steps
        V = len(corpus.vocab)
        if corpus is not self._corpus:
            self._corpus, self._counted = corpus, Level(*counted_line(corpus))
        sample = sample_label(corpus, self._evaluations[-1].validation_error if self._evaluations else 0.0)
        wanted = (V, self._counted, sample, num_steps, self._fork_lines, thresholds, self._cells)
        if wanted != self._panels_are_for:
            perplexity, lags = (
                perplexity_panel(V, self._counted, self._fork_lines, sample),
                lags_panel(num_steps, *self._cells),
            )
            self._panels = (perplexity, lags, norm_panel(thresholds), RADIUS)
            self._panels_are_for = wanted
        return self._panels


def perplexity_panel(vocab_size: int, counted: Level, forks: Mapping[str, Dashed], sample: str = "") -> Panel:
    """Training, validation text and forks, beside what counting alone reaches."""
    fork_lines = [Line(f"fork {name}", name, color, dash=dash) for name, (color, dash) in forks.items()]
    return Panel(
        "perplexity",
        (
            *fork_lines,
            Line("training", "training", "blue"),
            Line("validation", f"validation{sample}", "orange", "marked"),
        ),
        at_least=(0.75 * counted.value, vocab_size),
        at_most=(1, 10 * vocab_size),
        levels=(counted,),
        names_marks=True,
    )


def lags_panel(num_steps: int, cells_before: Sequence[str], cell: str) -> Panel:
    """The gradient of the last loss alone, now, at earlier moments, and at the end of every cell before."""
    earlier = [Line(f"lags {when}", "earlier" if when == EARLIER[0] else "", "grey", width=1) for when in EARLIER]
    before = [
        Line(f"lags {name}", name.upper(), color, dash=dash)
        for name, (color, dash) in zip(cells_before, FORK_LINES, strict=False)
    ]
    now = Line("lags now", f"now, {cell.upper()}" if cell else "now", "blue", "marked")
    limits: Limits = (0, max(1, num_steps - 1))
    return Panel(LAST_LOSS, (*earlier, *before, now), x_name="steps back, k", x_limits=limits, at_least=(1e-6, 0.1))


def norm_panel(thresholds: tuple[float, ...]) -> Panel:
    """The gradient's norm, steps that were clipped, and the threshold, which is dragged."""
    return Panel(
        "gradient norm",
        (
            Line("norm", "before clipping", "blue"),
            Line("clipped", "clipped", "purple", "dots"),
            Line("threshold", "threshold", "orange", "stairs", 2.0),
        ),
        at_least=(0.1, 2),
        handle=Handle("Clipping threshold", thresholds),
    )


RADIUS = Panel(
    "spectral radius of W_hh",
    (Line("radius", "", "blue", "marked"),),
    scale="linear",
    at_least=(0, 1.2),
    at_most=(0, 1e6),
    levels=(Level(1, "1"),),
)


# ---------------------------------------------------------------------------------------- numbers


def _points(x: list[int], y: list[float]) -> Points:
    curve = Curves()
    curve.extend(x, [y])
    return curve.points[0]


def _perplexities(losses: Points) -> Points:
    """Points whose losses, in nats, become perplexities."""
    points = losses.copy()
    np.exp(np.minimum(losses[:, 1], MAX_LOG_PERPLEXITY), out=points[:, 1])
    return points


def _lags(evaluation: Evaluation) -> Points:
    """|dL_T/dh_{T-k}| against k."""
    norms = evaluation.norms_over_lags
    return np.column_stack([np.arange(len(norms)), norms]).astype(np.float32)
