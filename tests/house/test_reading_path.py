"""The reading path: eight files in one order, short enough for an evening.

Lines are counted as `wc -l` does, words as what white space divides, in code, comments and docstrings alike.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RNNLIB = ROOT / "rnnlib"
READING_PATH = ("text", "baselines", "cells", "models", "optimizers", "training", "sampling", "gradients")
MOST_LINES, MOST_WORDS, MOST_LINES_OF_A_FILE = 1_200, 8_000, 300


def counts(count: Callable[[str], int]) -> dict[str, int]:
    """Of each of the eight files."""
    return {name: count((RNNLIB / f"{name}.py").read_text()) for name in READING_PATH}


def lines(text: str) -> int:
    return text.count("\n")


def words(text: str) -> int:
    return len(text.split())


def test_the_eight_files_have_no_more_than_1200_lines() -> None:
    found = counts(lines)
    assert sum(found.values()) <= MOST_LINES, (sum(found.values()), found)


def test_the_eight_files_have_no_more_than_8000_words() -> None:
    found = counts(words)
    assert sum(found.values()) <= MOST_WORDS, (sum(found.values()), found)


@pytest.mark.parametrize("path", sorted(RNNLIB.rglob("*.py")), ids=lambda path: str(path.relative_to(RNNLIB)))
def test_no_file_is_longer_than_300_lines(path: Path) -> None:
    assert lines(path.read_text()) <= MOST_LINES_OF_A_FILE


def test_the_readme_names_the_eight_in_their_order() -> None:
    numbered = re.findall(r"^(\d)\. \[`(\w+)\.py`\]\(rnnlib/(\w+)\.py\)", (ROOT / "README.md").read_text(), re.M)
    assert numbered == [(str(place), name, name) for place, name in enumerate(READING_PATH, 1)]


def test_rnnlib_itself_names_the_eight_in_their_order() -> None:
    told = ast.get_docstring(ast.parse((RNNLIB / "__init__.py").read_text()))
    assert told is not None and ", ".join(READING_PATH) + "." in " ".join(told.split())


@pytest.mark.parametrize(
    ("before", "name", "after"), list(zip(READING_PATH, READING_PATH[1:], READING_PATH[2:], strict=False))
)
def test_each_of_the_eight_says_which_comes_before_and_which_comes_next(before: str, name: str, after: str) -> None:
    told = ast.get_docstring(ast.parse((RNNLIB / f"{name}.py").read_text()))
    assert told is not None
    assert f"Before: {before}.py" in told and f"Next: {after}.py" in told


@pytest.mark.parametrize("name", READING_PATH)
def test_no_file_of_the_path_needs_a_later_one_or_what_may_be_skipped(name: str) -> None:
    may_know = {
        *READING_PATH[: READING_PATH.index(name)],
        "arguments",
        "files",
        "named_texts",
        "alphabets",
        "counting",
        "engine",
    }
    tree = ast.parse((RNNLIB / f"{name}.py").read_text())
    known = {
        part
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnnlib")
        for part in ([alias.name for alias in node.names] if node.module == "rnnlib" else [node.module.split(".")[1]])
    }  # fmt: skip
    assert known <= may_know
