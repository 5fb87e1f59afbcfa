"""The picture of a training session, kept up to date cheaply: perplexity, gradient norms, norms over time, radius.

Before: figures/.  Next: training_lab.py shows it beside the knobs.

Axes, labels and marks change rarely: they are drawn once and kept as a background.  Lines change with every frame:
they are drawn over a copy of it ("blitting").  Figure and canvas are this object's own, so that it can be drawn by
a thread of its own; pyplot could not.
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from rnnlib.figures.perplexity import perplexity_axes, thin_out
from rnnlib.figures.png import png_of
from rnnlib.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, Drawing, label_lines, plain_log_axis
from rnnlib.sessions import FORK, MAIN, Event, Session

STEPS_OF_CLIPPED_COUNT, BLIND_GUESSES_SHOWN = 200, 10
Limits = tuple[float, float]
SHORT_NAMES = {"learning_rate": "rate", "clip_threshold": "clip", "hidden_size": "H", "clip_by": "clip by"}


class LabPicture:
    """Draws a session as PNG, 1040 x 600 pixels."""

    def __init__(self, session: Session, ngram_perplexity: float):
        self._session, self._ngram_perplexity = session, ngram_perplexity
        self._figure = Drawing(10.4, 6.0)
        self._canvas = FigureCanvasAgg(self._figure)
        margins = {"left": 0.08, "right": 0.98, "bottom": 0.09, "top": 0.945, "wspace": 0.22, "hspace": 0.36}
        grid = self._figure.add_gridspec(2, 2, width_ratios=(1.35, 1), **margins)
        self._perplexity = self._figure.add_subplot(grid[0, 0])
        self._norm = self._figure.add_subplot(grid[1, 0], sharex=self._perplexity)
        self._over_time = self._figure.add_subplot(grid[0, 1])
        self._radius = self._figure.add_subplot(grid[1, 1], sharex=self._perplexity)
        self._prepare_axes()
        self._drawn: tuple[tuple[Limits, ...], tuple[Event, ...]] | None = None

    def _prepare_axes(self) -> None:
        perplexity_axes(self._perplexity, self._ngram_perplexity)
        label_lines(self._perplexity, [("training", BLUE), ("held out", ORANGE), ("fork, training", GREEN)])
        plain_log_axis(self._norm)
        self._norm.set(xlabel="training step", ylabel="gradient norm")
        label_lines(self._norm, [("before clipping", BLUE), ("threshold", ORANGE)])
        T = self._session.settings.num_steps
        self._over_time.set_yscale("log")
        self._over_time.yaxis.set_minor_formatter(NullFormatter())
        self._over_time.set(xlabel="time step t", ylabel=r"$|\partial L/\partial h_t|$", xlim=(1, T))
        self._radius.axhline(1, color=BLACK, linestyle="--", linewidth=1.2)
        self._radius.ticklabel_format(axis="y", scilimits=(-2, 4))
        self._radius.set(xlabel="training step", ylabel=r"spectral radius of $W_{hh}$")
        # Lines are animated: drawn by `draw`, not with the background.
        line = self._animated_line
        self._lines = {
            "fork": line(self._perplexity, GREEN),
            "training": line(self._perplexity, BLUE),
            "held out": line(self._perplexity, ORANGE, marker="o", markersize=3),
            "norm": line(self._norm, BLUE),
            "threshold": line(self._norm, ORANGE, linewidth=2.0),
            "over time": line(self._over_time, BLUE, marker="o", markersize=3),
            "radius": line(self._radius, BLUE, marker="o", markersize=3),
        }
        # Letters take most of the time of a frame: what changes is kept apart from what stays.
        stays = self._norm.text(
            0.99, 0.97, f"of the last {STEPS_OF_CLIPPED_COUNT} steps", transform=self._norm.transAxes,
            ha="right", va="top", fontsize=12,
        )  # fmt: skip
        self._clipped = self._norm.annotate(
            "", (0, 1), xycoords=stays, xytext=(-4, 0), textcoords="offset points",
            ha="right", va="top", fontsize=12, animated=True,
        )  # fmt: skip
        for ax in (self._perplexity, self._radius):
            ax.xaxis.set_major_locator(MaxNLocator(5))

    def _animated_line(self, ax: Axes, color: str, **options: Any) -> Line2D:
        (line,) = ax.plot([], [], color=color, animated=True, **{"linewidth": 1.4, **options})
        return line

    def draw(self) -> bytes:
        """Read the session, draw, and return the picture as PNG."""
        self._update_lines()
        wanted = self._limits(), tuple(event for event in self._session.events if event.knob != "resumed")
        if wanted != self._drawn:
            self._draw_background(*wanted)
            self._drawn = wanted
        self._canvas.restore_region(self._background)
        for artist in [*self._lines.values(), self._clipped]:
            artist.draw(self._canvas.get_renderer())
        return png_of(self._canvas)

    def _update_lines(self) -> None:
        session, lines = self._session, self._lines
        history = session.trainers[MAIN].history
        columns, looks = history.columns(), list(session.looks)
        with np.errstate(over="ignore", invalid="ignore"):
            steps, losses = thin_out(columns["loss"])
            lines["training"].set_data(steps, np.exp(losses.clip(max=30)))
            fork = session.trainers.get(FORK)
            fork_steps, fork_losses = thin_out(fork.history.columns()["loss"] if fork else np.empty(0))
            lines["fork"].set_data(fork_steps, np.exp(fork_losses.clip(max=30)))
            lines["norm"].set_data(*thin_out(columns["gradient_norm"]))
        lines["threshold"].set_data(*thin_out(columns["clip_threshold"]))
        look_steps = [look.step for look in looks]
        lines["held out"].set_data(look_steps, [math.exp(min(look.held_out_loss, 30)) for look in looks])
        lines["radius"].set_data(look_steps, [look.spectral_radius for look in looks])
        norms = looks[-1].norms_over_time if looks else ()
        lines["over time"].set_data(range(1, len(norms) + 1), norms)
        counted = min(len(history), STEPS_OF_CLIPPED_COUNT)
        clipped = round(counted * history.clipped_fraction(len(history) - counted)) if counted else 0
        self._clipped.set_text(f"clipped: {clipped}")

    def _limits(self) -> tuple[Limits, ...]:
        """Limits that hold all lines and move rarely, for drawing axes anew costs ten frames.

        Steps: the next of 100, 200, 400, ...  Only a perplexity far above a blind guess leaves its axes: how far it
        diverged would hide what others learn.
        """
        longest = max(trainer.steps_made for trainer in list(self._session.trainers.values()))
        last_step = 100 * 2 ** math.ceil(math.log2(max(longest, 100) / 100))
        V = len(self._session.corpus.vocab)
        perplexity = _spanning([self._lines[name] for name in ("training", "fork", "held out")], (2, V))
        high, counted = min(perplexity[1], BLIND_GUESSES_SHOWN * V), self._ngram_perplexity
        low = min(perplexity[0], 0.75 * counted, counted * (counted / high) ** 0.12)  # room for the n-gram's name
        norm = _spanning([self._lines["norm"], self._lines["threshold"]], (0.1, 2))
        over_time = _spanning([self._lines["over time"]], (1e-4, 1e-1), factor=10)
        radii = [look.spectral_radius for look in self._session.looks if math.isfinite(look.spectral_radius)]
        wanted = ((low, high), norm, over_time)
        drawn = self._drawn[0][1:4] if self._drawn else wanted
        kept = [_kept_if_they_fit(*limits) for limits in zip(drawn, wanted, strict=True)]
        return (0, last_step), *kept, (0, max([2, *map(math.ceil, radii)]))

    def _draw_background(self, limits: tuple[Limits, ...], marks: tuple[Event, ...]) -> None:
        steps, perplexity, norm, over_time, radius = limits
        self._perplexity.set(xlim=steps, ylim=perplexity)
        self._norm.set_ylim(norm)
        self._over_time.set_ylim(over_time)
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
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)


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
