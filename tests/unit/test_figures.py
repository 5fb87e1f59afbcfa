"""Pictures: what is written is what was drawn, in every thread and whatever matplotlib is set to."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import drawings
import matplotlib
import numpy as np
import pytest
from factories import pixels
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection

from rnnlib import figures
from rnnlib.figures.gradients import gradient_map_image
from rnnlib.figures.letters import partition, shade, shaded_letters
from rnnlib.figures.perplexity import ticks_around
from rnnlib.figures.png import png_of
from rnnlib.figures.small_network import step_backward, step_forward
from rnnlib.figures.style import Drawing, panels
from rnnlib.topics.small_network import example_network, walk


def test_a_png_holds_the_pixels_that_were_drawn() -> None:
    drawing, (ax,) = panels(width=3, height=2)
    ax.plot([0, 1], [1, 0])
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    read = pixels(png_of(canvas))
    np.testing.assert_array_equal(read, np.asarray(canvas.buffer_rgba()))
    assert read.shape == (200, 300, 4) and (read[..., 3] == 255).all()


def test_pictures_drawn_in_several_threads_are_those_drawn_in_one() -> None:
    def picture(number: int) -> bytes:
        drawing, (ax,) = panels(width=3, height=2)
        ax.plot([0, number], [1, 0])
        ax.set_xlabel(rf"$x_{number}$")
        return drawing._repr_png_()

    numbers = list(range(1, 9)) * 3
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(picture, numbers)) == [picture(number) for number in numbers]


# ------------------------------------------------------------------------- matplotlib's settings are the reader's

OTHER_SETTINGS = {
    "font.size": 40, "font.family": ["serif"], "mathtext.fontset": "cm",
    "axes.prop_cycle": "cycler('color', ['pink', 'red'])", "axes.facecolor": "yellow", "axes.edgecolor": "red",
    "axes.labelcolor": "red", "axes.grid": False, "axes.linewidth": 9, "axes.axisbelow": True, "axes.xmargin": 0.4,
    "axes.ymargin": 0.4, "axes.spines.left": False, "axes.spines.top": True, "axes.titlesize": 30,
    "axes.titleweight": "bold", "axes.titlelocation": "right", "axes.titlepad": 30, "axes.labelsize": 30,
    "axes.labelweight": "bold", "axes.labelpad": 30, "xaxis.labellocation": "left", "yaxis.labellocation": "top",
    "grid.color": "red", "grid.linewidth": 9, "grid.linestyle": ":", "grid.alpha": 1, "lines.linewidth": 10,
    "lines.linestyle": ":", "lines.marker": "x", "lines.markersize": 30, "lines.markeredgewidth": 7,
    "scatter.marker": "x", "scatter.edgecolors": "red", "patch.linewidth": 6, "patch.force_edgecolor": True,
    "patch.edgecolor": "red", "patch.facecolor": "red", "text.color": "red", "xtick.major.size": 20,
    "xtick.major.width": 5, "ytick.minor.size": 9, "xtick.labelsize": 2, "xtick.color": "red",
    "ytick.labelcolor": "red", "xtick.direction": "in", "xtick.top": True, "ytick.right": True,
    "xtick.minor.visible": True, "ytick.minor.visible": True, "image.cmap": "jet", "image.origin": "lower",
    "image.interpolation": "bilinear", "image.aspect": "equal", "image.lut": 8, "figure.dpi": 50,
    "figure.facecolor": "pink", "figure.autolayout": True, "figure.subplot.left": 0.4, "figure.frameon": False,
    "savefig.dpi": 300, "savefig.facecolor": "red", "axes3d.grid": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn_under_both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders with a drawing of every kind: one under the default settings, one under others made before the import."""
    folders = tmp_path_factory.mktemp("default"), tmp_path_factory.mktemp("other")
    script = Path(__file__).with_name("drawings.py")
    children = [
        subprocess.Popen([sys.executable, script, folder, json.dumps(settings)], stderr=subprocess.PIPE, text=True)
        for folder, settings in zip(folders, ({}, OTHER_SETTINGS), strict=True)
    ]
    for child in children:
        _, complaints = child.communicate()
        assert child.returncode == 0, complaints  # drawings.py fails if drawing has changed a setting
    return folders


@pytest.mark.parametrize("name", drawings.every_drawing())
def test_a_drawing_is_the_same_whatever_matplotlib_is_set_to(drawn_under_both: tuple[Path, Path], name: str) -> None:
    default, other = ((folder / f"{name}.png").read_bytes() for folder in drawn_under_both)
    assert default == other


@pytest.mark.parametrize("name", ["perplexity_axes", "draw_chart", "gate_map"])  # without formulas
def test_names_of_ticks_stay_upright_where_the_readers_font_is_bold_and_italic(name: str) -> None:
    draw = drawings.every_drawing()[name]
    upright = draw()
    with matplotlib.rc_context({"font.weight": "bold", "font.style": "italic"}):
        assert draw() == upright


