"""Panels of curves and of fields, described once: a page draws them while something trains, a stored notebook keeps
them as a picture.

Before: style.py.  Next: the live views describe what they show; widgets/static/panel.js and field.js draw it in a page.

Colours are names.  A page looks them up for its own background; a picture, which may be seen on a light and on a dark
one, has no background, and colours of middle brightness.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, NullLocator

from rnnlib.figures.style import Drawing, label_lines, plain_log_axis

# At least 3:1 for lines, and 4:1 for letters, on white and on the background of JupyterLab's dark theme.
MIDDLE = {
    "blue": "#1F85C4", "orange": "#D9641A", "green": "#00906A", "purple": "#C0629A", "sky": "#4A8FBF",
    "yellow": "#A17E00", "grey": "#7F7F7F", "ink": "#7B7B7B",
}  # fmt: skip
Limits = tuple[float, float]
MOST_MARKS_NAMED = 8


@dataclass(frozen=True)
class Line:
    """A curve.  series: where its points are.  name: above the panel; without one it is only drawn.

    style: "line", "marked" (a line with its points), "dots" (points alone) or "stairs" (each value holds until the
    next).  width, dash: in dots of the page.
    """

    series: str
    name: str
    color: str
    style: str = "line"
    width: float = 1.5
    dash: tuple[int, ...] = ()


@dataclass(frozen=True)
class Level:
    """A dashed line at one height, with its name above it.  at_end: whether that stands at the right."""

    value: float
    name: str
    color: str = "ink"
    at_end: bool = False


@dataclass(frozen=True)
class Handle:
    """A value that a reader drags, along these places."""

    name: str
    places: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """Curves on one pair of axes.

    scale: "log" or "linear".  at_least: heights that are always seen; at_most: heights beyond which nothing is.
    x_limits: None for training steps, which grow.  names_marks: whether the changes are named here.
    """

    title: str
    lines: tuple[Line, ...]
    scale: str = "log"
    x_name: str = "training step"
    x_limits: Limits | None = None
    at_least: Limits = (1.0, 10.0)
    at_most: Limits = (1e-30, 1e30)
    levels: tuple[Level, ...] = ()
    handle: Handle | None = None
    names_marks: bool = False
    kind: str = field(default="curves", init=False)


@dataclass(frozen=True)
class Field:
    """A matrix as colours.  series: its rows.  rows, columns: their names.  limits: what is darkest and brightest.

    upwards: whether row 0 is the lowest.  shows_numbers: in every field; infinite is a cross.
    """

    title: str
    series: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    limits: Limits
    x_name: str
    y_name: str
    scale: str = "log"
    upwards: bool = False
    shows_numbers: bool = False
    kind: str = field(default="field", init=False)


class Mark(NamedTuple):
    """A change.  name: a few letters; sentence: in words."""

    step: int
    name: str
    sentence: str


class Chart(NamedTuple):
    """What is to be seen.  series: points (n, 2), or the rows of a field, by name.  selected: row and column."""

    panels: tuple[Panel | Field, ...]
    series: Mapping[str, np.ndarray]
    marks: Sequence[Mark] = ()
    last_step: int = 0
    selected: tuple[int, int] | None = None
    columns: int = 2


def panel_from(described: Mapping[str, Any]) -> Panel | Field:
    """What `asdict` has made of a panel without a handle; a file may have made lists of its tuples."""
    parts: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in described.items()}
    if parts.pop("kind") == "field":
        return Field(**parts)
    parts["lines"] = tuple(Line(**{**line, "dash": tuple(line["dash"])}) for line in parts["lines"])
    parts["levels"] = tuple(Level(**level) for level in parts["levels"])
    return Panel(**parts)


def draw_chart(chart: Chart, *, width: float = 10.4, height: float = 3.1) -> Drawing:
    """The chart as a picture without a background.  width, and height of a row of panels: inches, at 100 dots each."""
    rows = math.ceil(len(chart.panels) / chart.columns)
    drawing = Drawing(width, height * rows)
    drawing.patch.set_alpha(0)
    left, right, bottom, top = 0.95, 0.25, 0.6, 0.4
    grid = drawing.add_gridspec(
        rows, chart.columns, left=left / width, right=1 - right / width, bottom=bottom / height / rows,
        top=1 - top / height / rows, wspace=0.28, hspace=(bottom + top) / (height - bottom - top),
        width_ratios=(1.35, 1)[: chart.columns],
    )  # fmt: skip
    for number, panel in enumerate(chart.panels):
        ax = drawing.add_subplot(grid[divmod(number, chart.columns)])
        if isinstance(panel, Panel):
            _draw_panel(ax, panel, chart)
        else:
            _draw_field(ax, panel, chart)
        _recolor(ax)
    return drawing


# -------------------------------------------------------------------------------------------- curves


def _draw_panel(ax: Axes, panel: Panel, chart: Chart) -> None:
    if panel.scale == "log":
        plain_log_axis(ax)
    ax.set(xlabel=panel.x_name, ylabel=panel.title, ylim=_heights(panel, chart.series))
    ax.set_xlim(panel.x_limits or (0, 1.02 * max(50, chart.last_step)))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for line in panel.lines:
        _draw_line(ax, line, chart)
    for level in panel.levels:
        ax.axhline(level.value, color=MIDDLE[level.color], linestyle="--", linewidth=1.2)
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        x, side = (0.99, "right") if level.at_end else (0.01, "left")
        ax.annotate(level.name, (x, level.value), xytext=(0, 3), color=MIDDLE[level.color], ha=side, **place)
    if panel.x_limits is None:
        _draw_marks(ax, panel, chart)
    label_lines(ax, [(line.name, MIDDLE[line.color]) for line in panel.lines if line.name])


def _heights(panel: Panel, series: Mapping[str, np.ndarray]) -> Limits:
    """As wantedY of panel.js."""
    y = np.concatenate([np.empty(0), *(series[line.series][:, 1] for line in panel.lines if line.series in series)])
    known = y[np.isfinite(y) & ((y > 0) | (panel.scale == "linear"))].astype(float)
    low = max(min([panel.at_least[0], *known]), panel.at_most[0])
    high = min(max([panel.at_least[1], *known]), panel.at_most[1])
    return (low / 1.15, high * 1.15) if panel.scale == "log" else (low, high * 1.05)


def _draw_line(ax: Axes, line: Line, chart: Chart) -> None:
    x, y = chart.series.get(line.series, np.empty((0, 2))).T
    if line.style == "stairs" and len(x):
        x, y = np.append(x, max(x[-1], chart.last_step)), np.append(y, y[-1])
    options: dict[str, Any] = {"color": MIDDLE[line.color], "linewidth": line.width}
    if line.dash:
        options["linestyle"] = (0, tuple(length / line.width for length in line.dash))
    if line.style in ("marked", "dots"):
        options |= {"marker": "o", "markersize": 2 * line.width + 1, "markeredgewidth": 0}
    if line.style == "dots":
        options["linestyle"] = "none"
    ax.plot(x, y, drawstyle="steps-post" if line.style == "stairs" else "default", **options)


def _draw_marks(ax: Axes, panel: Panel, chart: Chart) -> None:
    for mark in chart.marks:
        ax.axvline(mark.step, color=MIDDLE["grey"], linewidth=0.8)
    newest = [mark for mark in chart.marks if mark.step][-MOST_MARKS_NAMED:] if panel.names_marks else []
    for number, mark in enumerate(reversed(newest)):
        at_the_end = mark.step > 0.8 * ax.get_xlim()[1]
        ax.annotate(
            mark.name, (mark.step, 0.97 - 0.08 * (number % 4)), xycoords=("data", "axes fraction"), va="top",
            xytext=(-3 if at_the_end else 3, 0), textcoords="offset points", ha="right" if at_the_end else "left",
            fontsize=10, color=MIDDLE["grey"],
        )  # fmt: skip


# -------------------------------------------------------------------------------------------- fields


def _draw_field(ax: Axes, panel: Field, chart: Chart) -> None:
    matrix = np.asarray(chart.series[panel.series], dtype=float)
    logarithmic = panel.scale == "log"
    finite = np.isfinite(matrix) & ((matrix > 0) | (not logarithmic))
    with np.errstate(all="ignore"):
        shown = np.where(finite, np.log(matrix) if logarithmic else matrix, np.nan)
    low, high = map(math.log, panel.limits) if logarithmic else panel.limits
    colors: dict[str, Any] = {"cmap": "cividis" if low < high else "cividis_r"}
    colors |= {"vmin": min(low, high), "vmax": max(low, high), "interpolation": "nearest"}
    image = ax.imshow(shown, aspect="auto", origin="lower" if panel.upwards else "upper", **colors)
    for axis, names in ((ax.xaxis, panel.columns), (ax.yaxis, panel.rows)):
        every = math.ceil(len(names) / 8)
        axis.set_ticks(range(0, len(names), every), names[::every])
        axis.set_minor_locator(NullLocator())
    ax.set(xlabel=panel.x_name, ylabel=panel.y_name)
    ax.grid(False)
    ax.set_title(panel.title)
    for (row, column), value in np.ndenumerate(matrix) if panel.shows_numbers else ():
        if not math.isnan(value):
            text = "×" if math.isinf(value) else f"{value:.1f}"
            red, green, blue, _ = image.to_rgba(shown[row, column])
            dark = math.isfinite(value) and 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            color = "white" if dark else "black" if math.isfinite(value) else MIDDLE["ink"]
            ax.text(column, row, text, color=color, ha="center", va="center", gid="keeps its color")
    if chart.selected is not None:
        row, column = chart.selected
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]]) + (column, row)
        ax.plot(*corners.T, color=MIDDLE["orange"], linewidth=3, clip_on=False)


def _recolor(ax: Axes) -> None:
    """Axes and letters that are seen on a light and on a dark page."""
    ax.set_facecolor("none")
    for spine in ax.spines.values():
        spine.set_edgecolor(MIDDLE["ink"])
    ax.tick_params(which="both", color=MIDDLE["ink"], labelcolor=MIDDLE["ink"])
    for text in ax.findobj(Text):
        text.set_parse_math(False)  # names are a reader's own, and may have a dollar in them
        if text.get_color() in ("black", "#000000") and text.get_gid() is None:
            text.set_color(MIDDLE["ink"])


def threshold_name(threshold: float) -> str:
    """A clipping threshold in a few characters; an infinite one is "off"."""
    return f"{threshold:.2g}" if math.isfinite(threshold) else "off"
