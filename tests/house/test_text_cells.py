"""Text cells: numbers are filled in, notes are taken out, and a number that somebody typed is found."""

from pathlib import Path

import pytest

from tools import text_cells
from tools.claims import claim_faults


def test_an_expression_ends_at_its_last_colon() -> None:
    source = "from {{ {'a': 1}['a']:.2f }} to {{ x[1:3].mean() : .0% }}"
    assert text_cells.fields(source) == [("{'a': 1}['a']", ".2f"), ("x[1:3].mean()", ".0%")]


def test_what_is_printed_for_the_fields_is_read_back_as_it_was_formatted() -> None:
    printed: list[str] = []
    code = text_cells.code_that_prints(text_cells.fields("{{ n / 3:.2f }}, {{ name:s }}, {{ 1000 * n:, }}"))
    exec(code, {"n": 2, "name": "it's", "print": lambda values: printed.append(repr(values))})
    assert text_cells.printed_values(printed[0]) == ["0.67", "it's", "2,000"]


def test_fields_are_filled_in_from_left_to_right() -> None:
    assert text_cells.filled_in("{{ a:d }} of {{ b:d }}", ["1", r"\2"]) == r"1 of \2"


def test_a_text_is_a_filled_in_source_where_only_its_fields_differ() -> None:
    source = "It has {{ n:d }} letters (more than {{ m:d }})."
    assert text_cells.is_filled_in(source, "It has 12 letters (more than 3).")
    for other in ("It has 12 letters (more than 3)!", "It has 12 letter (more than 3).", "It has 12."):
        assert not text_cells.is_filled_in(source, other)


def test_notes_are_taken_out_with_their_lines() -> None:
    source = "<!-- claim: one, two -->\nA sentence.\n<!-- given: 1,000, 0.2 -->\n\nAnother."
    assert text_cells.without_notes(source) == "A sentence.\n\nAnother."
    assert text_cells.notes(source, "claim") == ["one", "two"]
    assert text_cells.notes(source, "given") == ["1,000", "0.2"]


@pytest.mark.parametrize(
    ("source", "typed"),
    [
        ("It reaches 3.72 after 1,500 steps.", ["3.72"]),
        ("It has 12,844 words, 29 % of them new.", ["12,844", "29"]),
        ("A tenth is 1e-3.", ["1e-3"]),
        ("It reaches {{ perplexity:.2f }}.", []),
        ("Noise of 0.2.\n<!-- given: 0.2 -->", []),
        ("| a | 3.72 |\n<!-- measured: bench/memory.py -->", []),
        ("A loop of `3.72` and\n```python\nx = 81\n```\nnumbers; 81 again.", []),
        ("Over $x^{17} + 0.37$ steps.", ["0.37"]),
        ("[8.1 Sequence models](https://d2l.ai/9.html)", []),
        ("# 01 Introduction\n\n40 minutes to read, 25 for three exercises. (1) See notebook 05, Exercise 2.", []),
        ("Elman 1990; measured on 2026-11-23; a 4-gram; GPT2; h_1.", []),
    ],
)
def test_a_number_that_no_code_sets_is_found(source: str, typed: list[str]) -> None:
    assert text_cells.typed_numbers(source, known={1500.0}) == typed


def test_numbers_in_code_are_its_constants() -> None:
    assert text_cells.numbers_in_code(["x = f(1_500, rate=0.2)", "y = 'three' + '4'"]) == {1500.0, 0.2}


@pytest.mark.parametrize(
    ("stored", "fresh", "same"),
    [
        ("perplexity 3.72", "perplexity 3.72", True),
        ("perplexity 3.72", "perplexity 3.90", True),
        ("perplexity 3.72", "perplexity 4.72", False),
        ("rising 3.72", "falling 3.72", False),
        ("0.02", "0.03", True),
        ("0.02", "0.05", False),
        ("1e-08", "1e-07", False),
        ("one 1", "one 1 2", False),
        ("12,844 words", "12,844 words", True),
    ],
)
def test_two_machines_agree_in_words_and_nearly_in_numbers(stored: str, fresh: str, same: bool) -> None:
    assert text_cells.agree(stored, fresh) is same


def test_claims_and_their_tests_find_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "test_claims_of_01.py").write_text("def test_a() -> None: ...\n\n\ndef test_b() -> None: ...\n")
    assert claim_faults({"01": ["a", "b"]}, folder) == []
    assert claim_faults({"01": ["a", "c"]}, folder) == [
        "01: claims c, but there is no test_c in claims.",
        "test_claims_of_01.py: test_b tests what no notebook claims.",
    ]
    (folder / "test_claims_of_02.py").write_text("def test_a() -> None: ...\n")
    assert claim_faults({"01": ["a", "b"]}, folder) == ["test_claims_of_01.py: there are 2 tests called test_a."]
