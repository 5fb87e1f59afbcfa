"""The picture of a training session: perplexity, gradient norms, norms over lags, spectral radius.

Before: layered_figure.py, live/sessions.py.  Next: training_lab.py shows it beside the knobs.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from rnnlib.figures.perplexity import perplexity_axes, thin_out
from rnnlib.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, label_lines, plain_log_axis
from rnnlib.live.evaluations import Evaluation
from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Event
from rnnlib.widgets.layered_figure import LayeredFigure

STEPS_OF_CLIPPED_COUNT, BLIND_GUESSES_SHOWN = 200, 10
EARLIER = ("over lags at first", "over lags, a third", "over lags, two thirds")  # of the evaluations so far
MAX_LOG_PERPLEXITY = 30.0  # what is lost is drawn far outside of the axes, and is a number still
Curve = tuple[np.ndarray, np.ndarray]
Limits = tuple[float, float]
SHORT_NAMES = {"learning_rate": "rate", "clip_threshold": "clip", "hidden_size": "H", "clip_by": "clip by"}


class Recorded(NamedTuple):
    """What is shown of a session.

    curves: steps and values of every line, by name.  clipped: how many of the last STEPS_OF_CLIPPED_COUNT steps.
    last_step: of the network that was trained longest.
    """

    curves: dict[str, Curve]
    evaluations: list[Evaluation]
    events: tuple[Event, ...]
    clipped: int
    last_step: int


def record(session: Session) -> Recorded:
    """What is known of a session now; it may go on meanwhile."""
    trainers, evaluations = dict(session.trainers), list(session.evaluations)
    history, fork = trainers[MAIN].history, trainers.get(FORK)
    columns = history.columns()
    counted = min(len(history), STEPS_OF_CLIPPED_COUNT)
    evaluated_at = np.array([evaluation.step for evaluation in evaluations])
    return Recorded(
        curves={
            "training": _perplexities(*_means(columns["loss"])),
            "fork": _perplexities(*_means(fork.history.columns()["loss"] if fork else np.empty(0))),
            "held out": _perplexities(evaluated_at, np.array([each.held_out_loss for each in evaluations])),
            "norm": _means(columns["gradient_norm"]),
            "threshold": _means(columns["clip_threshold"]),
            "radius": (evaluated_at, np.array([each.spectral_radius for each in evaluations])),
            "over lags": _lags(evaluations[-1:]),
            **{name: _lags(evaluations[len(evaluations) * third // 3 :]) for third, name in enumerate(EARLIER)},
        },
        evaluations=evaluations,
        events=tuple(session.events),
        clipped=round(counted * history.clipped_fraction(len(history) - counted)) if counted else 0,
        last_step=max(trainer.steps_made for trainer in trainers.values()),
    )


def _lags(evaluations: list[Evaluation]) -> Curve:
    """|dL_T/dh_{T-k}| against k, of the first of these evaluations."""
    norms = np.array(evaluations[0].norms_over_lags if evaluations else ())
    return np.arange(len(norms)), norms


def _means(values: np.ndarray) -> Curve:
    """Thinned out; what is not finite may be among them."""
    with np.errstate(over="ignore", invalid="ignore"):
        return thin_out(values)


def _perplexities(steps: np.ndarray, losses: np.ndarray) -> Curve:
    return steps, np.exp(np.clip(losses, None, MAX_LOG_PERPLEXITY))


class LabFigure(LayeredFigure):
    """Four panels, 1040 x 600 pixels.  curves: their lines, by the names of Recorded."""

    def __init__(self, *, num_steps: int, vocab_size: int, ngram_perplexity: float):
        super().__init__(10.4, 6.0)
        self._vocab_size, self._ngram_perplexity = vocab_size, ngram_perplexity
        margins = {"left": 0.08, "right": 0.98, "bottom": 0.09, "top": 0.945, "wspace": 0.22, "hspace": 0.36}
        grid = self.add_gridspec(2, 2, width_ratios=(1.35, 1), **margins)
        self._perplexity = self.add_subplot(grid[0, 0])
        self._norm = self.add_subplot(grid[1, 0], sharex=self._perplexity)
        self._over_lags = self.add_subplot(grid[0, 1])
        self._radius = self.add_subplot(grid[1, 1], sharex=self._perplexity)
        self._prepare_axes(num_steps)
        self._drawn: tuple[tuple[Limits, ...], tuple[Event, ...]] | None = None

    def _prepare_axes(self, num_steps: int) -> None:
        perplexity_axes(self._perplexity, self._ngram_perplexity)
        label_lines(self._perplexity, [("training", BLUE), ("held out", ORANGE), ("fork, training", GREEN)])
        plain_log_axis(self._norm)
        self._norm.set(xlabel="training step", ylabel="gradient norm")
        label_lines(self._norm, [("before clipping", BLUE), ("threshold", ORANGE)])
        self._over_lags.set_yscale("log")
        self._over_lags.yaxis.set_minor_formatter(NullFormatter())
        self._over_lags.set(
            xlabel="steps back, k", ylabel=r"$|\partial L_T/\partial h_{T-k}|$", xlim=(0, max(1, num_steps - 1))
        )
        label_lines(self._over_lags, [("now", BLUE), ("earlier", GREY)])
        self._radius.axhline(1, color=BLACK, linestyle="--", linewidth=1.2)
        self._radius.ticklabel_format(axis="y", scilimits=(-2, 4))
        self._radius.set(xlabel="training step", ylabel=r"spectral radius of $W_{hh}$")
        line = self._animated_line
        self.curves = {
            "fork": line(self._perplexity, GREEN),
            "training": line(self._perplexity, BLUE),
            "held out": line(self._perplexity, ORANGE, marker="o", markersize=3),
            "norm": line(self._norm, BLUE),
            "threshold": line(self._norm, ORANGE, linewidth=2.0),
            **{name: line(self._over_lags, GREY, linewidth=1.0) for name in EARLIER},
            "over lags": line(self._over_lags, BLUE, marker="o", markersize=3),
            "radius": line(self._radius, BLUE, marker="o", markersize=3),
        }
        # Letters take most of the time of a picture: what changes is kept apart from what stays.
        stays = self._norm.text(
            0.99, 0.97, f"within the last {STEPS_OF_CLIPPED_COUNT} steps", transform=self._norm.transAxes,
            ha="right", va="top", fontsize=12,
        )  # fmt: skip
        self._clipped = self._norm.annotate(
            "", (0, 1), xycoords=stays, xytext=(-4, 0), textcoords="offset points",
            ha="right", va="top", fontsize=12, animated=True,
        )  # fmt: skip
        for ax in (self._perplexity, self._radius):
            ax.xaxis.set_major_locator(MaxNLocator(5))
        self.data = [*self.curves.values(), self._clipped]

    def _animated_line(self, ax: Axes, color: str, **options: Any) -> Line2D:
        (line,) = ax.plot([], [], color=color, animated=True, **{"linewidth": 1.4, **options})
        return line

    def draw_session(self, recorded: Recorded) -> None:
        """Show what is recorded; axes are drawn anew only where it leaves them, or where there is a new mark."""
        for name, curve in recorded.curves.items():
            self.curves[name].set_data(*curve)
        self._clipped.set_text(f"clipped: {recorded.clipped}")
        marks = tuple(event for event in recorded.events if event.knob != "resumed")
        wanted = self._limits(recorded), marks
        if wanted != self._drawn:
            self._draw_axes_anew(*wanted)
            self._drawn = wanted

    def _limits(self, recorded: Recorded) -> tuple[Limits, ...]:
        """Limits that hold all lines and move rarely, for drawing axes anew costs ten pictures.

        Steps: the next of 100, 200, 400, ...  Only a perplexity far above a blind guess leaves its axes: how far it
        diverged would hide what others learn.
        """
        last_step = 100 * 2 ** math.ceil(math.log2(max(recorded.last_step, 100) / 100))
        V = self._vocab_size
        perplexity = _spanning([self.curves[name] for name in ("training", "fork", "held out")], (2, V))
        high, counted = min(perplexity[1], BLIND_GUESSES_SHOWN * V), self._ngram_perplexity
        low = min(perplexity[0], 0.75 * counted, counted * (counted / high) ** 0.12)  # room for the n-gram's name
        norm = _spanning([self.curves["norm"], self.curves["threshold"]], (0.1, 2))
        over_lags = _spanning([self.curves[name] for name in ("over lags", *EARLIER)], (1e-4, 1e-1), factor=10)
        radii = [radius for radius in recorded.curves["radius"][1].tolist() if math.isfinite(radius)]
        wanted = ((low, high), norm, over_lags)
        drawn = self._drawn[0][1:4] if self._drawn else wanted
        kept = [_kept_if_they_fit(*limits) for limits in zip(drawn, wanted, strict=True)]
        return (0, last_step), *kept, (0, max([2, *map(math.ceil, radii)]))

    def _draw_axes_anew(self, limits: tuple[Limits, ...], marks: tuple[Event, ...]) -> None:
        steps, perplexity, norm, over_lags, radius = limits
        self._perplexity.set(xlim=steps, ylim=perplexity)
        self._norm.set_ylim(norm)
        self._over_lags.set_ylim(over_lags)
        self._radius.set_ylim(radius)
        for ax in (self._perplexity, self._norm, self._radius):
            for artist in [artist for artist in ax.get_children() if artist.get_gid() == "mark"]:
                artist.remove()
            for mark in marks:
                ax.axvline(mark.step, color=GREY, linewidth=0.8, gid="mark")
        for mark, row in _rows_without_overlap(marks, least_distance=0.2 * steps[1]):
            self._perplexity.annotate(
                describe(mark), (mark.step, 0.93 - 0.09 * row), xycoords=("data", "axes fraction"),
                xytext=(3, 0), textcoords="offset points", fontsize=10, color=GREY, gid="mark",
            )  # fmt: skip
        self.draw_axes()


def _rows_without_overlap(marks: tuple[Event, ...], least_distance: float, rows: int = 4) -> list[tuple[Event, int]]:
    """The marks that have room for a label, newest first, each with the first row on which no other label is near."""
    labelled: list[tuple[Event, int]] = []
    for mark in reversed(marks):
        taken = {row for other, row in labelled if other.step - mark.step < least_distance}
        free = [row for row in range(rows) if row not in taken]
        if free:
            labelled.append((mark, free[0]))
    return labelled


def describe(event: Event) -> str:
    """An event in a few words, for its mark on the curve."""
    return "fork" if event.knob == "fork" else f"{SHORT_NAMES.get(event.knob, event.knob)} {event.value_name}"


def _spanning(lines: list[Line2D], without_data: Limits, factor: float = 2.0) -> Limits:
    """Limits for a logarithmic axis: the finite positive data of the lines, rounded outwards to powers of `factor`."""
    data = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in lines])
    data = data[np.isfinite(data) & (data > 0)]
    if len(data) == 0:
        return without_data
    below = factor ** math.floor(math.log(min(data), factor) + 1e-9)
    above = factor ** math.ceil(math.log(max(data), factor) - 1e-9)
    return below, max(above, without_data[1])


def _kept_if_they_fit(drawn: Limits, wanted: Limits) -> Limits:
    """The limits that are drawn, if they hold the wanted ones and are at most twice as wide on a logarithmic axis."""
    holds = drawn[0] <= wanted[0] and wanted[1] <= drawn[1]
    fits = holds and math.log(drawn[1] / drawn[0]) <= 2 * math.log(wanted[1] / wanted[0])
    return drawn if fits else wanted
