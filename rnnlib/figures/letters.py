"""Texts as pictures: letters with a colour behind each, minibatches in a text, what a unit holds while it reads.

Before: style.py.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from rnnlib.figures.glyphs import SEEN, in_cells
from rnnlib.figures.style import BLACK, BLUE, COLORS, GREEN, GREY, MONOSPACE, ORANGE, Drawing

LETTER_WIDTH, LINE_HEIGHT = 14, 34  # dots
NUMBERED_LINE = 48  # of letters with a number above them
LETTER_POINTS = LETTER_WIDTH / 0.602 * 0.72  # a letter of DejaVu Sans Mono is 0.602 of its size wide; 100 dots an inch


Shade = tuple[float, float, float, float]  # red, green, blue, alpha
Span = tuple[int, int]


def shade(color: str, strength: float) -> Shade:
    """A colour to put behind a letter, 0 for none of it to 1 for all, as RGBA."""
    return to_rgba(color, min(max(strength, 0.0), 1.0))


def shaded_letters(
    drawing: Figure, text: str, shades: Sequence[Shade], *, columns: int, left: int = 30, top: int,
    line_height: int = LINE_HEIGHT,
) -> Axes:  # fmt: skip
    """A text in lines of `columns` letters, with a colour behind each; axes in which one unit is one letter.

    shades: one for each letter, or for the first ones only.  left, top: dots from the drawing's corner.
    line_height: dots; the letters take the lower part of it.
    """
    lines = [text[first : first + columns] for first in range(0, len(text), columns)]
    rows = len(lines)
    width, height = drawing.get_size_inches() * 100
    size = (columns * LETTER_WIDTH / width, rows * line_height / height)
    ax = drawing.add_axes((left / width, 1 - top / height - size[1], *size))
    image = np.zeros((rows * columns, 4))
    image[: len(shades)] = shades
    ax.imshow(
        image.reshape(rows, columns, 4), extent=(0, columns, rows, 0), aspect="auto", origin="upper",
        interpolation="nearest",
    )  # fmt: skip
    for row, line in enumerate(in_cells(line, MONOSPACE) for line in lines):
        y = row + 1 - LINE_HEIGHT / line_height / 2
        ax.text(0, y, line, family=MONOSPACE, fontsize=LETTER_POINTS, va="center_baseline", parse_math=False)
    ax.axis("off")
    return ax


def partition(
    drawing: Figure, text: str, starts: Sequence[int], num_steps: int, *, columns: int = 60, kind: str = ""
) -> None:
    """Where the rows of one minibatch lie in a text, and the minibatch itself.

    starts: where each row begins in the text; every row is num_steps letters long, and its targets one letter on.
    """
    shades = [shade("white", 0)] * len(text)
    for color, start in zip(COLORS, starts, strict=False):
        shades[start : start + num_steps] = [shade(color, 0.35)] * num_steps
    ax = shaded_letters(drawing, text, shades, columns=columns, top=34, line_height=NUMBERED_LINE)
    ax.set_title(f"the text, and where the batch is in it ({kind})")
    for row, (color, start) in enumerate(zip(COLORS, starts, strict=False)):
        x, y = start % columns + 0.2, start // columns + 0.2
        ax.text(x, y, str(row), color=color, fontsize=12, fontweight="bold", va="center")
    top = 34 + math.ceil(len(text) / columns) * NUMBERED_LINE + 46
    for column, (title, shift) in enumerate((("tokens", 0), ("targets", 1))):
        rows = [text[start + shift : start + shift + num_steps].ljust(num_steps) for start in starts]
        shades = [shade(color, 0.35) for color in COLORS[: len(rows)] for _ in range(num_steps)]
        ax = shaded_letters(drawing, "".join(rows), shades, columns=num_steps, left=90 + 420 * column, top=top)
        ax.set_title(title)
        for row in range(len(rows)):
            ax.text(-0.4, row + 0.5, f"row {row}", ha="right", va="center", fontsize=12, color=COLORS[row])


def diary(drawing: Drawing, steps: Sequence[int], texts: Sequence[str], marked: Sequence[Sequence[Span]]) -> None:
    """What a network wrote after so many steps, a line each.

    texts: all of one length.  marked: what is shaded in each of them, (from, to) in characters.
    """
    columns = len(texts[0])
    shades = [shade(BLUE, 0)] * (columns * len(texts))
    for row, spans in enumerate(marked):
        for first, last in spans:
            for column in range(first, min(last, columns)):
                shades[row * columns + column] = shade(GREEN, 0.3)
    ax = shaded_letters(drawing, "".join(texts), shades, columns=columns, left=80, top=40)
    ax.text(-0.6, -0.4, "steps", ha="right", va="center", fontsize=12)
    for row, step in enumerate(steps):
        ax.text(-0.6, row + 0.5, f"{step:,}", ha="right", va="center", fontsize=13, color=ORANGE, fontweight="bold")


def activation_letters(
    drawing: Drawing, text: str, activations: np.ndarray, *, columns: int = 60, top: int = 34, chosen: int | None = None
) -> None:
    """A text whose letters are shaded by what a unit held after reading them: blue above 0, orange below.

    activations (n,), -1 to 1, one for each letter.  chosen: the letter with a frame.
    """
    shades = [shade(BLUE if held > 0 else ORANGE, 0.75 * abs(held)) for held in activations.tolist()]
    ax = shaded_letters(drawing, text, shades, columns=columns, top=top)
    if chosen is not None:
        row, column = divmod(chosen, columns)
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) + (column, row)
        ax.autoscale(False)
        ax.plot(*corners.T, color=BLACK, linewidth=2.5, clip_on=False)


def trajectory(ax: Axes, points: np.ndarray, text: str, position: int, *, length: int = 10) -> None:
    """Hidden states in the plane, (n, 2), and the path through the last `length` of them up to `position`."""
    ax.plot(*points.T, ".", color=GREY, alpha=0.4, markersize=4)
    first = max(0, position - length + 1)
    path = points[first : position + 1]
    for start, end in zip(path, path[1:], strict=False):
        how = {"arrowstyle": "-|>", "color": BLUE, "alpha": 0.6, "linewidth": 1.2, "shrinkA": 10, "shrinkB": 10}
        ax.annotate("", end, start, arrowprops=how)
    around: dict[str, Any] = {"facecolor": "white", "edgecolor": ORANGE, "linewidth": 2, "pad": 4}
    for place, (x, y) in zip(range(first, position + 1), path, strict=True):
        is_last = place == position
        ax.text(x, y, SEEN.get(text[place], text[place]), family=MONOSPACE, parse_math=False, ha="center",
                va="center", color=ORANGE if is_last else BLUE, fontsize=16 if is_last else 14, fontweight="bold",
                zorder=4 if is_last else 3, bbox=around if is_last else None)  # fmt: skip
    ax.set(xlabel="direction of most variance", ylabel="of second most variance", xticks=[], yticks=[])
