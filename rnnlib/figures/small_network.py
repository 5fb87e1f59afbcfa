"""Drawings of the small network: one step with every number on it, and the unrolled graph, edge by edge.

Before: networks.py; the numbers are those of topics/small_network.py.  Coordinates: dots from the upper left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba

from rnnlib.figures.networks import GRADIENT, canvas
from rnnlib.figures.style import BLACK, BLUE, GREEN, GREY, MONOSPACE, ORANGE, PURPLE, WHITE_BEHIND, Drawing
from rnnlib.topics.small_network import Numbers, SmallNetwork, Walk

CHARACTER = 0.602 * 12 / 0.72  # dots that a letter of 12 points is wide
CELL_WIDTH, CELL_HEIGHT = 6 * CHARACTER, 23
HIDDEN_UNITS = ((200, 160), (200, 220), (200, 280), (200, 340))  # where they stand in `step_forward`


def _two_decimals(number: float) -> str:
    """+0.54 or -0.29; what is rounded to zero has no sign: 0.00."""
    return f"{number:+.2f}" if abs(round(float(number), 2)) > 0 else "0.00"


def number_table(ax: Axes, left: float, top: float, numbers: Numbers, title: str, color: str = BLUE) -> None:
    """A vector (n,) or a matrix (m, n), a number in each cell: the larger its size, the darker the cell."""
    table = np.atleast_2d(numbers)
    rows, columns = table.shape
    shades = np.array([[to_rgba(color, 0.08 + 0.4 * min(abs(number), 1)) for number in row] for row in table])
    corners = CELL_WIDTH * np.array([0, 1, 1, 0]), CELL_HEIGHT * np.array([0, 0, 1, 1])
    boxes = [
        np.column_stack([left + column * CELL_WIDTH + corners[0], top + row * CELL_HEIGHT + corners[1]])
        for row in range(rows)
        for column in range(columns)
    ]
    ax.add_collection(PolyCollection(boxes, facecolors=shades.reshape(-1, 4), edgecolors="none", antialiaseds=False))
    ax.text(left - 8, top + rows * CELL_HEIGHT / 2, title, ha="right", va="center", fontsize=13)
    for row, line in enumerate(table):
        written = "".join(_two_decimals(number).rjust(6) for number in line)
        place = (left - CHARACTER / 2, top + (row + 0.5) * CELL_HEIGHT)
        ax.text(*place, written, family=MONOSPACE, fontsize=12, va="center_baseline")


def nodes(
    ax: Axes, x: float, ys: Sequence[float], values: Numbers, title: str, color: str, *, title_below: bool = False
) -> None:
    """A column of round nodes with their values inside, and a name above, or below where edges go upwards."""
    pale = 0.75 + 0.25 * np.array(to_rgba(color)[:3])
    ax.scatter([x] * len(ys), ys, s=1700, color=pale, edgecolors=color, linewidths=1.5, zorder=3)
    for y, value in zip(ys, values, strict=True):
        ax.text(x, y, _two_decimals(value).removeprefix("+"), ha="center", va="center_baseline", fontsize=12, zorder=4)
    behind = {**WHITE_BEHIND, "pad": 1}
    y = max(ys) + 46 if title_below else min(ys) - 46
    ax.text(x, y, title, ha="center", va="center", fontsize=14, color=color, bbox=behind, zorder=2)


def edges(
    ax: Axes,
    x: Sequence[float],
    ys_from: Sequence[float],
    ys_to: Sequence[float],
    weights: Numbers,
    strengths: Numbers | None = None,
) -> None:
    """All edges between two columns of nodes: blue for positive weights, orange and dashed for negative ones.

    strengths: of the shape of the weights, 0 for an edge that carries nothing to 1.
    """
    lines = [[(x[0], y_from), (x[1], y_to)] for y_from in ys_from for y_to in ys_to]
    flat = weights.ravel()
    ax.add_collection(
        LineCollection(
            lines,
            colors=[BLUE if weight > 0 else ORANGE for weight in flat],
            linestyles=["solid" if weight > 0 else "dashed" for weight in flat],
            linewidths=3 * np.abs(flat),
            alpha=0.7 if strengths is None else 0.1 + 0.6 * strengths.ravel(),
            zorder=1,
        )
    )


def step_forward(network: SmallNetwork, way: Walk, t: int, unit: int = 0, letters: str = "") -> Drawing:
    """Step t (1 to T): the nodes with their values at the left, the sums that gave them at the right.

    Edges from a node that is 0 are pale.  unit: from 1 on, all edges are pale but those into this hidden unit.
    """
    drawing, ax = canvas(1050, 530)
    ax.text(130, 30, f"t = {t}" + (f" of {letters}" if letters else ""), fontsize=16)
    h, o = way.h[t], way.o[t - 1]
    wanted = np.ones(len(h)) if unit == 0 else np.eye(len(h))[unit - 1]
    carries = [np.abs(np.sign(values))[:, None] for values in (way.x[t - 1], way.h[t - 1], h)]
    edges(ax, (60, 200), _column(3, 430), _column(4, 250), network.W_xh, carries[0] * wanted)
    edges(ax, (60, 200), _column(4, 160), _column(4, 250), network.W_hh, carries[1] * wanted)
    edges(ax, (200, 340), _column(4, 250), _column(2, 250), network.W_hq, carries[2] * (np.ones(2) * (unit == 0)))
    nodes(ax, 60, _column(4, 160), way.h[t - 1], "$h_{t-1}$", GREY)
    nodes(ax, 60, _column(3, 430), way.x[t - 1], "$x_t$", GREEN)
    nodes(ax, 200, [y for _, y in HIDDEN_UNITS], h, "$h_t$", BLUE)
    nodes(ax, 340, _column(2, 250), o, "$o_t$", ORANGE)
    rows = [
        (way.from_input[t - 1], r"$x_t\,W_{xh}$", GREEN),
        (way.from_state[t - 1], r"$+\;h_{t-1}\,W_{hh}$", BLUE),
        (network.b_h, r"$+\;b_h$", GREY),
        (way.a[t - 1], r"$=\;a_t$", BLUE),
        (h, r"$h_t=\tanh(a_t)$", BLUE),
        (o, r"$o_t=h_t\,W_{hq}+b_q$", ORANGE),
    ]
    _sum_at_the_right(ax, rows)
    number_table(ax, 480, 272, network.W_xh, "$W_{xh}$", GREEN)
    number_table(ax, 480, 372, network.W_hh, "$W_{hh}$", BLUE)
    number_table(ax, 840, 372, network.W_hq, "$W_{hq}$", ORANGE)
    number_table(ax, 840, 478, network.b_q, "$b_q$", ORANGE)
    return drawing


def step_backward(network: SmallNetwork, way: Walk, t: int) -> Drawing:
    """Step t (1 to T) on the way back: the gradients in the nodes, the sums that gave them at the right."""
    drawing, ax = canvas(1050, 530)
    ax.text(480, 30, f"t = {t}", fontsize=16)
    da_after = way.da[t] if t < len(way.x) else np.zeros(len(network.W_hh))
    edges(ax, (60, 200), _column(2, 430), _column(4, 250), network.W_hq.T)
    edges(ax, (60, 200), _column(4, 160), _column(4, 250), network.W_hh.T)
    ax.add_collection(
        LineCollection([[(200, y), (340, y)] for y in _column(4, 250)], colors=GREY, linewidths=1, zorder=1)
    )
    nodes(ax, 60, _column(4, 160), da_after, "$dL/da_{t+1}$", GREY)
    nodes(ax, 60, _column(2, 430), way.do[t - 1], "$dL/do_t$", ORANGE, title_below=True)
    nodes(ax, 200, _column(4, 250), way.total[t - 1], "$dL/dh_t$", BLUE)
    nodes(ax, 340, _column(4, 250), way.da[t - 1], "$dL/da_t$", GREEN)
    rows = [
        (way.direct[t - 1], r"direct: $dL/do_t\;W_{hq}^\top$", ORANGE),
        (way.later[t - 1], r"$+$ later: $dL/da_{t+1}\;W_{hh}^\top$", GREY),
        (way.total[t - 1], r"$=\;dL/dh_t$", BLUE),
        (1 - way.h[t] ** 2, r"times $1-h_t^2$", GREY),
        (way.da[t - 1], r"$=\;dL/da_t$", GREEN),
    ]
    _sum_at_the_right(ax, rows)
    number_table(ax, 480, 272, way.h[t - 1], "$h_{t-1}$", GREY)
    share = np.outer(way.h[t - 1], way.da[t - 1])
    number_table(ax, 480, 372, share, "this step's\nshare of\n$dL/dW_{hh}$", GREEN)
    number_table(ax, 806, 372, way.dW_hh, "all\nshares", BLUE)
    return drawing


def _column(count: int, middle: float, distance: float = 60) -> list[float]:
    """The heights of so many nodes around a middle."""
    return [middle + (place - (count - 1) / 2) * distance for place in range(count)]


def _sum_at_the_right(ax: Axes, rows: Sequence[tuple[Numbers, str, str]]) -> None:
    for place, (numbers, title, color) in enumerate(rows):
        number_table(ax, 760, 34 + place * 36, numbers, title, color)


# ---------------------------------------------------------------------------------- unrolled graph

X_OF_STEP, DISTANCE = 130, 260
H_ROW, O_ROW, L_ROW, X_ROW = 300, 160, 55, 450


@dataclass(frozen=True)
class Moment:
    """One edge of the unrolled graph, on the way forward or back.  kind: see `moments`.  t: 1 to T."""

    kind: str
    t: int

    @property
    def backward(self) -> bool:
        """Whether the edge is walked against its direction, carrying a gradient."""
        return self.kind.startswith("d")


def moments(T: int, *, backward: bool) -> list[Moment]:
    """The order in which the edges are walked: every step's h, o and L, then from the last step back to the first.

    Forward: "x" x_t to h_t, "h" h_{t-1} to h_t, "o" h_t to o_t, "L" o_t to L_t.
    Backward: "dL" L_t to o_t, "do" o_t to h_t (the direct term), "dh" h_{t+1} to h_t (the later one).
    """
    forward = [Moment(kind, t) for t in range(1, T + 1) for kind in ("x", "h", "o", "L")]
    back = [Moment(kind, t) for t in range(T, 0, -1) for kind in ("dL", "do", "dh") if not (kind == "dh" and t == T)]
    return [*forward, *back] if backward else forward


def unrolled(way: Walk, walked: Sequence[Moment], *, direct_only: bool = False) -> Drawing:
    """The graph of all steps: edges walked so far in colour, the last one thick, numbers where they are known.

    direct_only: beside each h_t only what o_t says of it, without what comes later.
    """
    T = len(way.x)
    collects = any(moment.backward for moment in walked) and not direct_only
    drawing, ax = canvas(X_OF_STEP + T * DISTANCE + 110, 690 if collects else 500)
    for t in range(1, T + 1):
        for kind, color in (("x", GREEN), ("h", BLUE), ("o", ORANGE), ("L", BLACK)):
            _edge(ax, Moment(kind, t), walked, color)
    for moment in walked:
        if moment.backward and not (direct_only and moment.kind == "dh"):
            _edge(ax, moment, walked, PURPLE)
    done = {(moment.kind, moment.t) for moment in walked}
    _node(ax, 0, H_ROW, "$h_{0}$", way.h[0])
    for t in range(1, T + 1):
        known = {kind: (kind, t) in done for kind in ("h", "o", "L", "dL", "do", "dh")}
        last_term = known["do"] if t == T or direct_only else known["dh"]
        gradient = way.direct[t - 1] if direct_only or not last_term else way.total[t - 1]
        _node(ax, t, X_ROW, f"$x_{t}$", way.x[t - 1])
        _node(ax, t, H_ROW, f"$h_{t}$", way.h[t] if known["h"] else None, gradient if known["do"] else None)
        _node(ax, t, O_ROW, f"$o_{t}$", way.o[t - 1] if known["o"] else None, way.do[t - 1] if known["dL"] else None)
        _node(ax, t, L_ROW, f"$L_{t}$", way.losses[t - 1 : t] if known["L"] else None)
    if collects:
        for place, (name, (steps, total)) in enumerate(collected(way, walked).items()):
            _weight_node(ax, 30 + place * 345, name, steps, total)
    return drawing


def collected(way: Walk, walked: Sequence[Moment]) -> dict[str, tuple[list[int], Numbers]]:
    """What each matrix has got so far on the way back: from which steps, and the sum of their shares.

    A step's shares: h_t^T dL/do_t for W_hq, h_{t-1}^T dL/da_t for W_hh and x_t^T dL/da_t for W_xh.
    """
    T, done = len(way.x), {(moment.kind, moment.t) for moment in walked}
    with_o = [t for t in range(T, 0, -1) if ("dL", t) in done]
    with_a = [t for t in range(T, 0, -1) if (("do" if t == T else "dh"), t) in done]
    return {
        name: (steps, np.einsum("ti,tj->ij", before[steps], after[[t - 1 for t in steps]]))
        for name, steps, before, after in (
            ("W_{hq}", with_o, way.h, way.do),
            ("W_{hh}", with_a, np.roll(way.h, 1, axis=0), way.da),
            ("W_{xh}", with_a, np.vstack([way.x[:1], way.x]), way.da),
        )
    }


def _weight_node(ax: Axes, left: float, name: str, steps: Sequence[int], total: Numbers) -> None:
    """A weight as a square node, and below it the sum of the shares that it has collected."""
    ax.plot(left + 20, 535, "s", markersize=34, color="white", markeredgecolor=BLACK, markeredgewidth=1)
    ax.text(left + 20, 535, f"${name}$", ha="center", va="center", fontsize=12)
    told = "nothing yet" if not steps else "from " + ", ".join(f"t = {t}" for t in steps)
    ax.text(left + 54, 535, told, va="center", fontsize=12, color=GRADIENT, fontweight="bold")
    number_table(ax, left + 8, 565, total, "", PURPLE)


def _x(t: int) -> float:
    return X_OF_STEP - 60 + t * DISTANCE


def _edge(ax: Axes, moment: Moment, walked: Sequence[Moment], color: str) -> None:
    """An arrow: grey and thin before it is walked, thick while it is the last one."""
    t = moment.t
    ends = {
        "x": ((_x(t), X_ROW), (_x(t), H_ROW)), "h": ((_x(t - 1), H_ROW), (_x(t), H_ROW)),
        "o": ((_x(t), H_ROW), (_x(t), O_ROW)), "L": ((_x(t), O_ROW), (_x(t), L_ROW)),
        "dL": ((_x(t) + 14, L_ROW), (_x(t) + 14, O_ROW)), "do": ((_x(t) + 14, O_ROW), (_x(t) + 14, H_ROW)),
        "dh": ((_x(t + 1), H_ROW + 14), (_x(t), H_ROW + 14)),
    }  # fmt: skip
    (x_from, y_from), (x_to, y_to) = ends[moment.kind]
    is_last, is_walked = bool(walked) and moment == walked[-1], moment in walked
    style = {"color": color if is_walked else "#cccccc", "linewidth": 4 if is_last else 2 if is_walked else 1}
    arrow = {"arrowstyle": "-|>", "shrinkA": 17, "shrinkB": 17, "mutation_scale": 16, **style}
    ax.annotate("", (x_to, y_to), (x_from, y_from), arrowprops=arrow)
    if moment.kind in ("x", "h", "o"):
        name = {"x": "$W_{xh}$", "h": "$W_{hh}$", "o": "$W_{hq}$"}[moment.kind]
        place = ((x_from + x_to) / 2, (y_from + y_to) / 2)
        shift = (0, -12) if moment.kind == "h" else (-26, 4)
        ax.text(place[0] + shift[0], place[1] + shift[1], name, color=color, ha="center", fontsize=12)


def _node(ax: Axes, t: int, y: float, name: str, values: Numbers | None, gradient: Numbers | None = None) -> None:
    """A node with its name inside; its values to the right, its gradient in purple beside them."""
    ax.plot(_x(t), y, "o", markersize=32, color="white", markeredgecolor=BLACK, markeredgewidth=1, zorder=3)
    ax.text(_x(t), y, name, ha="center", va="center", fontsize=14, zorder=4)
    for numbers, color, left in ((values, BLACK, 30), (gradient, GRADIENT, 92)):
        if numbers is not None:
            written = "\n".join(_two_decimals(number).rjust(5) for number in numbers)
            below = y + (26 if len(numbers) == 4 else 0)
            ax.text(
                _x(t) + left, below, written, color=color, family=MONOSPACE, fontsize=12, linespacing=1.05,
                fontweight="bold" if color == GRADIENT else "normal",
                va="top" if len(numbers) == 4 else "center", zorder=5, bbox={**WHITE_BEHIND, "pad": 1, "alpha": 0.8},
            )  # fmt: skip
