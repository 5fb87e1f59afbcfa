"""Gradients drawn: the map of a whole unrolled network, its mean over each lag, quantities against the length T.

Before: style.py.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rnnlib.figures.style import COLORS, color_bar, plain_log_axis


def gradient_map_image(ax: Axes, norms: np.ndarray, *, decades: float = 6) -> None:
    """|dL_t/dh_j| as an image: row t, column j, on a logarithmic scale over so many decades below the largest."""
    T, largest = len(norms), norms.max()
    shown = np.where(norms > 0, norms, np.nan) / (largest if largest > 0 else 1)
    with np.errstate(divide="ignore"):
        image = ax.imshow(
            np.log10(shown), cmap="cividis", vmin=-decades, vmax=0, extent=(0.5, T + 0.5, T + 0.5, 0.5), aspect="auto",
            origin="upper", interpolation="nearest",
        )  # fmt: skip
    ax.set(xlabel="hidden state j", ylabel="loss of step t")
    ax.grid(False)
    bar = color_bar(image, ax, [-decades, 0], width=0.05, distance=0.03)
    bar.ax.tick_params(labelsize=10)  # there is little room before the next panel
    bar.ax.set_yticklabels([f"$10^{{{-decades:g}}}$", "1"])
    ax.set_title(r"$|dL_t/dh_j|$, the largest is 1")


def against_length(
    ax: Axes, lengths: Sequence[int], curves: Mapping[str, Sequence[float]], ylabel: str, *, log: bool = True
) -> None:
    """One curve for each named row of values against the number of time steps T, names above the axes."""
    for color, values in zip(COLORS, curves.values(), strict=False):
        ax.plot(lengths, values, ".-", color=color, linewidth=1.6, markersize=8)
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, [str(length) for length in lengths])
    if log:
        plain_log_axis(ax)
    ax.set(xlabel="time steps T", ylabel=ylabel)
