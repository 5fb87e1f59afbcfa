"""What the texts promise: folded solutions pass their checks, links lead somewhere, the library is as they say."""

import ast
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import jupytext
import pytest
from nbformat import NotebookNode

from rnnlib.cells import RNN

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


def of_kind(kind: type[ast.AST], code: str) -> list[str]:
    """All loops, say, of some code, without comments and docstrings."""
    found = [node for node in ast.walk(ast.parse(dedent(code))) if isinstance(node, kind)]
    for node in found:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            node.body = node.body[1:] if ast.get_docstring(node) else node.body
    return [ast.unparse(node) for node in found]


@pytest.mark.parametrize(
    ("number", "kind", "function"), [("02", ast.FunctionDef, RNN.step), ("03", ast.For, RNN.backward)]
)
def test_a_notebook_quotes_the_library_word_for_word(number: str, kind: type[ast.AST], function: Callable) -> None:
    (source,) = [source for source in SOURCES if source.stem.startswith(number)]
    markdown = "\n".join(cell.source for cell in cells(source) if cell.cell_type == "markdown")
    without_answers = re.sub("<details><summary>A (hint|solution).*?</details>", "", markdown, flags=re.S)
    (quoted,) = re.findall(r"```python\n(.*?)```", without_answers, re.S)
    assert of_kind(kind, quoted) == of_kind(kind, inspect.getsource(function))


def test_the_loop_that_solves_an_exercise_of_notebook_03_is_that_of_the_library() -> None:
    (source,) = [source for source in SOURCES if source.stem.startswith("03")]
    solutions = [found[1] for cell in cells(source) if (found := SOLUTION.search(cell.source))]
    (solved,) = [solution for solution in solutions if "reversed(" in solution]
    (loop,) = of_kind(ast.For, inspect.getsource(RNN.backward))
    assert of_kind(ast.For, f"def solution():\n{indent(solved, '    ')}") == [loop.replace("da = dx[t] = ", "da = ")]


def named_in(source: Path) -> list[str]:
    """What the text of a notebook calls by a name of the library: `models.detach`, `rnnlib/cells.py`."""
    imports = next(cell.source for cell in cells(source) if cell.cell_type == "code")
    modules = {
        alias.name: node.module
        for node in ast.walk(ast.parse(imports))
        if isinstance(node, ast.ImportFrom) and node.module and node.module != "rnnlib.widgets"
        for alias in node.names
    }
    found = []
    for cell in cells(source):
        for name in re.findall(r"`([\w./]+)", cell.source) if cell.cell_type == "markdown" else []:
            first = name.split(".")[0]
            if name.startswith("rnnlib"):
                found.append(name.strip("."))
            elif first in modules and modules[first].startswith("rnnlib"):
                found.append(f"{modules[first]}.{name}")
    return found


@pytest.mark.parametrize("name", sorted({name for source in SOURCES for name in named_in(source)}))
def test_what_a_notebook_names_is_in_the_library(name: str) -> None:
    assert (ROOT / name).exists() if "/" in name else pkgutil.resolve_name(name)
