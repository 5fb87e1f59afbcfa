"""Letters of every script in pictures: no warning, no formula, and a box where no font has the letter."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_own_texts import TEXTS

from rnnlib.figures.chart import Chart, Line, Mark, Panel, draw_chart
from rnnlib.figures.glyphs import drawable, in_cells
from rnnlib.figures.letters import activation_letters
from rnnlib.figures.perplexity import next_character_bars
from rnnlib.figures.style import MONOSPACE, Drawing, panels

UNSEEN = "\U000e0fff"  # no font has it


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_of_any_script_is_drawn_without_a_warning(text: str) -> None:
    drawing = Drawing(9, 3)
    activation_letters(drawing, text, np.linspace(-1, 1, len(text)))
    assert drawing._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "tokens", [["<unk>", "$", "_", "守"], ["<unk>", "\n", "\t", UNSEEN], ["<unk>", "$_$", "the", "lamp"]]
)
def test_bars_have_names_of_any_kind(tokens: list[str]) -> None:
    drawing, (ax,) = panels()
    next_character_bars(ax, np.array([0.1, 0.2, 0.3, 0.4]), tokens, "$_$ 守")
    assert drawing._repr_png_()


def test_of_a_large_vocabulary_the_likeliest_forty_are_bars() -> None:
    _, (ax,) = panels()
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5000))
    next_character_bars(ax, probabilities, [chr(0x4E00 + n) for n in range(5000)], "a")
    (outline,) = ax.patches
    values, edges, _ = outline.get_data()
    np.testing.assert_array_equal(values[::2], np.sort(probabilities)[::-1][:40])
    assert not values[1::2].any() and len(ax.get_xticks()) == 40
    np.testing.assert_allclose((edges[::2] + edges[1::2]) / 2, np.arange(40))  # each bar over its name


def test_names_that_a_reader_gave_are_no_formulas() -> None:
    panel = Panel("perplexity", (Line("a", "$_$", "blue"),), names_marks=True)
    chart = Chart((panel,), {"a": np.array([[1.0, 2.0]])}, (Mark(1, r"$\frac$ 守", "sentence"),))
    assert draw_chart(chart)._repr_png_()


@given(st.text())
def test_each_character_has_one_place(text: str) -> None:
    assert len(in_cells(text, MONOSPACE)) == len(text)


def test_a_box_stands_for_what_no_font_has_and_a_mark_vanishes() -> None:
    assert drawable(f"a{UNSEEN}b", MONOSPACE) == "a□b"
    assert drawable("é ü", MONOSPACE) == "é ü"
