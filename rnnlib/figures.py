"""Drawings: data -> matplotlib Axes.  No state, no widgets.

Before: sessions.py.  Next: checks.py.  Colours are those of Okabe and Ito (2008), told apart by colour-blind readers.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080", "#000000"
FONT: dict[Any, Any] = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}
MAX_POINTS = 400


class Drawing(Figure):
    """A figure that a notebook shows where it stands at the end of a cell."""

    def _repr_png_(self) -> bytes:
        canvas = FigureCanvasAgg(self)
        canvas.draw()
        return png_of(canvas)

    def __repr__(self) -> str:
        return "Drawing"


def panels(columns: int = 1, *, width: float = 9, height: float = 3.4) -> tuple[Drawing, list[Axes]]:
    """A drawing of so many panels side by side, and their axes.  width, height: inches, at 100 dots each.

    Margins are fixed, with room for labels: a layout that finds them would draw everything twice.
    """
    left, right, bottom, top, between = 0.85, 0.2, 0.62, 0.38, 0.95
    with matplotlib.rc_context(FONT):
        drawing = Drawing(figsize=(width, height), dpi=100)
        of_a_panel = (width - left - right - between * (columns - 1)) / columns
        drawing.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height,
            wspace=between / of_a_panel,
        )  # fmt: skip
        return drawing, [drawing.add_subplot(1, columns, place + 1) for place in range(columns)]


def png_of(canvas: FigureCanvasAgg) -> bytes:
    """What is drawn on a canvas, as PNG; weakly compressed, which takes a quarter of the time."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def thin_out(values: np.ndarray, max_points: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Means over stretches of steps, so that at most max_points are drawn.

    values (n,), one for each step -> the last step of each stretch, counted from 1, and the mean over the stretch.
    """
    if len(values) == 0:
        return np.empty(0), np.empty(0)
    starts = np.unique(np.linspace(0, len(values), min(max_points, len(values)), endpoint=False).astype(int))
    lengths = np.diff(np.append(starts, len(values)))
    return starts + lengths, np.add.reduceat(values, starts) / lengths


def plain_log_axis(ax: Axes) -> None:
    """A logarithmic y-axis labelled 2, 5, 10, 20 and not 10^1; over more than three decades 1, 10, 100, 1e3, 1e4."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(PlainLogLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def plain_number(value: float) -> str:
    """200, 0.5, but 1e5: short enough for an axis."""
    return f"{value:g}" if value < 1e4 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


