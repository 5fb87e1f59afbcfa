"""Maps of many networks: a field for each pair of learning rate and clipping threshold, and the curve of one.

Before: perplexity.py, whose axes the curve has.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from rnnlib.figures.perplexity import perplexity_axes
from rnnlib.figures.style import BLACK, BLUE, GREY, ORANGE, label_lines


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
        extent=(-0.5, columns - 0.5, -0.5, rows - 0.5), origin="lower", interpolation="nearest",
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
