"""tools/notebooks.py on small notebooks: what it builds, and that its check finds what it is there to find."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import budget, notebooks
from tools.stored_numbers import plain_text

SOURCE = """\
# %% [markdown] slideshow={"slide_type": "slide"}
# # Tiny

# %% tags=["nbval-check-output"]
import ipywidgets as widgets

print("\\rworking: step 1 of 9\\rworking: step 9 of 9\\none"), print("two")
widgets.FloatSlider(description="rate")


# %% [markdown]
# A sentence with {{ 1 + 1:.1f }} numbers, {{ "of":s }} which none is typed.
# <!-- given: 7 -->

# %%
from IPython.display import SVG

SVG("<svg xmlns='http://www.w3.org/2000/svg'/>")
"""


@pytest.fixture(scope="module")
def built_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "src").mkdir()
    (folder / "src/01_tiny.py").write_text(SOURCE)
    notebooks.build(folder / "src/01_tiny.py")
    return folder


@pytest.fixture
def folder(built_folder: Path, tmp_path: Path) -> Path:
    """A copy of the built notebook and its source, to be spoilt."""
    (tmp_path / "src").mkdir()
    for name in ("src/01_tiny.py", "01_tiny.ipynb"):
        (tmp_path / name).write_bytes((built_folder / name).read_bytes())
    return tmp_path


def spoil(folder: Path, change: Callable[[NotebookNode], object]) -> list[str]:
    """What the check says after the stored notebook was changed."""
    path = folder / "01_tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)
    return notebooks.check(folder, folder)


def test_a_built_notebook_passes_the_check(folder: Path) -> None:
    assert notebooks.check(folder, folder) == []
    assert [path.name for path in folder.glob("*.ipynb")] == ["01_tiny.ipynb"]


def test_a_built_notebook_keeps_text_and_slides_and_drops_what_a_machine_decides(folder: Path) -> None:
    notebook = nbformat.read(folder / "01_tiny.ipynb", as_version=4)
    title, slider = notebook.cells[:2]
    assert title.metadata == {"slideshow": {"slide_type": "slide"}}
    assert slider.metadata == {"tags": ["nbval-check-output"]}
    assert [cell.execution_count for cell in notebooks.code_cells(notebook)] == [1, 2]
    assert slider.outputs[0].text == "one\ntwo\n"
    assert list(slider.outputs[1].data) == ["text/plain"]
    assert notebook.metadata == notebooks.METADATA


def test_a_built_text_has_its_numbers_and_no_notes_and_the_cell_that_asked_is_gone(folder: Path) -> None:
    notebook = nbformat.read(folder / "01_tiny.ipynb", as_version=4)
    assert notebook.cells[2].source == "A sentence with 2.0 numbers, of which none is typed."
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "markdown", "code"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It has 3.72.", "has numbers that no code sets, 3.72: write"),
        ("It has {{ 1 + 1 }}.", "has {{ without an expression, a format and }}."),
        ("Slow. <!-- claim: slow -->", "has a note that is none of: claim, given, measured."),
        ("# 3.72\n# <!-- measured: bench/nothing.py -->", "was measured by bench/nothing.py, which is not there."),
    ],
)
def test_the_check_finds_a_text_whose_numbers_come_from_nowhere(folder: Path, text: str, said: str) -> None:
    source = folder / "src/01_tiny.py"
    source.write_text(SOURCE.replace("# # Tiny", f"# # Tiny\n# {text}"))
    assert any(fault.startswith(f"01_tiny: cell 1 {said}") for fault in notebooks.check(folder, folder))


def test_the_check_finds_a_claim_without_a_test(folder: Path) -> None:
    source = folder / "src/01_tiny.py"
    source.write_text(SOURCE.replace("# # Tiny", "# # Tiny\n# <!-- claim: all_is_well -->"))
    assert f"01_tiny: claims all_is_well, but there is no test_all_is_well in {folder.name}." in notebooks.check(
        folder, folder
    )


def test_a_new_first_cell_changes_no_other_id(folder: Path) -> None:
    source = folder / "src/01_tiny.py"
    before = [cell.id for cell in notebooks.from_source(source).cells]
    source.write_text("# %% [markdown]\n# New.\n\n" + SOURCE)
    after = [cell.id for cell in notebooks.from_source(source).cells]
    assert after[1:] == before
    assert len(set(after)) == len(after)


def test_equal_cells_get_different_ids(folder: Path) -> None:
    source = folder / "src/01_tiny.py"
    source.write_text("# %%\n1\n\n# %%\n1\n")
    first, second = notebooks.from_source(source).cells
    assert first.id != second.id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n: n.cells[1].update(source="1 + 1"), "cell 2 is not the one of its source"),
        (lambda n: n.cells[0].metadata.clear(), "cell 1 is not the one of its source"),
        (lambda n: n.cells[0].update(id="other"), "cell 1 is not the one of its source"),
        (lambda n: n.cells.pop(), "has 3 cells, its source has 4"),
        (lambda n: n.metadata.update(widgets={}), "its metadata are not those of its source ['widgets']"),
        (lambda n: n.metadata.language_info.update(version="3.11.2"), "its metadata are not those of its source"),
        (lambda n: n.cells[1].metadata.update(execution={}), "cell 2 is not the one of its source"),
        (lambda n: n.cells[1].update(execution_count=None), "code cell 1 has the execution count None"),
        (
            lambda n: n.cells[3].update(outputs=[nbformat.v4.new_output("error", ename="KeyError", evalue="'lost'")]),
            "code cell 2 raised KeyError: 'lost'",
        ),
        (
            lambda n: n.cells[3].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="careful\n")),
            "code cell 2 wrote to stderr: careful",
        ),
        (
            lambda n: n.cells[3].outputs[0].data.update({notebooks.WIDGET_VIEW: {}}),
            "code cell 2 stores a widget's view",
        ),
    ],
)
def test_the_check_finds_an_edited_notebook(folder: Path, change: Callable[[NotebookNode], object], said: str) -> None:
    sentences = spoil(folder, change)
    assert any(sentence.startswith(f"01_tiny: {said}") for sentence in sentences), sentences


def test_the_check_finds_an_edited_source(folder: Path) -> None:
    (folder / "src/01_tiny.py").write_text(SOURCE.replace("which none", "which no"))
    assert notebooks.check(folder, folder) == [
        "01_tiny: cell 3 is not the one of its source; edit its source in src, and run `make notebooks`."
    ]


def test_the_check_finds_a_notebook_without_source_and_a_source_without_notebook(folder: Path) -> None:
    (folder / "src/01_tiny.py").rename(folder / "src/02_other.py")
    assert notebooks.check(folder, folder) == [
        "01_tiny: has no source in src.",
        "02_other: has not been built; run `make notebooks`.",
    ]


def compared_with_a_fresh_run(folder: Path) -> str:
    """What nbval says with the plugin, which compares what nbval does not."""
    path = folder / "01_tiny.ipynb"
    path.write_text(path.read_text().replace('"nbval-check-output"', '"only-run"'))
    plugin = ["-p", "tools.stored_numbers", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", *plugin, str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=notebooks.ROOT).stdout


def test_a_built_notebook_shows_what_a_fresh_run_shows(folder: Path) -> None:
    assert "2 passed" in compared_with_a_fresh_run(folder)


@pytest.mark.parametrize(
    ("stored", "other"), [("with 2.0 numbers", "with 3.0 numbers"), ('"one\\n",', '"won\\n",')], ids=["text", "output"]
)
def test_a_stored_number_or_word_that_a_fresh_run_does_not_show_is_found(folder: Path, stored: str, other: str) -> None:
    path = folder / "01_tiny.ipynb"
    path.write_text(path.read_text().replace(stored, other))
    said = compared_with_a_fresh_run(folder)
    assert "1 failed, 1 passed" in said and "and a fresh run" in said, said


def test_of_a_view_its_name_is_compared_and_of_a_result_all_lines() -> None:
    result, view = {"text/plain": "Lab\nAt step 7 it writes."}, {"text/plain": "Lab\nAt step 7.", "image/png": ""}
    outputs = [nbformat.v4.new_output("display_data", data) for data in (result, view)]
    assert plain_text(outputs) == "Lab\nAt step 7 it writes.\nLab"


def test_an_output_of_nothing_but_progress_is_no_line() -> None:
    progress = nbformat.v4.new_output("stream", text="\rtraining: step 9 of 9\n")
    verdict = nbformat.v4.new_output("execute_result", {"text/plain": "Passed."})
    assert plain_text([progress, verdict]) == plain_text([verdict]) == "Passed."


CODE, TEXT = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
PICTURE = TEXT("![the network](attachment:network.png)")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([PICTURE, CODE("x = 1\n" * 26)], ["cell 2 has 26 lines of code; 25 is the most."]),
        ([PICTURE, CODE("x = 1\n" * 25)], []),
        ([PICTURE, TEXT("word " * 121)], ["cell 2 has 121 words; 120 is the most."]),
        ([PICTURE, TEXT("word " * 119 + "$a + b$ ```\nmore code\n``` <br>")], []),
        (
            [PICTURE, CODE("1"), CODE("2"), CODE("3")],
            ["cell 4 is the third code cell in a row; say a sentence between them."],
        ),
        ([PICTURE, CODE("1"), CODE("2"), TEXT("So."), CODE("3")], []),
        ([TEXT("1"), TEXT("2"), TEXT("3"), TEXT("4"), PICTURE], ["shows no picture in its first 4 cells."]),
        ([PICTURE, CODE("import a\n" * 3), CODE("from b import c\n" * 3)], ["has 6 imports; 5 is the most."]),
        (
            [TEXT("![](https://example.org/a.png)")],
            ["cell 1 shows an image from the network; put it into the notebook."],
        ),
        (
            [TEXT('<img alt="a" src="http://example.org/a.png">')],
            ["cell 1 shows an image from the network; put it into the notebook."],
        ),
    ],
)
def test_the_budget_is_counted(cells: list[NotebookNode], said: list[str]) -> None:
    assert budget.budget_faults(nbformat.v4.new_notebook(cells=cells)) == said
