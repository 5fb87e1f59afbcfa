"""Networks as circles and arrows: with and without a loop, and the tasks that a loop can be used for.

Before: style.py.  Next: small_network.py, with numbers.  Coordinates: dots from the upper left corner.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from rnnlib.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, Drawing, blank

ARROW: dict[str, Any] = {"arrowstyle": "-|>", "shrinkA": 17, "shrinkB": 17, "mutation_scale": 14, "linewidth": 1.5}
GRADIENT = "#8F3A72"  # purple, dark enough for letters
RISE = 85  # from input to state, and from state to output


def canvas(width: int, height: int) -> tuple[Drawing, Axes]:
    """A drawing of so many dots, and axes whose unit is a dot."""
    drawing = blank(width / 100, height / 100)
    ax = drawing.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    return drawing, ax


def node(ax: Axes, x: float, y: float, name: str, color: str) -> None:
    """A circle with a name in it."""
    ax.plot(x, y, "o", markersize=30, color="white", markeredgecolor=color, markeredgewidth=2, zorder=3)
    ax.text(x, y, name, ha="center", va="center_baseline", fontsize=14, zorder=4)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str, **how: Any) -> None:
    """An arrow between two circles."""
    ax.annotate("", end, start, arrowprops={**ARROW, "color": color, **how})


def name_of_arrow(ax: Axes, x: float, y: float, name: str, color: str) -> None:
    """What an arrow is called, beside it."""
    ax.text(x, y, name, color=color, fontsize=13, ha="center", va="center")


def three_networks() -> Drawing:
    """A feed-forward network, the same with a loop, and the loop unrolled over three steps."""
    drawing, ax = canvas(1000, 350)
    bottom, middle = 300, 300 - RISE
    for x, title in ((80, "feed-forward"), (310, "recurrent"), (560, "the same, unrolled over three steps")):
        ax.text(x - 30, 40, title, fontsize=14, fontweight="bold")
    for x in (110, 340):
        _tower(ax, x, bottom, ("$x$", "$h$", "$o$") if x == 110 else ("$x_t$", "$h_t$", "$o_t$"))
        name_of_arrow(ax, x - 32, bottom - RISE / 2, "$W_{xh}$", GREEN)
        name_of_arrow(ax, x - 32, middle - RISE / 2, "$W_{hq}$", ORANGE)
    ax.text(110, 345, "no $W_{hh}$: nothing is kept", fontsize=12, color=GREY, ha="center")
    arrow(ax, (350, middle - 20), (350, middle + 20), BLUE, connectionstyle="arc3,rad=-3", shrinkA=2, shrinkB=2)
    name_of_arrow(ax, 440, middle, "$W_{hh}$", BLUE)
    node(ax, 570, middle, "$h_0$", GREY)
    for t in (1, 2, 3):
        x = 570 + 115 * t
        _tower(ax, x, bottom, (f"$x_{t}$", f"$h_{t}$", f"$o_{t}$"))
        arrow(ax, (x - 115, middle), (x, middle), BLUE)
        name_of_arrow(ax, x - 28, bottom - RISE / 2, "$W_{xh}$", GREEN)
        name_of_arrow(ax, x - 28, middle - RISE / 2, "$W_{hq}$", ORANGE)
        name_of_arrow(ax, x - 58, middle - 16, "$W_{hh}$", BLUE)
    return drawing


def _tower(ax: Axes, x: float, bottom: float, names: Sequence[str]) -> None:
    """Input, state and output, one above the other."""
    heights = [bottom - step * RISE for step in range(3)]
    for y, name, color in zip(heights, names, (GREEN, BLUE, ORANGE), strict=True):
        node(ax, x, y, name, color)
    for y, color in zip(heights, (GREEN, ORANGE), strict=False):
        arrow(ax, (x, y), (x, y - RISE), color)


def scalar_chain(h: Sequence[float], dh: Sequence[float], shares: Sequence[float], w: float) -> Drawing:
    """One unit over some steps: h_t forward in black, dL/dh_t backward in purple, and what each use of w contributes.

    h, dh: from 0 on.  shares: of dL/dw, from step 1 on (the first entry is not used).
    """
    drawing, ax = canvas(1000, 350)
    steps = len(h) - 1
    places = [90 + 270 * t for t in range(steps + 1)]
    for t, x in enumerate(places):
        node(ax, x, 110, f"$h_{t}$", BLUE)
        ax.text(x, 50, f"{h[t]:.3f}", ha="center", fontsize=15)
        ax.text(x, 172, f"$dL/dh_{t}$ = {dh[t]:.3f}", ha="center", fontsize=13, color=GRADIENT)
    for t in range(1, steps + 1):
        arrow(ax, (places[t - 1], 102), (places[t], 102), BLUE)
        arrow(ax, (places[t], 118), (places[t - 1], 118), PURPLE)
        name_of_arrow(ax, (places[t - 1] + places[t]) / 2, 84, "times $w$, tanh", BLUE)
        arrow(ax, (places[t] - 135, 122), (places[t] - 135, 245), PURPLE, shrinkA=0)
        ax.text(places[t] - 135, 268, f"{shares[t]:.3f}", ha="center", fontsize=15, color=GRADIENT)
    total = sum(float(share) for share in shares[1:])
    ax.text(places[0], 268, f"$w$ = {w:g}", ha="center", fontsize=15)
    ax.text(places[1] + 135, 320, f"together $dL/dw$ = {total:.3f}", fontsize=15, color=GRADIENT, ha="center")
    return drawing


# title, number of steps, steps with an input, steps with an output, steps whose output is the next input
Use = tuple[str, int, Sequence[int], Sequence[int], Sequence[int]]
USES: tuple[Use, ...] = (
    ("one to many: a picture gets a caption", 3, (0,), (0, 1, 2), (0, 1)),
    ("many to one: a review is good or bad", 3, (0, 1, 2), (2,), ()),
    ("many to many: a language model learns", 3, (0, 1, 2), (0, 1, 2), ()),
    ("many to many: a sentence is translated", 6, (0, 1, 2, 3), (3, 4, 5), (3, 4)),
)


def inputs_and_outputs() -> Drawing:
    """Four ways to use the same unrolled network; dashed, an output that is the next input."""
    drawing, ax = canvas(1020, 640)
    for place, (title, steps, inputs, outputs, written) in enumerate(USES):
        left, bottom = 60 + 500 * (place % 2), 250 + 300 * (place // 2)
        ax.text(left - 28, bottom - 2 * RISE - 45, title, fontsize=13)
        for step in range(steps):
            x = left + step * 85
            node(ax, x, bottom - RISE, "h", BLUE)
            if step in inputs:
                node(ax, x, bottom, "x", GREEN)
                arrow(ax, (x, bottom), (x, bottom - RISE), GREEN)
            if step in outputs:
                node(ax, x, bottom - 2 * RISE, "o", ORANGE)
                arrow(ax, (x, bottom - RISE), (x, bottom - 2 * RISE), ORANGE)
            if step + 1 < steps:
                arrow(ax, (x, bottom - RISE), (x + 85, bottom - RISE), BLUE)
            if step in written:
                node(ax, x + 85, bottom, "x", PURPLE)
                arrow(ax, (x + 85, bottom), (x + 85, bottom - RISE), PURPLE)
                arrow(
                    ax,
                    (x, bottom - 2 * RISE),
                    (x + 85, bottom),
                    PURPLE,
                    linestyle="--",
                    connectionstyle="arc3,rad=0.1",
                )
    for middle, name in ((left + 85, "encoder"), (left + 4 * 85, "decoder")):
        ax.text(middle, bottom + 68, name, ha="center", va="center", fontsize=13, fontweight="bold")
    ax.text(left + 3 * 85, bottom + 38, "start symbol", ha="center", va="center", fontsize=12, color=GREEN)
    return drawing
