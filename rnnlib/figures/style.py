"""What every drawing has in common: colours, sizes, panels, names of lines, logarithmic axes.

Before: png.py.  Next: perplexity.py.  Colours are those of Okabe and Ito (2008), told apart by colour-blind readers.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from rnnlib.figures.png import png_of

BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080", "#000000"
COLORS = (BLUE, ORANGE, GREEN, PURPLE)
FONT: dict[Any, Any] = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}
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
