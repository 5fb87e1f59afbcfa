"""What every drawing has in common: colours, letters, axes, panels, names of lines, logarithmic axes.

Before: remembered_text.py.  Next: perplexity.py.  Colours are those of Okabe and Ito (2008), which colour-blind
readers tell apart.

Matplotlib's settings (rcParams) belong to the reader, and all threads share them.  They are not changed here, and
colours, sizes, fonts, lines, grids and margins are not taken from them: axes of a Drawing say themselves what they look
like.  What matplotlib asks only its settings for stays with them: how lines are smoothed, the slant of formulas.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.cbook import normalize_kwargs
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from rnnlib.figures.glyphs import drawable, families
from rnnlib.figures.png import png_of
from rnnlib.figures.remembered_text import RememberingRenderer

BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080", "#000000"
COLORS = (BLUE, ORANGE, GREEN, PURPLE)
DOTS_AN_INCH = 100
DOTS_OF_A_BOLD_LETTER = 10.7

UPRIGHT: dict[str, Any] = {
    "fontstyle": "normal", "fontweight": "normal", "math_fontfamily": "dejavusans", "usetex": False, "parse_math": True,
}  # fmt: skip
TEXT: dict[str, Any] = {"fontfamily": "DejaVu Sans", "fontsize": 12, "color": BLACK, **UPRIGHT}
LINE: dict[str, Any] = {
    "linewidth": 1.5, "markersize": 6, "markeredgewidth": 1, "fillstyle": "full", "antialiased": True,
    "solid_capstyle": "projecting", "solid_joinstyle": "round", "dash_capstyle": "butt", "dash_joinstyle": "round",
}  # fmt: skip
PLAIN: dict[str, Any] = {"linestyle": "-", "marker": "None"}
MONOSPACE = "DejaVu Sans Mono"
WHITE_BEHIND: dict[str, Any] = {"color": "white", "linewidth": 1}  # a box that keeps lines away from letters


def style_axes(ax: Axes) -> None:
    """Give axes the course's background, spines, ticks and grid."""
    ax.set(facecolor="white", axisbelow="line")
    ax.set_prop_cycle(color=COLORS)
    ax.margins(0.05)
    ax.minorticks_off()
    for side, spine in ax.spines.items():
        spine.set(visible=side in ("left", "bottom"), edgecolor=BLACK, linewidth=0.8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(**TEXT)
        axis.offsetText.set(**TEXT)
        axis.labelpad = 4
    letters: dict[str, Any] = {"labelsize": 12, "labelcolor": BLACK, "labelfontfamily": TEXT["fontfamily"]}
    sides: dict[str, Any] = {
        f"{what}{side}": side in ("left", "bottom")
        for side in ("left", "bottom", "right", "top")
        for what in ("", "label")
    }
    ax.tick_params(which="both", direction="out", color=BLACK, **letters, **sides)
    ax.tick_params(which="major", length=3.5, width=0.8, pad=3.5)
    ax.tick_params(which="minor", length=2, width=0.6, pad=3.4)
    ax.grid(False, which="minor")
    ax.grid(True, which="major", color="#b0b0b0", alpha=0.25, linestyle="-", linewidth=0.8)


def _of_any_script(text: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text as fonts that are here can draw it, and the options it is drawn with: other fonts help if need be."""
    chosen = {**TEXT, **normalize_kwargs(options, Text)}
    family = chosen["fontfamily"]
    if isinstance(family, str) and not text.isascii():
        text, chosen["fontfamily"] = drawable(text, family), families(family)
    return text, chosen


class CourseAxes(Axes):
    """Axes whose lines and letters look the same whatever matplotlib is set to."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        style_axes(self)

    def text(self, x: float, y: float, s: str, *arguments: Any, **options: Any) -> Text:
        """As Axes.text, of any script."""
        s, options = _of_any_script(s, options)
        return super().text(x, y, s, *arguments, **options)

    def annotate(self, text: str, *arguments: Any, **options: Any) -> Annotation:
        """As Axes.annotate, of any script."""
        text, options = _of_any_script(text, options)
        return super().annotate(text, *arguments, **options)

    def set_title(self, label: str, **options: Any) -> Text:  # type: ignore[override]
        """As Axes.set_title, at the left."""
        return super().set_title(label, **{"loc": "left", "pad": 6, **TEXT, **normalize_kwargs(options, Text)})

    def set_xlabel(self, xlabel: str, **options: Any) -> Text:  # type: ignore[override]
        """As Axes.set_xlabel, in the middle."""
        return super().set_xlabel(xlabel, **{"loc": "center", **options})

    def set_ylabel(self, ylabel: str, **options: Any) -> Text:  # type: ignore[override]
        """As Axes.set_ylabel, in the middle."""
        return super().set_ylabel(ylabel, **{"loc": "center", **options})

    def plot(self, *arguments: Any, **options: Any) -> list[Line2D]:
        """As Axes.plot."""
        line = LINE if any(isinstance(each, str) for each in arguments) else {**LINE, **PLAIN}  # ".-" says both itself
        return super().plot(*arguments, **{**line, **normalize_kwargs(options, Line2D)})

    def scatter(self, *arguments: Any, **options: Any) -> PathCollection:
        """As Axes.scatter."""
        return super().scatter(*arguments, **{"marker": "o", **options})

    def axhline(self, *arguments: Any, **options: Any) -> Line2D:
        """As Axes.axhline."""
        return super().axhline(*arguments, **{**LINE, **PLAIN, **normalize_kwargs(options, Line2D)})

    def axvline(self, *arguments: Any, **options: Any) -> Line2D:
        """As Axes.axvline."""
        return super().axvline(*arguments, **{**LINE, **PLAIN, **normalize_kwargs(options, Line2D)})

    def draw(self, renderer: RendererBase) -> None:
        """As Axes.draw.  Labels of ticks, which may be formulas, are made shortly before they are drawn."""
        for axis in (self.xaxis, self.yaxis) if self.axison else ():
            ticks = (
                *axis.get_major_ticks(len(axis.get_majorticklocs())),
                *axis.get_minor_ticks(len(axis.get_minorticklocs())),
            )
            for label in (label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()):
                label.set(**UPRIGHT)
        super().draw(renderer)


class _Renderers(threading.local):
    """The renderers of a thread, by size.  One remembers formulas, which take 5 ms each to read anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], RememberingRenderer] = {}

    def of_size(self, width: int, height: int) -> RememberingRenderer:
        """The renderer for width x height dots, wiped clean."""
        if (width, height) not in self._known:
            self._known[width, height] = RememberingRenderer(width, height, DOTS_AN_INCH)
        self._known[width, height].clear()
        return self._known[width, height]


_renderers = _Renderers()
_one_at_a_time = threading.RLock()  # all threads read formulas with one parser of matplotlib's
Place = tuple[float, float, float, float]  # of axes: left, bottom, width, height, as shares of the drawing's


class Drawing(Figure):
    """A figure that a notebook shows where it stands at the end of a cell; its axes are CourseAxes."""

    def __init__(self, width: float, height: float):
        """width, height: inches, at 100 dots each."""
        super().__init__(
            figsize=(width, height), dpi=DOTS_AN_INCH, facecolor="white", edgecolor="white", linewidth=0, frameon=True,
            layout="none",  # type: ignore[arg-type]
        )  # fmt: skip
        self._placed: dict[Place, Axes] = {}
        self._spare: dict[Place, Axes] = {}

    def add_axes(self, place: Sequence[float], **options: Any) -> Axes:  # type: ignore[override]
        """As Figure.add_axes.  Without options: where axes were before `empty`, the same, which have their ticks."""
        where: Any = tuple(place)
        if options:
            return super().add_axes(where, axes_class=CourseAxes, **options)
        spare = self._spare.pop(where, None)
        ax = super().add_axes(where, axes_class=CourseAxes) if spare is None else super().add_axes(spare)
        self._placed[where] = ax
        return ax

    def add_subplot(self, *arguments: Any, **options: Any) -> Axes:
        """As Figure.add_subplot."""
        return super().add_subplot(*arguments, **{"axes_class": CourseAxes, **options})

    def empty(self) -> None:
        """Take all axes away, and keep those that `add_axes` made, for the next ones in their places."""
        for ax in self.axes:
            self.delaxes(ax)
        self._spare, self._placed = self._placed, {}
        for place, ax in self._spare.items():
            for artist in (*ax.lines, *ax.patches, *ax.texts, *ax.images, *ax.collections):
                artist.remove()
            ax.set_position(place)  # which a color bar narrows
            ax.set_title("")
            ax.set_prop_cycle(color=COLORS)
            ax.relim()
            ax.autoscale()

    def draw(self, renderer: RendererBase) -> None:
        """As Figure.draw, one thread at a time."""
        with _one_at_a_time:
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        width, height = (round(inches * DOTS_AN_INCH) for inches in self.get_size_inches())
        renderer = _renderers.of_size(width, height)
        self.draw(renderer)
        return png_of(renderer)

    def __repr__(self) -> str:
        return "Drawing"


class _Kept(threading.local):
    """The drawings, by size, that a thread draws into again; outside of `drawn_again` none."""

    drawings: dict[tuple[float, float], Drawing] | None = None


_kept = _Kept()


@contextmanager
def drawn_again(kept: dict[tuple[float, float], Drawing]) -> Iterator[None]:
    """Meanwhile a blank drawing of a size that is in `kept` is that one, emptied: to make axes takes longest."""
    _kept.drawings = kept
    try:
        yield
    finally:
        _kept.drawings = None


def blank(width: float, height: float) -> Drawing:
    """A drawing with nothing in it.  width, height: inches, at 100 dots each."""
    kept, size = _kept.drawings, (width, height)
    if kept is None:
        return Drawing(width, height)
    if size in kept:
        kept[size].empty()
    else:
        kept.clear()
        kept[size] = Drawing(width, height)
    return kept[size]


def panels(columns: int = 1, *, width: float = 9, height: float = 3.4, gap: float = 0.95) -> tuple[Drawing, list[Axes]]:
    """A drawing of some panels side by side, and their axes.  width, height, gap: inches, at 100 dots each.

    Margins are fixed, with room for labels: a layout that finds them would draw everything twice.
    """
    left, right, bottom, top = 0.85, 0.2, 0.62, 0.38
    of_a_panel = (width - left - right - gap * (columns - 1)) / columns
    drawing = blank(width, height)
    places = [
        ((left + column * (of_a_panel + gap)) / width, bottom / height, of_a_panel / width,
         1 - (bottom + top) / height)
        for column in range(columns)
    ]  # fmt: skip
    return drawing, [drawing.add_axes(place) for place in places]


def color_bar(image: ScalarMappable, ax: Axes, ticks: Sequence[float], *, width: float, distance: float) -> Colorbar:
    """The scale of an image, at the right of its axes.  width, distance: as a share of the axes' width."""
    left, bottom, all_of_it, height = ax.get_position().bounds
    ax.set_position((left, bottom, all_of_it * (1 - width - distance), height))
    scale = ax.figure.add_axes((left + all_of_it * (1 - width), bottom, all_of_it * width, height), label="scale")
    bar = ax.figure.colorbar(image, cax=scale, ticks=ticks)
    bar.minorticks_off()
    bar.outline.set(edgecolor=BLACK, linewidth=0.8)
    return bar


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