def test_there_is_a_drawing_of_every_kind() -> None:
    modules = [
        importlib.import_module(f"rnnlib.figures.{module.name}") for module in pkgutil.iter_modules(figures.__path__)
    ]
    functions = {
        name for module in modules for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and name[0] != "_"
    }  # fmt: skip
    without_a_picture = {
        "png_of", "style_axes", "panels", "plain_number", "thin_out", "shade", "cliff_ground", "moments",
        "threshold_name", "drawable", "in_cells", "panel_from", "bars", "blank", "drawn_again", "ticks_around",
    }  # fmt: skip
    assert functions - without_a_picture == drawings.every_drawing().keys()


def test_no_number_of_the_small_network_is_a_zero_with_a_sign() -> None:
    network, targets = example_network(), np.array([[1.0, 0], [0, 1], [0, 1]])
    way = walk(network, np.eye(3), targets)
    for drawing in (step_forward(network, way, 1), step_backward(network, way, 1)):
        written = " ".join(text.get_text() for text in drawing.axes[0].texts)
        assert " 0.00" in written and "-0.00" not in written and "+0.00" not in written


def test_importing_and_drawing_leaves_matplotlibs_settings_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    drawing, (ax,) = panels()
    ax.plot([1, 2])
    drawing._repr_png_()
    assert dict(matplotlib.rcParams) == before


# --------------------------------------------------------------------------------------- what is where


def test_the_gradient_map_has_a_row_for_each_loss_and_a_column_for_each_state() -> None:
    norms = np.zeros((8, 8))
    norms[5, 1] = 1.0  # dL_6/dh_2, counted from 1
    drawing, (ax,) = panels()
    gradient_map_image(ax, norms)
    image = pixels(drawing._repr_png_())

    def color_at(k: float, t: float) -> list[int]:
        x, y = ax.transData.transform((k, t))
        return image[len(image) - 1 - round(y), round(x), :3].tolist()

    largest = list(matplotlib.colormaps["cividis"](1.0, bytes=True)[:3])
    assert ax.get_xlabel() == "hidden state j" and ax.get_ylabel() == "loss of step t"
    assert color_at(k=2, t=6) == largest
    assert color_at(k=6, t=2) == [255, 255, 255]
    assert color_at(k=2, t=3) == [255, 255, 255]  # two rows further up: t grows downwards


def test_letters_are_shaded_one_by_one_and_go_on_in_the_next_line() -> None:
    drawing = Drawing(3, 2)
    ax = shaded_letters(drawing, "a" * 5, [shade("blue", 0), shade("blue", 1), shade("red", 2)], columns=3, top=20)
    image = np.asarray(ax.images[0].get_array())
    assert image.shape == (2, 3, 4)
    np.testing.assert_array_equal(image[0], [[0, 0, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]])
    assert not image[1].any()
    assert [text.get_text() for text in ax.texts] == ["aaa", "aa"]


def test_the_number_of_a_row_stands_above_its_letters_and_touches_none() -> None:
    drawing = Drawing(9, 4)
    partition(drawing, "bdfhkl gjpqy " * 10, [0, 40, 70], 8, columns=26)
    drawing._repr_png_()
    lines, numbers = ([each.get_window_extent() for each in drawing.axes[0].texts if pick(each)] for pick in (
        lambda each: not each.get_text().isdigit(), lambda each: each.get_text().isdigit(),
    ))  # fmt: skip
    assert len(lines) == 5 and len(numbers) == 3
    assert not any(number.overlaps(line) for number in numbers for line in lines)


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [(3.4, 16.5, [3, 5, 10, 20]), (72, 350, [50, 100, 200, 300, 500]), (5, 5.1, [5, 10]), (1, 1, [1, 2])],
)
def test_ticks_enclose_all_values(lowest: float, highest: float, expected: list[float]) -> None:
    assert ticks_around(lowest, highest) == pytest.approx(expected)


@pytest.mark.parametrize("step", [step_forward, step_backward])
def test_no_edge_of_the_small_network_runs_through_a_name(step: Callable[..., Drawing]) -> None:
    network = example_network()
    drawing = step(network, walk(network, np.eye(3), np.zeros((3, 2))), 2)
    drawing._repr_png_()
    (ax,) = drawing.axes
    names = [each.get_window_extent() for each in ax.texts if each.get_text().startswith("$") and each.get_bbox_patch()]
    lines = [each for each in ax.collections if isinstance(each, LineCollection)]
    edges = [ax.transData.transform_path(path) for each in lines for path in each.get_paths()]
    assert len(names) == 4 and len(edges) > 20
    assert not [name for name in names if any(edge.intersects_bbox(name, filled=False) for edge in edges)]
