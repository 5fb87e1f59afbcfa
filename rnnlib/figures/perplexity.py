"""Perplexity drawn: against training steps, for counted n-grams, for one distribution; and how often things occur.

Before: style.py.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from rnnlib.figures.glyphs import SEEN, drawable, families
from rnnlib.figures.style import BLACK, BLUE, COLORS, GREEN, GREY, ORANGE, PURPLE, TEXT, label_lines, plain_log_axis

MAX_POINTS = 400
MOST_BARS = 40
COLORS_OF_ORDERS = (GREY, BLUE, ORANGE, GREEN, PURPLE, BLACK)  # of n-grams, from order 1 on


def thin_out(values: np.ndarray, max_points: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Means over stretches of steps, so that at most max_points are drawn.

    values (n,), one for each step -> the last step of each stretch, counted from 1, and the mean over the stretch.
    """
    if len(values) == 0:
        return np.empty(0), np.empty(0)
    starts = np.unique(np.linspace(0, len(values), min(max_points, len(values)), endpoint=False).astype(int))
    lengths = np.diff(np.append(starts, len(values)))
    return starts + lengths, np.add.reduceat(values, starts) / lengths


def perplexity_axes(ax: Axes, ngram_perplexity: float | None = None, ngram_name: str = "counted n-gram") -> None:
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
    """The distribution over the next character, the 40 likeliest first, as bars.  probabilities, tokens (V,)."""
    order = np.argsort(probabilities)[::-1][:MOST_BARS]
    family = TEXT["fontfamily"]
    tokens = ["?" if token == "<unk>" else token for token in tokens]
    names = [drawable(SEEN.get(tokens[index], tokens[index]), family).replace("$", r"\$") for index in order]
    bars(ax, probabilities[order])
    ax.set_xticks(range(len(order)), names, fontfamily=families(family), rotation=90 if max(map(len, names)) > 4 else 0)
    shown = drawable(repr(before), family).replace("$", r"\$")
    ax.set(ylim=(0, 1), ylabel="probability")
    ax.set_xlabel(f"next token after {shown}" if max(map(len, names)) > 4 else f"next character after {shown}")
    ax.xaxis.label.set_fontfamily(families(family))


def bars(ax: Axes, heights: np.ndarray) -> None:
    """Bars at 0, 1, 2, ..., as one outline, which is drawn much sooner than an artist for each."""
    edges = np.arange(len(heights))[:, None] + (-0.4, 0.4)
    outline = np.stack([heights, np.zeros_like(heights)], axis=1).ravel()[:-1]  # nothing between two bars
    ax.stairs(outline, edges.ravel(), fill=True, color=BLUE, linewidth=0)


def surprise_bars(axes: Sequence[Axes], probabilities: np.ndarray, names: Sequence[str]) -> None:
    """A distribution (n,), and how surprising each of its outcomes is: 1/p, whose geometric mean is the perplexity."""
    possible = probabilities > 0
    entropy = -np.sum(probabilities[possible] * np.log(probabilities[possible]))
    for ax, heights in zip(axes, (probabilities, 1 / np.where(possible, probabilities, np.nan)), strict=True):
        bars(ax, heights)
        ax.set_xticks(range(len(names)), names)
        ax.set(xlabel="next character", xlim=(-0.6, len(names) - 0.4))
    axes[0].set(ylim=(0, 1), ylabel="probability p")
    axes[1].set(ylim=(1, 200), ylabel="surprise 1/p")
    plain_log_axis(axes[1])
    axes[1].axhline(np.exp(entropy), color=ORANGE, linewidth=2)
    label_lines(axes[1], [(f"perplexity {np.exp(entropy):.2f}", ORANGE)])


def ngram_curves(
    ax: Axes, amounts: np.ndarray, perplexities: np.ndarray, chosen: tuple[int, int], kind: str = "characters"
) -> None:
    """Perplexity of counted n-grams on text that was not counted, against the amount of text that was.

    amounts (m,); perplexities (orders, m), orders from 1 on, at most 6; chosen: which row and column is marked.
    kind: what was counted.
    """
    order, place = chosen
    ticks = ticks_around(perplexities.min(), perplexities.max())
    apart = 0.074 * np.log(ticks[-1] / ticks[0])
    heights = np.log(perplexities[:, -1])
    by_height = np.argsort(heights)
    for lower, upper in zip(by_height, by_height[1:], strict=False):  # names, pushed apart where curves are close
        heights[upper] = max(heights[upper], heights[lower] + apart)
    for row, (curve, height, color) in enumerate(zip(perplexities, heights, COLORS_OF_ORDERS, strict=False)):
        width, weight = (3.5, "bold") if row == order else (1.4, "normal")
        ax.plot(amounts, curve, color=color, linewidth=width, zorder=3 if row == order else 2)
        ax.text(
            amounts[-1] * 1.08, np.exp(height), f"{row + 1}-gram", color=color, fontsize=12, fontweight=weight,
            va="center",
        )  # fmt: skip
    ax.plot(amounts[place], perplexities[order, place], "o", color=COLORS_OF_ORDERS[order], markersize=11, zorder=4)
    ax.set_xscale("log")
    plain_log_axis(ax)
    ax.set(xlabel=f"{kind} counted", ylabel="validation perplexity", xlim=(amounts[0] / 1.2, amounts[-1] * 1.8))
    ax.set_xticks(amounts, [f"{amount:,}" for amount in amounts])
    ax.set_yticks(ticks)
    ax.set_ylim(ticks[0], ticks[-1])
    ax.xaxis.set_minor_locator(NullLocator())


def ticks_around(lowest: float, highest: float) -> list[float]:
    """1, 2, 3, 5, 10, 20 and so on, from the last one that is not above all values to the first not below them."""
    places = [step * 10.0**decade for decade in range(-1, 9) for step in (1, 2, 3, 5)]
    first = max(place for place in places if place <= lowest)
    last = min(place for place in places if place >= highest and place > first)
    return [place for place in places if first <= place <= last]


def zipf(ax: Axes, counts: Mapping[str, Sequence[int]]) -> None:
    """How often each item occurs, most frequent first, on logarithmic axes: one row of dots for each named counts."""
    for color, occurrences in reversed(list(zip(COLORS, counts.values(), strict=False))):  # the first lie on top
        ax.loglog(range(1, len(occurrences) + 1), sorted(occurrences, reverse=True), ".", color=color, markersize=5)
    ax.set(xlabel="rank", ylabel="how often it occurs")
    label_lines(ax, list(zip(counts, COLORS, strict=False)))
