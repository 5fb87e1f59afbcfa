"""An LSTM and a GRU as their numbers flow: gates, the path of the state that is added to, and the state over time.

Before: gradient_problems.py; the numbers are those of topics/small_cells.py.  Coordinates: dots from the upper left
corner.  Where two numbers stand one above the other, the upper one is unit 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from rnnlib.figures.style import BLACK, BLUE, GREEN, GREY, MONOSPACE, ORANGE, PURPLE, WHITE_BEHIND, Drawing, blank
from rnnlib.topics.small_cells import GRUStep, LSTMStep

WIDTH, HEIGHT, BELOW = 1080, 400, 190  # dots of the cell, and of the curves below it
PATH, TOP, GATES, BUS, INPUT = 62, 160, 255, 335, 380  # heights
Place = tuple[float, float]


def lstm_cell(steps: Sequence[LSTMStep], t: int, held: Sequence[str] = ()) -> Drawing:
    """Step t (from 1 on) of an LSTM with its numbers; below, unit 1 over all steps.  held: gates held by hand."""
    drawing, ax = _canvas(f"LSTM, step {t} of {len(steps)}")
    step = steps[t - 1]
    _line(ax, ORANGE, (75, PATH), (985, PATH), width=7)
    _line(ax, GREY, (75, BUS), (725, BUS))
    _line(ax, GREY, (85, INPUT), (105, INPUT), (105, BUS))
    for x, up in ((260, PATH), (400, GATES), (550, GATES), (725, GATES)):
        _line(ax, GREY, (x, BUS), (x, GATES + 24))
        if up == PATH:
            _line(ax, GREEN, (x, GATES), (x, PATH + 16))
    _line(ax, GREEN, (400, GATES), (400, TOP), (459, TOP))
    _line(ax, BLUE, (550, GATES), (550, TOP), (491, TOP))
    _line(ax, BLUE, (475, TOP), (475, PATH + 16))
    _line(ax, ORANGE, (915, PATH), (915, TOP - 42), width=2)
    _line(ax, ORANGE, (915, TOP - 22), (915, GATES - 16), width=2)
    _line(ax, GREEN, (725, GATES), (899, GATES))
    _line(ax, BLUE, (915, GATES), (985, GATES))
    for x, y, name in ((260, PATH, "×"), (475, PATH, "+"), (475, TOP, "×"), (915, GATES, "×")):
        _operation(ax, x, y, name)
    _box(ax, (915, TOP - 22), "tanh", BLACK)
    for x, name, words in ((260, "f", "forget"), (400, "i", "input"), (725, "o", "output")):
        _box(ax, (x, GATES), "$\\sigma$", ORANGE if name in held else GREEN)
        _named(ax, (x + 22, GATES - 42 * (name == "o")), _gate_name(name, words, held), getattr(step, name))
    _box(ax, (550, GATES), "tanh", BLUE)
    _named(ax, (586, GATES), "$g_t$ candidate", step.g)
    _named(ax, (283, TOP - 25), "$f_t\\,c_{t-1}$", step.f * step.c_before)
    _named(ax, (494, 108), "$i_t\\,g_t$", step.i * step.g)
    _ends(ax, "c", step.c_before, step.c, PATH, ORANGE)
    _ends(ax, "h", step.h_before, None, BUS, BLUE)
    _ends(ax, "h", None, step.h, GATES, BLUE)
    _input(ax, step.x)
    c, h, f = (np.array([float(getattr(each, name)[0]) for each in steps]) for name in "chf")
    left = np.cumprod([1.0, *f[1:]])
    _over_time(
        drawing, t, [each.x for each in steps],
        (("$c_t$", ORANGE, 4, c), ("$h_t$", BLUE, 2, h), ("left of $c_1$", PURPLE, 2, left)),
    )  # fmt: skip
    return drawing


def gru_cell(steps: Sequence[GRUStep], t: int, *, reset_first: bool, held: Sequence[str] = ()) -> Drawing:
    """Step t (from 1 on) of a GRU with its numbers; below, unit 1 over all steps.

    reset_first: the reset gate acts before the product with W_hn.  held: gates held by hand.
    """
    drawing, ax = _canvas(f"GRU, step {t} of {len(steps)}")
    step = steps[t - 1]
    _line(ax, ORANGE, (75, PATH), (985, PATH), width=7)
    _line(ax, ORANGE, (100, PATH), (100, BUS), width=2)
    _line(ax, GREY, (100, BUS), (735, BUS), (735, GATES + 24))
    _line(ax, GREY, (85, INPUT), (700, INPUT), (700, GATES + 24))
    for x in (240, 400):
        _line(ax, GREY, (x, BUS), (x, GATES + 24))
        _line(ax, GREY, (x - 12, INPUT), (x - 12, GATES + 24))
    _line(ax, GREEN, (240, GATES), (240, PATH + 16))
    _line(ax, GREEN, (240, TOP), (520, TOP))
    _line(ax, GREEN, (560, TOP), (700, TOP))
    _line(ax, BLUE, (717, GATES), (717, TOP + 16))
    _line(ax, BLUE, (717, TOP), (717, PATH + 16))
    reset, product = ((530, BUS), (625, BUS)) if reset_first else ((625, BUS), (530, BUS))
    _line(ax, GREEN, (400, GATES), (reset[0], GATES), (reset[0], BUS - 16))
    for x, y, name in ((240, PATH, "×"), (717, PATH, "+"), (717, TOP, "×"), (*reset, "×")):
        _operation(ax, x, y, name)
    _box(ax, product, "$W_{hn}$", BLACK)
    _box(ax, (540, TOP), "$1-$", BLACK)
    for x, name, words in ((240, "z", "update"), (400, "r", "reset")):
        _box(ax, (x, GATES), "$\\sigma$", ORANGE if name in held else GREEN)
        _named(ax, (x + 22, GATES - 42 * (name == "r")), _gate_name(name, words, held), getattr(step, name))
    _box(ax, (717, GATES), "tanh", BLUE)
    _named(ax, (752, GATES), "$n_t$ candidate", step.n)
    _named(ax, (263, 112), "$z_t\\,h_{t-1}$", step.z * step.h_before)
    _named(ax, (740, 112), "$(1-z_t)\\,n_t$", (1 - step.z) * step.n)
    _ends(ax, "h", step.h_before, step.h, PATH, ORANGE)
    _input(ax, step.x)
    h, z = (np.array([float(getattr(each, name)[0]) for each in steps]) for name in "hz")
    left = np.cumprod([1.0, *z[1:]])
    _over_time(
        drawing, t, [each.x for each in steps],
        (("$h_t$", ORANGE, 4, h), ("left of $h_1$, directly", PURPLE, 2, left)),
    )  # fmt: skip
    return drawing


def _canvas(title: str) -> tuple[Drawing, Axes]:
    drawing = blank(WIDTH / 100, (HEIGHT + BELOW) / 100)
    ax = drawing.add_axes((0, BELOW / (HEIGHT + BELOW), 1, HEIGHT / (HEIGHT + BELOW)))
    ax.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    ax.axis("off")
    ax.text(WIDTH - 20, HEIGHT - 12, title, ha="right", fontsize=14, fontweight="bold")
    return drawing, ax


def _input(ax: Axes, x: float) -> None:
    written = f"{x:+.0f}" if x else "0"
    ax.text(6, INPUT, f"$x_t$ = {written}", va="center", fontsize=14, color=GREY)


def _line(ax: Axes, color: str, *places: Place, width: float = 2) -> None:
    """A way along some places, with a head at its end."""
    for start, end in zip(places, places[1:], strict=False):
        ax.plot(*zip(start, end, strict=True), color=color, linewidth=width, solid_capstyle="round", zorder=1)
    head: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", places[-1], places[-2], arrowprops={**head, "mutation_scale": 12 + 1.5 * width}, zorder=1)


def _operation(ax: Axes, x: float, y: float, name: str) -> None:
    ax.plot(x, y, "o", markersize=22, color="white", markeredgecolor=BLACK, markeredgewidth=1.5, zorder=3)
    ax.text(x, y, name, ha="center", va="center_baseline", fontsize=16, zorder=4)


def _box(ax: Axes, place: Place, name: str, color: str) -> None:
    style = {"facecolor": "white", "edgecolor": color, "linewidth": 2, "pad": 5}
    ax.text(*place, name, ha="center", va="center", fontsize=13, bbox=style, zorder=4)


def _gate_name(letter: str, words: str, held: Sequence[str]) -> str:
    return f"${letter}_t$ " + ("by hand" if letter in held else words)


def _named(ax: Axes, place: Place, name: str, values: Tensor) -> None:
    """A name, and below it the numbers of the units, one above the other."""
    behind = {**WHITE_BEHIND, "alpha": 0.8, "pad": 1}
    ax.text(place[0], place[1] - 20, name, va="center", fontsize=13, bbox=behind, zorder=4)
    written = "\n".join(f"{value:+.2f}" for value in values.tolist())
    ax.text(
        place[0], place[1] + 12, written, va="center", family=MONOSPACE, fontsize=12, linespacing=1.1, bbox=behind,
        zorder=4,
    )  # fmt: skip


def _ends(ax: Axes, name: str, before: Tensor | None, after: Tensor | None, y: float, color: str) -> None:
    """What comes in at the left and what goes out at the right."""
    for values, label, x, where in ((before, f"${name}_{{t-1}}$", 68, "right"), (after, f"${name}_t$", 992, "left")):
        if values is not None:
            written = "\n".join(f"{value:+.2f}" for value in values.tolist())
            ax.text(x, y - 34, label, ha=where, va="center", fontsize=15, color=color)
            ax.text(x, y, written, ha=where, va="center", family=MONOSPACE, fontsize=12, linespacing=1.1, zorder=4)


def _over_time(
    drawing: Drawing, t: int, inputs: Sequence[float], lines: Sequence[tuple[str, str, float, np.ndarray]]
) -> None:
    """Unit 1 over all steps: lines (name, colour, width, values), the inputs as bars, step t marked."""
    ax = drawing.add_axes((0.09, 52 / (HEIGHT + BELOW), 0.72, (BELOW - 70) / (HEIGHT + BELOW)))
    times = np.arange(1, len(inputs) + 1)
    ax.bar(times, inputs, width=0.25, color=GREY, alpha=0.35, edgecolor="none", linewidth=0)
    ax.axvline(t, color=BLACK, linewidth=1)
    for _, color, width, values in lines:
        ax.plot(times, values, ".-", color=color, linewidth=width, markersize=6 + width)
    for place, (name, color) in enumerate([("$x_t$", GREY), *((name, color) for name, color, *_ in lines)]):
        ax.text(1.02, 0.9 - 0.25 * place, name, color=color, transform=ax.transAxes, fontsize=13, va="center")
    ax.set(xlabel="step t", ylabel="unit 1", xticks=times, xlim=(0.6, len(inputs) + 0.4))
    every = np.concatenate([values for *_, values in lines])
    ax.set_ylim(min(-1.15, 1.1 * float(every.min())), max(1.6, 1.1 * float(every.max())))
