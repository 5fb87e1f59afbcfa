"""Drawings for notebook 04: Jacobian products, the cliff, clipping in two dimensions, gates, the time of a step.

Before: letters.py; the numbers come from topics/jacobians.py and topics/cliff.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from rnnlib.figures.letters import shade, shaded_letters
from rnnlib.figures.style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    ORANGE,
    TEXT,
    UPRIGHT,
    Drawing,
    color_bar,
)
from rnnlib.topics.cliff import cliff_error
from rnnlib.topics.jacobians import JacobianNorms

SMALLEST_NORM, LARGEST_NORM = 1e-12, 1e6
CLIFF_W, CLIFF_B = (3.8, 5.6), (-3.0, -1.9)


def lag_norms(ax: Axes, found: JacobianNorms) -> None:
    """|dh_T/dh_{T-k}| against the lag k, under its bound."""
    lags = np.arange(len(found.norms))
    ax.semilogy(lags, found.norms.clip(SMALLEST_NORM, LARGEST_NORM), ".-", color=BLUE)
    ax.semilogy(lags, found.bounds.clip(SMALLEST_NORM, LARGEST_NORM), "--", color=ORANGE, linewidth=1.5)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set(xlabel="lag k", ylim=(SMALLEST_NORM, LARGEST_NORM))
    ax.yaxis.set_minor_locator(NullLocator())


def spectrum(ax: Axes, eigenvalues: np.ndarray) -> None:
    """The eigenvalues of W_hh (H,), complex, and the unit circle."""
    angles = np.linspace(0, 2 * np.pi, 100)
    ax.plot(np.cos(angles), np.sin(angles), color=BLACK, linewidth=1)
    ax.plot(eigenvalues.real, eigenvalues.imag, ".", color=BLUE, markersize=8)
    reach = max(1.2, 1.1 * float(np.abs(eigenvalues).max()))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part")
    ax.set_title(r"eigenvalues of $W_{hh}$")


def cliff_background() -> np.ndarray:
    """The error over the part of the (w, b) plane that is shown, (rows, columns), rows from the lowest b."""
    w, b = np.meshgrid(np.linspace(*CLIFF_W, 180), np.linspace(*CLIFF_B, 110))
    return cliff_error(w, b)


def cliff_map(ax: Axes, background: np.ndarray, ways: Mapping[str, np.ndarray]) -> None:
    """The error from above, light where it is large, and the ways of some descents; names above the axes."""
    ax.imshow(
        background, origin="lower", extent=(*CLIFF_W, *CLIFF_B), aspect="auto", cmap="Greys_r", vmin=-0.1, vmax=0.35,
        interpolation="antialiased",
    )  # fmt: skip
    for color, way in zip((ORANGE, BLUE, GREEN), ways.values(), strict=False):
        ax.plot(*way.T, ".-", color=color, linewidth=1.6, markersize=7)
    first = next(iter(ways.values()))[0]
    ax.plot(*first, "o", color="white", markeredgecolor=BLACK, markersize=10)
    ax.set(xlim=CLIFF_W, ylim=CLIFF_B, xlabel="w", ylabel="b")
    ax.grid(False)


def cliff_errors(ax: Axes, ways: Mapping[str, np.ndarray]) -> None:
    """The error along each descent."""
    for color, way in zip((ORANGE, BLUE, GREEN), ways.values(), strict=False):
        ax.plot(np.maximum(cliff_error(way[:, 0], way[:, 1]), 1e-8), ".-", color=color, linewidth=1.6)
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="step", ylabel="error E", ylim=(1e-8, 1))


def cliff_surface() -> Drawing:
    """The error over (w, b) as a surface."""
    drawing = Drawing(7, 4.4)
    ax: Any = drawing.add_axes((0.02, 0.08, 0.9, 0.9), projection="3d")
    w, b = np.meshgrid(np.linspace(*CLIFF_W, 180), np.linspace(*CLIFF_B, 110))
    options = {"edgecolor": "none", "linewidth": 0, "antialiased": True}
    ax.plot_surface(w, b, cliff_background(), cmap="cividis", rcount=110, ccount=180, **options)
    ax.set(facecolor="white", xlim=(3.67, 5.73), ylim=(-3.08, -1.82), zlim=(-0.01, 0.42))
    ax.grid(False)
    ax.tick_params(color="none", labelcolor=BLACK, labelsize=12, labelfontfamily=TEXT["fontfamily"], pad=3.5)
    for axis, name in ((ax.xaxis, "w"), (ax.yaxis, "b"), (ax.zaxis, "error E")):
        axis.set_label_text(name, **TEXT)
        axis.labelpad = 4
        axis.line.set(color=BLACK, linewidth=0.8, linestyle="-", marker="None", solid_capstyle="projecting")
        axis.set_pane_color((0.93, 0.93, 0.93, 0.5))
        axis.pane.set_linewidth(1)
        axis.set_minor_locator(NullLocator())
        for label in axis.get_ticklabels():
            label.set(**UPRIGHT)
    ax.view_init(elev=38, azim=-120)
    return drawing


def clipped_vectors(ax: Axes, vectors: Sequence[np.ndarray], threshold: float) -> None:
    """A gradient (2,), what clipping by norm and by value make of it, and where each lets it pass."""
    gradient, by_norm, by_value = vectors
    angles = np.linspace(0, 2 * np.pi, 100)
    ax.plot(threshold * np.cos(angles), threshold * np.sin(angles), color=BLUE, linewidth=1)
    square = threshold * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    ax.plot(*square.T, color=GREEN, linewidth=1, linestyle="--")
    for vector, color, width in ((gradient, ORANGE, 2), (by_value, GREEN, 5), (by_norm, BLUE, 3)):
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (vector[0], vector[1]), (0, 0), arrowprops={**arrow, "mutation_scale": 18})
    ax.set(xlim=(-4.4, 4.4), ylim=(-4.4, 4.4), aspect="equal", xlabel=r"$g_1$", ylabel=r"$g_2$")


def gate_letters(drawing: Drawing, text: str, values: np.ndarray, columns: int, top: int) -> None:
    """A text shaded by a gate's value after each letter, 0 white to 1 blue.  values (n,)."""
    shades = [shade(BLUE, 0.85 * value) for value in values.tolist()]
    shaded_letters(drawing, text, shades, columns=columns, top=top)


def gate_map(ax: Axes, values: np.ndarray, unit: int) -> None:
    """All units of a gate over the text, (n, H): a row for each unit, dark at 0, yellow at 1; one unit marked."""
    image = ax.imshow(values.T, aspect="auto", cmap="cividis", vmin=0, vmax=1, origin="upper", interpolation="nearest")
    ax.axhline(unit, color=ORANGE, linewidth=1)
    ax.set(xlabel="character", ylabel="unit")
    ax.grid(False)
    color_bar(image, ax, [0, 0.5, 1], width=0.03, distance=0.01)


def step_times(axes: Sequence[Axes], times: Mapping[str, tuple[Sequence[int], Sequence[float]]], marked: int) -> None:
    """Milliseconds of a step against T, B and H, one panel each: name -> (sizes, milliseconds)."""
    highest = max(max(milliseconds) for _, milliseconds in times.values())
    lowest = min(min(milliseconds) for _, milliseconds in times.values())
    for place, (ax, (name, (sizes, milliseconds))) in enumerate(zip(axes, times.items(), strict=True)):
        ax.loglog(sizes, milliseconds, ".-", color=COLORS[place], linewidth=3 if place == marked else 1.5, markersize=9)
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set(xlabel=name, ylim=(lowest / 2, highest * 2))
    axes[0].set_ylabel("ms a step")
