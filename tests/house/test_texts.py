"""What the texts promise: folded solutions pass their checks, links lead somewhere."""

import ast
import re
from pathlib import Path
from textwrap import dedent, indent

import jupytext
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks/src").glob("*.py"))
TEXTS = [*SOURCES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "bench").glob("*.md")]
STUB = re.compile(r"^( *)return .*\.\.\..*# your lines?$", re.M)
SOLUTION = re.compile(r"A solution</summary>.*?```python\n(.*?)```", re.S)
PLACE_OF_REPAIR = re.compile(r"^( *)loss\.backward\(\)\n", re.M)


def cells(source: Path) -> list[NotebookNode]:
    return jupytext.read(source, fmt="py:percent").cells


def exercises() -> list[object]:
    """Every exercise cell that asks for lines in one place, with the solution folded below it filled in."""
    found = []
    for source in SOURCES:
        imports = next(cell.source for cell in cells(source) if cell.cell_type == "code")
        for cell, below in zip(cells(source), cells(source)[1:], strict=False):
            solution = SOLUTION.search(below.source)
            if cell.cell_type != "code" or solution is None or "..." in solution[1]:
                continue
            if stub := STUB.search(cell.source):
                filled = STUB.sub(lambda _, stub=stub, lines=solution[1]: indent(dedent(lines), stub[1]), cell.source)
            elif place := PLACE_OF_REPAIR.search(cell.source):
                lines = place[0] + indent(dedent(solution[1]), place[1])
                filled = cell.source.replace(place[0], lines).replace("repaired = False", "repaired = True")
            else:
                continue
            found.append(pytest.param(f"{imports}\n{filled}", id=f"{source.stem[:2]}-{filled.splitlines()[-1][:40]}"))
    return found


@pytest.mark.parametrize("code", exercises())
def test_the_solution_folded_below_an_exercise_passes_its_check(code: str) -> None:
    *body, check = ast.parse(code).body
    assert isinstance(check, ast.Expr)
    names: dict[str, object] = {}
    exec(compile(ast.Module(body, []), "exercise", "exec"), names)
    verdict = eval(compile(ast.Expression(check.value), "check", "eval"), names)
    assert verdict.result == "passed", verdict


def test_there_are_exercises_to_try() -> None:
    assert len(exercises()) >= 8


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_to_a_file_that_is_there_or_to_a_secure_page(path: Path) -> None:
    folder = ROOT / "notebooks" if path in SOURCES else path.parent
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        assert target.startswith(("https://", "#")) or (folder / target.split("#")[0]).exists(), target
