"""What docs/teaching says: its plans name what is there, its minutes add up, its exam is computed, its key is whole."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import torch

from rnnlib.checks import answers
from rnnlib.grade.exercises import NOTEBOOKS as EXERCISES
from tools.answer_key import answer_key
from tools.slides import path_of, slides

ROOT = Path(__file__).parents[2]
TEACHING = ROOT / "docs" / "teaching"
PLANS = sorted(TEACHING.glob("0*.md"))
ROW = re.compile(r"^\| (.+?) \| (\d+|-) \| (\d+|-) \|$", re.M)
LABEL = re.compile(r'"([A-Z][^"]+)"')
CODE = {"nn.RNN", "detach", "retain_graph=True", "for", "h"}  # what stands in a plan as code, and is no knob


def headings(name: str) -> list[str]:
    notebook = nbformat.read(path_of(name), as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type != "code"]
    return [heading for text in texts for heading in re.findall(r"^##? (.+)$", text, re.M)]


def knobs() -> set[str]:
    """Every text that the views give to a widget."""
    return {label for path in (ROOT / "rnnlib/widgets").glob("*.py") for label in LABEL.findall(path.read_text())}


def table(plan: str) -> list[tuple[str, str, str]]:
    """Section, minutes of 45, minutes of 90."""
    return [row for row in ROW.findall(plan) if row[0] != "section"]


def sections(plan: str) -> Iterator[str]:
    yield from (title for title, _, _ in table(plan))
    yield from re.findall(r"^## (.+)$", plan, re.M)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_names_sections_that_its_notebook_has_in_the_order_of_the_notebook(path: Path) -> None:
    there = headings(path.stem)
    plan = path.read_text()
    missing = [title for title in sections(plan) if title not in there]
    assert not missing, missing
    in_table = [title for title, _, _ in table(plan)]
    assert in_table == sorted(in_table, key=there.index)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_has_minutes_or_a_dash_for_every_section_that_has_slides(path: Path) -> None:
    in_table = {title for title, _, _ in table(path.read_text())}
    notebook = nbformat.read(path_of(path.stem), as_version=4)
    assert [slide.title for slide in slides(notebook) if slide.title not in in_table] == []


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plans_numbers_are_those_of_its_notebook(path: Path) -> None:
    """Wrong answers of an audience may have numbers of their own."""
    said = re.sub(r"notebook \d\d|\*\*Usually\*\*:.*?(?=\*\*|$)", "", path.read_text().split("\n## ", 1)[1], flags=re.M)
    cells = nbformat.read(path_of(path.stem), as_version=4).cells
    there = "\n".join(cell.source for cell in cells)
    named = set(re.findall(r"(?<![\w.,/])\d[\d,.]*\d(?!\w)", said))
    assert not {number for number in named if not re.search(rf"(?<![\d.,]){number}(?!\d)", there)}


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_minutes_of_a_plan_are_45_and_90(path: Path) -> None:
    rows = table(path.read_text())
    for minutes, column in ((45, 1), (90, 2)):
        assert sum(int(row[column]) for row in rows if row[column] != "-") == minutes


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_names_knobs_that_there_are(path: Path) -> None:
    named = set(re.findall(r"`([^`]+)`", path.read_text())) - CODE
    assert named and named <= knobs(), named - knobs()


def test_the_exams_numbers_are_computed() -> None:
    solutions = (TEACHING / "exam.md").read_text().split("# Solutions")[1]
    V, H = 28, 64
    weights = V * H + H * H + H + H * V + V
    w, h_0 = torch.tensor(0.5, requires_grad=True, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    h_1 = torch.tanh(1 + w * h_0)
    a_2 = w * h_1
    h_2 = torch.tanh(a_2)
    h_1.retain_grad()
    h_2.retain_grad()
    a_2.retain_grad()
    (0.5 * (h_2 - 1) ** 2).backward()
    assert f"{weights:,}".replace(",", "{,}") in solutions
    for number in (h_1, h_2, h_2.grad, a_2.grad, h_1.grad, w.grad):
        assert number is not None and f"{number:.3f}" in solutions
    assert math.isclose((2 * 8 * 2 * 8) ** 0.25, 4) and "geometric mean is 4" in solutions
    assert 0.8**50 < 1.5e-5 and "0.00001" in solutions


def test_the_key_answers_every_exercise_and_says_which_mistakes_are_known() -> None:
    key = answer_key()
    for title, calls in EXERCISES.items():
        assert f"## {title}" in key
        assert all(f"### `{call.split('(')[0]}`" in key for call in calls)
    assert "return torch.tanh(x @ W_xh + h @ W_hh + b_h)" in key and "they must be one token on, not one back" in key
    functions = [name for name, each in vars(answers).items() if getattr(each, "__module__", "") == answers.__name__]
    assert all(f"def {name}(" in key or f"class {name}(" in key for name in functions)


def test_no_notebook_says_where_the_key_is() -> None:
    assert not [path for path in ROOT.glob("notebooks/src/*.py") if "answer_key" in path.read_text()]