class PlainLogLocator(LogLocator):
    """Places 1, 2 and 5 of every decade while there is room, else whole decades."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        self.set_params(subs=(1, 2, 5) if vmax < 1e3 * vmin else (1,))
        return super().tick_values(vmin, vmax)


def label_lines(ax: Axes, labels: Sequence[tuple[str, str]]) -> None:
    """Names of lines, in their colours, side by side above the axes."""
    place = 0.0
    for text, color in labels:
        ax.text(place, 1.03, text, color=color, transform=ax.transAxes, fontsize=12, fontweight="bold")
        place += 0.022 * (len(text) + 2)


def perplexity_axes(ax: Axes, ngram_perplexity: float | None = None, ngram_name: str = "counted 4-gram") -> None:
    """Axes for perplexity against training steps, with the line that counting alone reaches."""
    plain_log_axis(ax)
    ax.set(xlabel="training step", ylabel="perplexity")
    if ngram_perplexity is not None:
        ax.axhline(ngram_perplexity, color=BLACK, linestyle="--", linewidth=1.2)
        ax.annotate(
            f"{ngram_name}: {ngram_perplexity:.2f}", (0.01, ngram_perplexity), xycoords=("axes fraction", "data"),
            xytext=(0, -3), textcoords="offset points", va="top", fontsize=12,
        )  # fmt: skip


def perplexity_curves(
    ax: Axes, losses: Mapping[str, np.ndarray], colors: Sequence[str] = (BLUE, ORANGE, GREEN)
) -> None:
    """One curve of training perplexity for each named column of losses (nats per token, one for each step)."""
    for color, loss in zip(colors, losses.values(), strict=False):
        steps, means = thin_out(np.asarray(loss))
        ax.plot(steps, np.exp(means), color=color, linewidth=1.6)
    label_lines(ax, list(zip(losses, colors, strict=False)))


def next_character_bars(ax: Axes, probabilities: np.ndarray, tokens: Sequence[str], before: str) -> None:
    """The distribution over the next character, likeliest first, as bars.  probabilities, tokens (V,)."""
    order = np.argsort(probabilities)[::-1]
    names = [{" ": "␣", "<unk>": "?"}.get(tokens[index], tokens[index]) for index in order]
    ax.bar(range(len(order)), probabilities[order], color=BLUE)
    ax.set_xticks(range(len(order)), names)
    ax.set(ylim=(0, 1), ylabel="probability", xlabel=f"next character after {before!r}")


# ------------------------------------------------------------------------------- maps of many networks


def sweep_axes(ax: Axes, learning_rates: Sequence[float], clip_thresholds: Sequence[float]) -> None:
    """Axes with a field for every pair of learning rate and clipping threshold, both at equal distances."""
    ax.grid(False)
    ax.set_xticks(range(len(learning_rates)), [f"{rate:.3g}" for rate in learning_rates])
    ax.set_yticks(range(len(clip_thresholds)), [threshold_name(threshold) for threshold in clip_thresholds])
    ax.set(xlim=(-0.5, len(learning_rates) - 0.5), ylim=(-0.5, len(clip_thresholds) - 0.5))
    ax.set(xlabel="learning rate", ylabel="clipping threshold")
    label_lines(ax, [("held-out perplexity; × diverged", BLACK)])


def threshold_name(threshold: float) -> str:
    """A clipping threshold in a few characters; an infinite one is "off"."""
    return f"{threshold:.2g}" if math.isfinite(threshold) else "off"


def sweep_fields(ax: Axes, perplexities: np.ndarray, most: float, selected: tuple[int, int]) -> list[Artist]:
    """A network in each field: its perplexity as number and colour, a cross if it diverged, nothing if not yet known.

    perplexities (thresholds, rates): infinite where a network diverged, nan where nothing is known yet.  most: the
    perplexity of the darkest colour.  selected: (row, column) of the field with a frame.
    """
    known = np.isfinite(perplexities)
    colors = LogNorm(min(perplexities[known].min(), 0.99 * most) if known.any() else 0.5 * most, most)
    rows, columns = perplexities.shape
    fields = ax.imshow(
        np.ma.masked_where(~known, perplexities), cmap="viridis_r", norm=colors, aspect="auto",
        extent=(-0.5, columns - 0.5, -0.5, rows - 0.5), origin="lower",
    )  # fmt: skip
    drawn: list[Artist] = [fields]
    for (row, column), perplexity in np.ndenumerate(perplexities):
        place: dict[str, Any] = {"ha": "center", "va": "center"}
        if math.isfinite(perplexity):
            red, green, blue, _ = fields.to_rgba(perplexity)
            color = "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 0.5 else BLACK
            drawn.append(ax.text(column, row, f"{perplexity:.1f}", color=color, fontsize=12, **place))
        elif math.isinf(perplexity):
            drawn.append(ax.text(column, row, "×", color=BLACK, fontsize=20, **place))
    row, column = selected
    for color, width in (("white", 6), (ORANGE, 3)):
        field = Rectangle((column - 0.5, row - 0.5), 1, 1, edgecolor=color, linewidth=width, fill=False, clip_on=False)
        drawn.append(ax.add_patch(field))
    return drawn


def run_axes(ax: Axes, *, steps: int, vocab_size: int, ngram_perplexity: float) -> None:
    """Axes for the perplexity of one of many networks, the same for all; a curve that leaves them upwards is lost."""
    perplexity_axes(ax, ngram_perplexity)
    ax.set(xlim=(0, 1.04 * steps), ylim=(0.75 * ngram_perplexity, 4 * vocab_size))
    ax.axhline(vocab_size, color=GREY, linestyle=":", linewidth=1.2)
    ax.annotate(
        f"blind guess: {vocab_size}", (0.99, vocab_size), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", ha="right", va="bottom", color=GREY, fontsize=12,
    )  # fmt: skip
    label_lines(ax, [("training", BLUE), ("held out, at the end", ORANGE)])


def run_curve(ax: Axes, losses: np.ndarray, held_out_loss: float) -> list[Artist]:
    """Training perplexity over the steps, and a dot for the held-out text.  losses (steps,), held_out_loss: nats."""
    with np.errstate(over="ignore", invalid="ignore"):
        perplexities, held_out = np.exp(np.clip(losses, None, 30)), np.exp(min(held_out_loss, 30))
    curve = ax.plot(np.arange(1, len(losses) + 1), perplexities, color=BLUE, linewidth=1.4)
    return [*curve, *ax.plot([len(losses)], [held_out], color=ORANGE, marker="o", markersize=8)]
