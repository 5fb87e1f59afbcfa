"""What is drawn quickly, from memory, is what would be drawn slowly: letters, and axes that are used again."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from factories import pixels
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from bench.views import views
from rnnlib.figures.remembered_text import RememberingRenderer
from rnnlib.figures.style import Drawing, blank, drawn_again
from rnnlib.widgets.knob_view import KnobView


def dots(renderer: RendererAgg, text: str, size: float, angle: float, color: tuple[float, ...], x: float, y: float):
    gc_of_text = renderer.new_gc()
    gc_of_text.set_foreground(color, isRGBA=True)
    renderer.clear()
    renderer.draw_text(gc_of_text, x, y, text, FontProperties(size=size), angle, text.startswith("$"))
    return np.asarray(renderer.buffer_rgba()).astype(int)


@pytest.mark.parametrize("text", ["0.25", "Agj, wide", "$W_{hh}$", "i", "  "])
@pytest.mark.parametrize("angle", [0, 90, 33])
@pytest.mark.parametrize("color", [(0, 0, 0, 1), (0.8, 0.2, 0, 0.5)])
def test_a_text_on_whole_dots_is_that_of_matplotlib(text: str, angle: float, color: tuple[float, ...]) -> None:
    plain, remembering = (kind(200, 160, 100) for kind in (RendererAgg, RememberingRenderer))
    for x, y in ((60, 110), (61, 90)):
        expected = dots(plain, text, 14, angle, color, x, y)
        found = dots(remembering, text, 14, angle, color, x, y)
        assert np.abs(expected - found)[..., 3].max() <= 1  # of 255; how two overlapping letters are rounded
        opaque = expected[..., 3] > 20
        assert np.abs(expected - found)[opaque].max(initial=0) <= 8
        assert opaque.any() == bool(text.strip())


def test_a_text_between_dots_is_at_the_nearest_ones() -> None:
    renderer = RememberingRenderer(200, 160, 100)
    near = dots(renderer, "near", 12, 0, (0, 0, 0, 1), 60.4, 99.6)
    np.testing.assert_array_equal(near, dots(renderer, "near", 12, 0, (0, 0, 0, 1), 60, 100))


def test_a_text_is_cut_off_where_the_axes_say_so() -> None:
    drawing = Drawing(2, 2)
    ax = drawing.add_axes((0.5, 0.5, 0.5, 0.5))
    ax.axis("off")
    ax.text(-0.5, 0.5, "long enough", clip_on=True)
    left = pixels(drawing._repr_png_())[:, :95]
    assert (left == 255).all()


@pytest.fixture(scope="module")
def every_view() -> list[tuple[KnobView, list]]:
    return [(view, [knob, *values[:3]]) for view, knob, values in views()]


def moved(view: KnobView, knob, *values) -> Iterator[bytes]:
    for value in (*values, *reversed(values)):
        knob.value = value
        yield view.png


@pytest.mark.parametrize("place", range(17))
def test_a_view_that_draws_into_its_axes_again_shows_what_new_ones_would(every_view, place: int) -> None:
    view, (knob, *values) = every_view[place]
    for png in moved(view, knob, *values):
        np.testing.assert_array_equal(pixels(png), pixels(view.figure(view.compute())._repr_png_()))


def test_every_view_is_tried(every_view) -> None:
    assert len(every_view) == 17


def test_moving_a_knob_leaves_no_axes_behind(every_view) -> None:
    def axes() -> int:
        gc.collect()
        return sum(issubclass(type(each), Axes) for each in gc.get_objects())

    for view, (knob, *values) in every_view:
        list(moved(view, knob, *values))
    before = axes()
    for view, (knob, *values) in every_view:
        list(moved(view, knob, *values))
    assert axes() <= before


def test_outside_and_in_another_size_a_drawing_is_new() -> None:
    kept: dict[tuple[float, float], Drawing] = {}
    with drawn_again(kept):
        first = blank(3, 2)
        assert blank(3, 2) is first
        other = blank(3, 4)
        assert other is not first and list(kept.values()) == [other]
    assert blank(3, 4) is not other


def test_a_place_may_be_any_sequence() -> None:
    drawing = Drawing(3, 2)
    places = ([0.1, 0.1, 0.3, 0.8], np.array([0.6, 0.1, 0.3, 0.8]))
    for place in places:
        assert drawing.add_axes(place).get_position().bounds == pytest.approx(tuple(place))
