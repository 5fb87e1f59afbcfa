"""Drawings for notebook 04: Jacobian products, the cliff, clipping, gates, the time for a token.

Before: letters.py; the numbers come from topics/jacobians.py and topics/cliff.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from contourpy import contour_generator
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.ticker import NullLocator

from rnnlib.figures.letters import shade, shaded_letters
from rnnlib.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    WHITE_BEHIND,
    Drawing,
    color_bar,
    plain_log_axis,
)
from rnnlib.topics.cliff import ARRIVED_BELOW, cliff_error
from rnnlib.topics.jacobians import JacobianNorms

Limits = tuple[float, float]
SMALLEST_NORM, LARGEST_NORM = 1e-12, 1e6
CLIFF_W, CLIFF_B = (4.0, 5.3), (-3.1, -1.5)
COLORS_OF_WAYS = (ORANGE, BLUE, GREEN)


def lag_norms(ax: Axes, found: JacobianNorms) -> None:
    """|dh_T/dh_{T-k}| against the lag k, under its bound."""
    lags = np.arange(len(found.norms))
    ax.plot(lags, found.norms, ".-", color=BLUE)
    ax.plot(lags, found.bounds, "--", color=ORANGE, linewidth=1.5)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set(xlabel="steps, k", ylabel="left of a change", yscale="log", ylim=(SMALLEST_NORM, LARGEST_NORM))
    ax.yaxis.set_minor_locator(NullLocator())


def spectrum(ax: Axes, eigenvalues: np.ndarray) -> None:
    """The eigenvalues of W_hh (H,), complex, and the unit circle."""
    angles = np.linspace(0, 2 * np.pi, 100)
    ax.plot(np.cos(angles), np.sin(angles), color=BLACK, linewidth=1)
    ax.plot(eigenvalues.real, eigenvalues.imag, ".", color=BLUE, markersize=8)
    reach = max(1.2, 1.1 * float(np.abs(eigenvalues).max()))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part", ylabel="imaginary part")
    ax.set_title(r"eigenvalues of $W_{hh}$")


class CliffGround(NamedTuple):
    """A part of the (w, b) plane, from above: what stays the same while descents change.

    shades: of the error, (rows, columns, 4) from 0 to 255, rows from the lowest b.  valley: its outline,
    (n, 2), with nan between two pieces.
    """

    w_limits: Limits
    b_limits: Limits
    shades: np.ndarray
    valley: np.ndarray


def cliff_ground(w_limits: Limits = CLIFF_W, b_limits: Limits = CLIFF_B) -> CliffGround:
    """The error over a part of the plane, light where it is large."""
    w, b = np.meshgrid(np.linspace(*w_limits, 260), np.linspace(*b_limits, 260))
    error = cliff_error(w, b)
    shades = colormaps["Greys_r"](Normalize(-0.25, 0.45)(error), bytes=True)
    outlines: Any = contour_generator(w, b, error, line_type="ChunkCombinedNan").lines(ARRIVED_BELOW)
    return CliffGround(w_limits, b_limits, shades, outlines[0][0])


def cliff_map(ax: Axes, ground: CliffGround, ways: Mapping[str, np.ndarray]) -> None:
    """The error from above, the valley dotted, and the ways of some descents."""
    w_limits, b_limits, shades, valley = ground
    ax.imshow(shades, origin="lower", extent=(*w_limits, *b_limits), aspect="auto", interpolation="nearest")
    ax.plot(*valley.T, ":", color=BLACK, linewidth=1)
    for color, way in zip(COLORS_OF_WAYS, ways.values(), strict=False):
        ax.plot(*way.T, ".-", color=color, linewidth=1.6, markersize=6)
        ax.plot(*way[-1], "s", color=color, markeredgecolor=BLACK, markersize=8)
    first = next(iter(ways.values()))[0]
    ax.plot(*first, "o", color="white", markeredgecolor=BLACK, markersize=10)
    ax.set(xlim=w_limits, ylim=b_limits, xlabel="w", ylabel="b")
    ax.locator_params(nbins=4)
    ax.grid(False)


def cliff_regions(ax: Axes) -> None:
    """Names of the two plains and of the valley, on the map of the whole surface."""
    for w, b, name in ((4.7, -2.95, "high plain"), (4.83, -2.15, "low plain"), (4.05, -1.7, "valley")):
        ax.text(w, b, name, fontweight="bold", bbox={**WHITE_BEHIND, "alpha": 0.75, "pad": 2})
    ax.plot([4.12, 4.12], [-1.77, -1.97], "v-", color=BLACK, linewidth=1, markersize=7, markevery=[1])


def cliff_errors(ax: Axes, ways: Mapping[str, np.ndarray]) -> None:
    """The error along each descent."""
    for color, way in zip(COLORS_OF_WAYS, ways.values(), strict=False):
        ax.plot(np.maximum(cliff_error(way[:, 0], way[:, 1]), 1e-5), ".-", color=color, linewidth=1.6)
    ax.axhline(ARRIVED_BELOW, color=BLACK, linestyle=":", linewidth=1)
    plain_log_axis(ax)
    ax.set(xlabel="step", ylabel="error E", ylim=(1e-5, 1))


def cliff_profile(ax: Axes, w: float) -> None:
    """The error against b at one w: a plain, a wall, the other plain."""
    b = np.linspace(*CLIFF_B, 2000)
    ax.plot(b, cliff_error(np.full_like(b, w), b), color=BLUE, linewidth=2)
    for place, height, name in (
        (-2.85, 0.3, "high plain"),
        (-2.37, 0.17, "wall"),
        (-2.53, 0.01, "valley"),
        (-1.7, 0.08, "low plain"),
    ):
        ax.text(place, height, name, fontweight="bold")
    ax.set(xlabel=f"b, at w = {w:g}", ylabel="error E", ylim=(-0.02, 0.45))


def clipped_in_their_plane(ax: Axes, length: float, clipped: Sequence[np.ndarray], threshold: float) -> None:
    """A gradient along the horizontal axis, and what is left of it by norm and by value, (2,) each, in their plane.

    length: of the gradient; where it ends outside, it has no head.  A vector too short for an arrow is a dot.
    """
    by_norm, by_value = clipped
    reach = 1.25 * max(float(np.linalg.norm(by_norm)), float(np.linalg.norm(by_value)))
    angles = np.linspace(0, np.pi / 2, 100)
    ax.plot(threshold * np.cos(angles), threshold * np.sin(angles), color=BLUE, linewidth=1)
    for vector, color, width in ((np.array([length, 0]), ORANGE, 2), (by_norm, BLUE, 3), (by_value, GREEN, 3)):
        lift = 0.012 * reach * (color == BLUE)
        if vector[0] > reach:
            ax.plot([0, reach], [0, 0], color=color, linewidth=width)
        elif np.linalg.norm(vector) < 0.07 * reach:
            ax.plot(*vector, "o", color=color, markersize=8, markeredgewidth=0, zorder=5)
        else:
            arrow = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (vector[0], vector[1] + lift), (0, lift), arrowprops={**arrow, "mutation_scale": 18})
    ax.set(xlim=(-0.04 * reach, reach), ylim=(-0.05 * reach, 0.8 * reach), xlabel="along the gradient", ylabel="across")


def against_threshold(
    ax: Axes, thresholds: Sequence[float], lines: Mapping[str, Sequence[float]], name: str, marked: float
) -> None:
    """Numbers for clipping by norm (blue) and by value (green) against the threshold; a line at one threshold."""
    for color, values in zip((BLUE, GREEN), lines.values(), strict=True):
        ax.plot(thresholds, values, ".-", color=color, linewidth=2)
    ax.axvline(marked, color=GREY, linewidth=1)
    ax.set_title(f"grey: threshold {marked:g}")
    ax.set(xscale="log", xlabel="threshold", ylabel=name)
    ax.xaxis.set_minor_locator(NullLocator())


def gate_letters(drawing: Drawing, text: str, values: np.ndarray, columns: int, top: int) -> None:
    """A text shaded by a gate's value after each letter, 0 white to 1 blue.  values (n,)."""
    shades = [shade(BLUE, 0.85 * value) for value in values.tolist()]
    shaded_letters(drawing, text, shades, columns=columns, top=top)


