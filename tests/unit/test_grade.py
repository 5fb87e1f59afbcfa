"""A class is graded: a few notebooks in kernels of their own, and what is told of them.

tests/unit/a_class.py has 35; `python tests/unit/a_class.py FOLDER` grades all of them in some three minutes.
"""

import ast
import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jupytext
import pytest
import torch
from a_class import a_class, unexpected, write

from rnnlib.grade import exercises, inside, notebooks, sessions, table
from rnnlib.grade.__main__ import main

SOURCES = sorted((Path(__file__).parents[2] / "notebooks/src").glob("*.py"))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with seven notebooks, something that is none, and their grades."""
    folder = tmp_path_factory.mktemp("handed in")
    chosen = write(folder, ["right", "01 right", "03 repaired", "forged module", "died", "page", "formula"])
    (folder / "damaged.session").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("not graded")
    command = [sys.executable, "-m", "rnnlib.grade", str(folder), "--seconds", "30"]
    assert subprocess.run(command, check=False).returncode == 1  # one died
    assert unexpected(folder, chosen) == []
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "grades.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_is_a_row_for_each_exercise_of_each_file(graded: Path) -> None:
    rows = rows_of(graded)
    assert list(rows[0]) == ["file", "notebook", "exercise", "verdict", "sentence", "tries", "seconds"]
    assert [row["exercise"] for row in rows if row["file"] == "right.ipynb"] == [
        "rnn_step", "unrolled_twice", "rnn_forward"
    ]  # fmt: skip
    assert {row["notebook"] for row in rows if row["file"] == "right.ipynb"} == {"02 Structure"}
    assert "notes.txt" not in {row["file"] for row in rows}


def test_a_session_file_is_verified_in_a_process_of_its_own(graded: Path) -> None:
    (row,) = [row for row in rows_of(graded) if row["file"] == "damaged.session"]
    assert (row["exercise"], row["verdict"]) == ("handed_in", "wrong") and "is damaged" in row["sentence"]


def test_the_page_shows_what_was_written_and_runs_none_of_it(graded: Path) -> None:
    page = (graded / "grades.html").read_text(encoding="utf-8")
    assert "right.ipynb: 3 of 3 passed" in page and "&lt;script&gt;" in page and "<script>" not in page


def test_a_spreadsheet_computes_nothing(tmp_path: Path) -> None:
    table.write([table.Row("=1+1.ipynb", "", "", "wrong", "@SUM(A1)", 0, 0.0)], tmp_path)
    (row,) = rows_of(tmp_path)
    assert (row["file"], row["sentence"]) == ("'=1+1.ipynb", "'@SUM(A1)")


def test_a_folder_without_anything_to_grade_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "there is no notebook and no session file" in capsys.readouterr().err


def test_pipes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert main([str(tmp_path)]) == 2


def test_a_session_that_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SECONDS_TO_START", 0.001)
    (row,) = sessions.grade(tmp_path / "any.session", seconds=0.001, step_budget=1)
    assert (row.verdict, row.sentence) == ("broken", "it could not be verified in time.")


def test_tries_are_read_from_what_the_notebook_shows() -> None:
    def cell(text: str) -> dict:
        return {"source": "checks.rnn_step(f)", "outputs": [{"data": {"text/plain": text}}]}

    class Cell(dict):
        source = property(lambda self: self["source"])

    for text, tries in (("Passed: x", 1), ("Not right yet (try 7): x", 7), ("Passed (try 3): x", 3), ("Not yet: x", 0)):
        assert notebooks._tries([Cell(cell(text))], "rnn_step") == tries


def test_a_check_that_was_replaced_is_read_from_its_file_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnlib import checks

    kept = {name: module for name, module in sys.modules.items() if name.startswith("rnnlib.checks")}
    monkeypatch.setattr(checks, "rnn_step", print)
    try:
        assert inside.fresh_checks().rnn_step is not print
    finally:
        sys.modules.update(kept)


@pytest.mark.parametrize("number", [0, 1])
def test_the_cells_for_nbgrader_and_otter_let_pass_what_is_right_and_say_what_is_wrong(
    number: int, monkeypatch
) -> None:
    docs = (Path(__file__).parents[2] / "docs/grading.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", docs, re.S)[number]
    monkeypatch.setitem(sys.modules, "otter", ModuleType("otter"))
    monkeypatch.setitem(sys.modules, "otter.test_files", otter := ModuleType("otter.test_files"))
    otter.test_case = lambda points: lambda test: test  # type: ignore[attr-defined]
    kept = {name: module for name, module in sys.modules.items() if name.startswith("rnnlib.checks")}

    def grade(my_step) -> None:
        names = {"my_step": my_step}
        exec(code, names)
        if number == 1:
            names["test_the_check_passes"](my_step)

    try:
        grade(lambda x, h, W_xh, W_hh, b_h: torch.tanh(x @ W_xh + h @ W_hh + b_h))
        with pytest.raises(AssertionError, match=r"Not right yet: the bias b_h is missing\."):
            grade(lambda x, h, W_xh, W_hh, b_h: torch.tanh(x @ W_xh + h @ W_hh))
    finally:
        sys.modules.update(kept)


def calls(source: Path) -> list[str]:
    """The checks that a notebook calls in cells that have something to fill in."""
    found = []
    for cell in jupytext.read(source, fmt="py:percent").cells:
        if cell.cell_type == "code" and re.search(r"\.\.\.|= False$", cell.source, re.M):
            last = ast.parse(cell.source).body[-1]
            if isinstance(last, ast.Expr) and ast.unparse(last).startswith("checks."):
                found.append(ast.unparse(last))
    return found


@pytest.mark.parametrize(("source", "title"), list(zip(SOURCES, exercises.NOTEBOOKS, strict=True)), ids=str)
def test_what_is_graded_is_what_the_notebooks_ask(source: Path, title: str) -> None:
    assert calls(source) == [ast.unparse(ast.parse(call)) for call in exercises.NOTEBOOKS[title]]
    assert source.stem[:2] == title[:2]
    assert exercises.notebook_of(source.read_text()) == title


def test_the_class_has_at_least_thirty_notebooks_of_every_kind() -> None:
    assert len(a_class()) >= 30
