"""Notebooks are written as notebooks/src/*.py (jupytext's percent format) and read as notebooks/*.ipynb.

python tools/notebooks.py build [name ...]    convert, execute and clean all notebooks, or those named
python tools/notebooks.py check               one sentence for everything that is not as it should be
"""

import argparse
import hashlib
import re
import sys
import time
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from rnnlib.files import write_atomically

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_SECONDS = 300
# All that a notebook says of itself: what else Jupyter writes there (versions, widget states) changes with the machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Without the widgets' state, which is not stored, a widget's view shows an error; its image and its text do not.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

LINES_OF_CODE = 25
WORDS_OF_TEXT = 120
CELLS_TO_FIRST_PICTURE = 4
CODE_CELLS_IN_A_ROW = 2
IMPORTS = 5

# ---------------------------------------------------------------------------------------- building


def from_source(source: Path) -> NotebookNode:
    """The notebook that `source` describes, not executed yet."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note to itself on blank lines in the source
        # Named after their content, cells keep their ids when others come and go: a rebuild differs only where it must.
        name = hashlib.sha1(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
        seen[name] += 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder` and keep of their outputs what every reader sees alike."""
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # how a printed text was cut into messages depends on the machine's mood
    ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if output.output_type == "execute_result":
                output.execution_count = number


def build(source: Path) -> None:
    """Write the executed notebook of notebooks/src/NAME.py to notebooks/NAME.ipynb, whole or not at all."""
    target = built_from(source)
    notebook = from_source(source)
    execute(notebook, target.parent)
    write_atomically(target, (nbformat.writes(notebook) + "\n").encode())


def built_from(source: Path) -> Path:
    return source.parent.parent / f"{source.stem}.ipynb"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# ---------------------------------------------------------------------------------------- checking


def check(folder: Path) -> list[str]:
    """Everything that is wrong with the notebooks in `folder`, one sentence each."""
    sources = sorted((folder / "src").glob("*.py"))
    built = {built_from(source): source for source in sources}
    faults = [f"{path.stem}: has no source in src." for path in sorted(folder.glob("*.ipynb")) if path not in built]
    for path, source in built.items():
        if not path.exists():
            faults.append(f"{path.stem}: has not been built; run `make notebooks`.")
            continue
        notebook = nbformat.read(path, as_version=4)
        found = differences(from_source(source), notebook) + output_faults(notebook) + budget_faults(notebook)
        faults += [f"{path.stem}: {fault}" for fault in found]
    return faults


def differences(expected: NotebookNode, stored: NotebookNode) -> list[str]:
    """Where the stored notebook is not what its source says, outputs apart: the first place is enough."""
    way_out = "edit its source in src, and run `make notebooks`."
    if stored.metadata != expected.metadata:
        surplus = sorted(set(stored.metadata) - set(expected.metadata))
        return [f"its metadata are not those of its source {surplus or ''}; {way_out}".replace(" ;", ";")]
    for number, (one, other) in enumerate(zip(expected.cells, stored.cells, strict=False), start=1):
        if any(one.get(part) != other.get(part) for part in ("cell_type", "source", "metadata", "id")):
            return [f"cell {number} is not the one of its source; {way_out}"]
    if len(expected.cells) != len(stored.cells):
        return [f"has {len(stored.cells)} cells, its source has {len(expected.cells)}; {way_out}"]
    return []


def output_faults(notebook: NotebookNode) -> list[str]:
    """Cells that did not run, or whose outputs no reader should see."""
    faults = []
    for number, cell in enumerate(code_cells(notebook), start=1):
        where = f"code cell {number}"
        if cell.execution_count != number:
            faults.append(f"{where} has the execution count {cell.execution_count}; run `make notebooks`.")
        for output in cell.outputs:
            if output.output_type == "error":
                faults.append(f"{where} raised {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                faults.append(f"{where} wrote to stderr: {output.text.strip().splitlines()[-1]}")
            if WIDGET_VIEW in output.get("data", {}):
                faults.append(f"{where} stores a widget's view, which shows an error; run `make notebooks`.")
    return faults


def budget_faults(notebook: NotebookNode) -> list[str]:
    """Where the notebook asks more of its reader than was agreed."""
    faults = []
    code_in_a_row = 0
    for number, cell in enumerate(notebook.cells, start=1):
        is_code = cell.cell_type == "code"
        code_in_a_row = code_in_a_row + 1 if is_code else 0
        if code_in_a_row == CODE_CELLS_IN_A_ROW + 1:
            faults.append(f"cell {number} is the third code cell in a row; say a sentence between them.")
        if is_code and (lines := len(cell.source.splitlines())) > LINES_OF_CODE:
            faults.append(f"cell {number} has {lines} lines of code; {LINES_OF_CODE} is the most.")
        if not is_code and (words := count_words(cell.source)) > WORDS_OF_TEXT:
            faults.append(f"cell {number} has {words} words; {WORDS_OF_TEXT} is the most.")
        if any(re.search(r"!\[[^]]*\]\(\s*https?:|<img[^>]*\ssrc=[\"']?https?:", text) for text in texts(cell)):
            faults.append(f"cell {number} shows an image from the network; put it into the notebook.")
    if not any(shows_picture(cell) for cell in notebook.cells[:CELLS_TO_FIRST_PICTURE]):
        faults.append(f"shows no picture in its first {CELLS_TO_FIRST_PICTURE} cells.")
    imports = sum(
        len(re.findall(r"^\s*(?:import|from\s+\S+\s+import)\s", cell.source, re.M)) for cell in code_cells(notebook)
    )
    if imports > IMPORTS:
        faults.append(f"has {imports} imports; {IMPORTS} is the most.")
    return faults


def count_words(text: str) -> int:
    """The words that are read as words: no code blocks, tables, HTML tags or images; a formula counts as one."""
    text = re.sub(r"^\|.*$", " ", text, flags=re.M)
    text = re.sub(r"```.*?```|<[^>]+>|!\[[^]]*\]\([^)]*\)", " ", text, flags=re.S)
    text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "formula", text, flags=re.S)
    return len(re.findall(r"\w[\w'’.-]*", text))


def texts(cell: NotebookNode) -> list[str]:
    """What can show an image: a text cell, or an output in HTML or Markdown."""
    if cell.cell_type != "code":
        return [cell.source]
    data = [output.get("data", {}) for output in cell.outputs]
    return [item[kind] for item in data for kind in ("text/html", "text/markdown") if kind in item]


def shows_picture(cell: NotebookNode) -> bool:
    drawn = any(kind.startswith("image/") for output in cell.get("outputs", []) for kind in output.get("data", {}))
    return drawn or any(re.search(r"!\[|<img\s|<svg\s", text) for text in texts(cell))


# ---------------------------------------------------------------------------------------- commands


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the notebooks from their sources, or check them.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build").add_argument("names", nargs="*", metavar="name", help="for example 01_introduction")
    commands.add_parser("check")
    arguments = parser.parse_args()

    if arguments.command == "check":
        if faults := check(NOTEBOOKS):
            sys.exit("\n".join(faults))
        return
    known = {source.stem: source for source in sorted((NOTEBOOKS / "src").glob("*.py"))}
    if unknown := set(arguments.names) - set(known):
        sys.exit(f"There is no source for {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    for name in arguments.names or known:
        start = time.perf_counter()
        try:
            build(known[name])
        except CellExecutionError as error:
            sys.exit(f"{name}: {error}")
        print(f"{name}: built in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
