"""tools/notebooks.py on small notebooks: what it builds, and that its check finds what it is there to find."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import notebooks

SOURCE = """\
# %% [markdown] slideshow={"slide_type": "slide"}
# # Tiny

# %% tags=["nbval-check-output"]
import ipywidgets as widgets

print("one"), print("two")
widgets.FloatSlider(description="rate")


# %% [markdown]
# A sentence.

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
    return notebooks.check(folder)


def test_a_built_notebook_passes_the_check(folder: Path) -> None:
    assert notebooks.check(folder) == []
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
    (folder / "src/01_tiny.py").write_text(SOURCE.replace("A sentence", "Another sentence"))
    assert notebooks.check(folder) == [
        "01_tiny: cell 3 is not the one of its source; edit its source in src, and run `make notebooks`."
    ]


def test_the_check_finds_a_notebook_without_source_and_a_source_without_notebook(folder: Path) -> None:
    (folder / "src/01_tiny.py").rename(folder / "src/02_other.py")
    assert notebooks.check(folder) == [
        "01_tiny: has no source in src.",
        "02_other: has not been built; run `make notebooks`.",
    ]


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
    assert notebooks.budget_faults(nbformat.v4.new_notebook(cells=cells)) == said