def gate_map(ax: Axes, values: np.ndarray, unit: int) -> None:
    """All units of a gate over the text, (n, H): a row for each unit, white at 0, blue at 1; one unit marked."""
    colors = LinearSegmentedColormap.from_list("open", ["white", BLUE])
    image = ax.imshow(values.T, aspect="auto", cmap=colors, vmin=0, vmax=1, origin="upper", interpolation="nearest")
    ax.plot(-0.012, unit, ">", color=ORANGE, markersize=9, transform=ax.get_yaxis_transform(), clip_on=False)
    ax.text(1, 1.03, f"unit {unit}: orange mark", color=ORANGE, ha="right", transform=ax.transAxes)
    ax.set(xlabel="character", ylabel="unit")
    ax.set_title("all units: blue open, white shut")
    ax.grid(False)
    color_bar(image, ax, [0, 0.5, 1], width=0.03, distance=0.01)


def token_times(
    axes: Sequence[Axes], times: Mapping[str, tuple[Sequence[int], Mapping[int, Sequence[float]]]], marked: int
) -> None:
    """Microseconds for each token, one panel each with one scale: name -> (sizes, hidden size -> microseconds)."""
    every = [each for _, found in times.values() for values in found.values() for each in values]
    for place, (ax, (name, (sizes, found))) in enumerate(zip(axes, times.items(), strict=True)):
        for color, values in zip((BLUE, ORANGE), found.values(), strict=False):
            ax.plot(sizes, values, ".-", color=color, linewidth=3 if place == marked else 1.5, markersize=9)
        plain_log_axis(ax)
        ax.set_xscale("log")
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(xlabel=name, ylim=(min(every) / 1.5, max(every) * 1.5))
    axes[0].set_ylabel("microseconds a token")
