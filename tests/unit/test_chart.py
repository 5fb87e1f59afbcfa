"""A chart as a picture: seen on light and on dark pages, honest about what leaves its axes."""

import math

import numpy as np
import pytest
from factories import pixels
from matplotlib.colors import to_rgb

from rnnlib.figures.chart import MIDDLE, Chart, Field, Line, Mark, Panel, draw_chart, threshold_name

WHITE, DARK = "#ffffff", "#111111"  # the backgrounds of JupyterLab's themes


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(np.dot([0.2126, 0.7152, 0.0722], channels))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", MIDDLE)
def test_every_colour_is_seen_on_a_light_and_on_a_dark_page(name: str) -> None:
    least = 4.0 if name == "ink" else 3.0
    assert contrast(MIDDLE[name], WHITE) >= least and contrast(MIDDLE[name], DARK) >= least


PANEL = Panel("perplexity", (Line("training", "training", "blue"),), at_least=(3, 28), at_most=(1, 280))


def points(*values: float) -> np.ndarray:
    return np.array([(step + 1, value) for step, value in enumerate(values)], np.float32).reshape(-1, 2)


def test_axes_hold_the_data_but_not_what_is_lost() -> None:
    for values, expected in (((10, 20), (3, 28)), ((2, 50), (2, 50)), ((10, 1e30, math.inf, math.nan), (3, 280))):
        (ax,) = draw_chart(Chart((PANEL,), {"training": points(*values)}, columns=1)).axes
        np.testing.assert_allclose(ax.get_ylim(), (expected[0] / 1.15, expected[1] * 1.15))


def test_the_picture_has_no_background_and_lines_in_their_colours() -> None:
    image = pixels(draw_chart(Chart((PANEL,), {"training": points(10, 20, 12)}, columns=1))._repr_png_())
    assert (image[..., 3] == 0).mean() > 0.8
    blue = np.array(to_rgb(MIDDLE["blue"])) * 255
    assert (np.abs(image[..., :3] - blue).max(-1) < 2).sum() > 100


def test_a_chart_without_any_number_can_be_drawn() -> None:
    field = Field("map", "map", ("a",), ("b",), (28, 3), "x", "y", shows_numbers=True)
    for value in (math.nan, math.inf, 28.0, 40.0):
        chart = Chart((PANEL, field), {"training": points(), "map": np.array([[value]])}, [Mark(3, "H 24", "")])
        assert draw_chart(chart)._repr_png_()


def test_every_field_says_its_number_and_a_diverged_one_has_a_cross() -> None:
    field = Field("map", "map", ("a",), ("b", "c", "d"), (28, 3), "x", "y", shows_numbers=True)
    (ax,) = draw_chart(Chart((field,), {"map": np.array([[7.25, math.inf, math.nan]])}, columns=1)).axes
    assert [text.get_text() for text in ax.texts] == ["7.2", "×"]


def test_a_threshold_has_a_short_name() -> None:
    assert [threshold_name(value) for value in (0.016, 1.0, 10**0.25, math.inf)] == ["0.016", "1", "1.8", "off"]
