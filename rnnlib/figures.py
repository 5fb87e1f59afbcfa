"""Drawings: data -> matplotlib Axes.  No state, no widgets.

Before: sessions.py.  Next: checks/.  Colours are those of Okabe and Ito (2008), told apart by colour-blind readers.
"""

import math
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080", "#000000"
COLORS = (BLUE, ORANGE, GREEN, PURPLE)
FONT: dict[Any, Any] = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}
MAX_POINTS = 400
DOTS_OF_A_BOLD_LETTER = 10.7


_one_at_a_time = threading.RLock()


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the course's style, one thread at a time: matplotlib keeps its settings in one place for all threads."""
    with _one_at_a_time, matplotlib.rc_context(FONT):
        yield


class _Renderers(threading.local):
    """The renderers of a thread, by size.  One remembers formulas, which take 5 ms each to read anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], RendererAgg] = {}

    def of_size(self, width: int, height: int, dpi: float) -> RendererAgg:
        """The renderer for so many dots, wiped clean."""
        if (width, height) not in self._known:
            self._known[width, height] = RendererAgg(width, height, dpi)
        self._known[width, height].clear()
        return self._known[width, height]


_renderers = _Renderers()


class Drawing(Figure):
    """A figure that a notebook shows where it stands at the end of a cell."""

    def _repr_png_(self) -> bytes:
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        renderer = _renderers.of_size(width, height, self.dpi)
        with house_style():
            self.draw(renderer)
        return png_of(renderer)

    def __repr__(self) -> str:
        return "Drawing"


def panels(columns: int = 1, *, width: float = 9, height: float = 3.4) -> tuple[Drawing, list[Axes]]:
    """A drawing of so many panels side by side, and their axes.  width, height: inches, at 100 dots each.

    Margins are fixed, with room for labels: a layout that finds them would draw everything twice.
    """
    left, right, bottom, top, between = 0.85, 0.2, 0.62, 0.38, 0.95
    with house_style():
        drawing = Drawing(figsize=(width, height), dpi=100)
        of_a_panel = (width - left - right - between * (columns - 1)) / columns
        drawing.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height,
            wspace=between / of_a_panel,
        )  # fmt: skip
        return drawing, [drawing.add_subplot(1, columns, place + 1) for place in range(columns)]


def png_of(canvas: FigureCanvasAgg | RendererAgg) -> bytes:
    """What is drawn on a canvas or by a renderer, as PNG, weakly compressed.   W3C, PNG, sections 5, 9.

    zlib works without Python's lock, so that a network goes on training meanwhile.  Pillow's writer holds the lock,
    and takes twice as long (bench/RESULTS.md).
    """
    pixels = np.asarray(canvas.buffer_rgba())
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # every row begins with its filter; 0 is none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits for each of red, green, blue and alpha
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level=1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


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
    ax.yaxis.set_minor_locator(NullLocator())


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
        place += DOTS_OF_A_BOLD_LETTER * (len(text) + 2) / ax.bbox.width


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


# -------------------------------------------------------------------------------------- perplexity


def surprise_bars(drawing: Drawing, axes: Sequence[Axes], probabilities: np.ndarray, names: Sequence[str]) -> None:
    """A distribution (n,), and how surprising each of its outcomes is: 1/p, whose geometric mean is the perplexity."""
    possible = probabilities > 0
    entropy = -np.sum(probabilities[possible] * np.log(probabilities[possible]))
    for ax, heights in zip(axes, (probabilities, 1 / np.where(possible, probabilities, np.nan)), strict=True):
        ax.bar(range(len(names)), heights, color=BLUE)
        ax.set_xticks(range(len(names)), names)
        ax.set_xlabel("next character")
    axes[0].set(ylim=(0, 1), ylabel="probability p")
    axes[1].set(ylim=(1, 200), ylabel="surprise 1/p")
    plain_log_axis(axes[1])
    axes[1].axhline(np.exp(entropy), color=ORANGE, linewidth=2)
    label_lines(axes[1], [(f"perplexity {np.exp(entropy):.2f}", ORANGE)])


def ngram_curves(ax: Axes, amounts: np.ndarray, perplexities: np.ndarray, chosen: tuple[int, int]) -> None:
    """Held-out perplexity of counted n-grams against the amount of text counted.

    amounts (m,); perplexities (orders, m), orders from 1 on; chosen: which row and column is marked.
    """
    order, place = chosen
    for row, curve in enumerate(perplexities):
        color, width = (ORANGE, 2.5) if row == order else (GREY, 1.2)
        ax.plot(amounts, curve, color=color, linewidth=width, zorder=3 if row == order else 2)
    # names at the right end, pushed apart where lines end close together
    heights = np.log(perplexities[:, -1])
    by_height = np.argsort(heights)
    for lower, upper in zip(by_height, by_height[1:], strict=False):
        heights[upper] = max(heights[upper], heights[lower] + 0.13)
    for row, height in enumerate(heights):
        color = ORANGE if row == order else GREY
        ax.text(amounts[-1] * 1.06, np.exp(height), f"{row + 1}-gram", color=color, fontsize=12, va="center")
    ax.plot(amounts[place], perplexities[order, place], "o", color=ORANGE, markersize=10, zorder=4)
    ax.set_xscale("log")
    plain_log_axis(ax)
    ax.set(xlabel="characters counted", ylabel="held-out perplexity", xlim=(amounts[0], amounts[-1] * 1.6))
    ax.set_xticks(amounts, [f"{amount:,}" for amount in amounts])
    ax.set_yticks([3, 5, 10, 20])
    ax.xaxis.set_minor_locator(NullLocator())


def zipf(ax: Axes, counts: Mapping[str, Sequence[int]]) -> None:
    """How often each item occurs, most frequent first, on logarithmic axes: one row of dots for each named counts."""
    for color, occurrences in zip(COLORS, counts.values(), strict=False):
        ax.loglog(range(1, len(occurrences) + 1), sorted(occurrences, reverse=True), ".", color=color, markersize=5)
    ax.set(xlabel="rank", ylabel="how often it occurs")
    label_lines(ax, list(zip(counts, COLORS, strict=False)))


# ------------------------------------------------------------------------------------ gradient map


def gradient_map_image(ax: Axes, norms: np.ndarray, *, decades: float = 6) -> None:
    """|dL_t/dh_k| as an image: row t, column k, on a logarithmic scale over so many decades below the largest."""
    T, largest = len(norms), norms.max()
    shown = np.where(norms > 0, norms, np.nan) / (largest if largest > 0 else 1)
    with np.errstate(divide="ignore"):
        image = ax.imshow(
            np.log10(shown), cmap="cividis", vmin=-decades, vmax=0, extent=(0.5, T + 0.5, T + 0.5, 0.5), aspect="auto"
        )
    ax.set(xlabel="hidden state k", ylabel="loss of step t")
    ax.grid(False)
    bar = ax.figure.colorbar(image, ax=ax, ticks=[-decades, 0], fraction=0.05, pad=0.03)
    bar.ax.set_yticklabels([f"$10^{{{-decades:g}}}$", "1"])
    ax.set_title(r"$|\partial L_t/\partial h_k|$, the largest is 1", loc="left", fontsize=12)


def norms_by_lag(ax: Axes, norms: np.ndarray) -> None:
    """The mean of |dL_t/dh_k| over all t against the lag t - k, divided by that of lag 0."""
    T = len(norms)
    means = np.array([np.diagonal(norms, -lag).mean() for lag in range(T)])
    ax.semilogy(range(T), np.maximum(means / max(means[0], 1e-30), 1e-12), ".-", color=BLUE)
    ax.set(xlabel="lag t - k", ylim=(1e-8, 2))
    ax.set_title("mean over each lag, that of lag 0 is 1", loc="left", fontsize=12)
    ax.yaxis.set_minor_locator(NullLocator())


def against_length(
    ax: Axes, lengths: Sequence[int], curves: Mapping[str, Sequence[float]], ylabel: str, *, log: bool = True
) -> None:
    """One curve for each named row of values against the number of time steps T, names above the axes."""
    for color, values in zip(COLORS, curves.values(), strict=False):
        ax.plot(lengths, values, ".-", color=color, linewidth=1.6, markersize=8)
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, [str(length) for length in lengths])
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="time steps T", ylabel=ylabel)


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
