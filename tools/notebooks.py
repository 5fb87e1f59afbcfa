"""Notebooks are written as notebooks/src/*.py (jupytext's percent format) and read as notebooks/*.ipynb.

python -m tools.notebooks build [name ...]    convert, execute, fill in and clean all notebooks, or those named
python -m tools.notebooks check               one sentence for everything that is not as it should be

text_cells.py says what a text cell may hold, budget.py what a notebook may ask of its reader; claims.py finds the tests
of what is said of runs.  stored_numbers.py is for pytest: it compares a stored notebook with a fresh run.
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
from tools.budget import budget_faults
from tools.claims import claim_faults
from tools.text_cells import (
    FIELD,
    code_that_prints,
    fields,
    filled_in,
    is_filled_in,
    notes,
    numbers_in_code,
    printed_values,
    typed_numbers,
    without_notes,
)

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, CLAIMS = ROOT / "notebooks", ROOT / "tests" / "claims"
CELL_SECONDS = 300
QUESTION = "asks for numbers"  # in the metadata of a cell that is there while a notebook is built
# All that a notebook says of itself: what else Jupyter writes there (versions, widget states) changes with the machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# How far a check was that took longer than a second: whether it did is a matter of the machine.
PROGRESS = re.compile(r"^[^\n]*: step \d+ of \d+ *\n", re.MULTILINE)
# Without the widgets' state, which is not stored, a widget's view shows an error; its image and its text do not.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# ---------------------------------------------------------------------------------------- building


def read_source(source: Path) -> NotebookNode:
    """The notebook as it is written."""
    return jupytext.read(source, fmt="py:percent")


def from_source(source: Path) -> NotebookNode:
    """The notebook that `source` describes, without notes, not executed and not filled in yet."""
    notebook = read_source(source)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note to itself on blank lines in the source
        if cell.cell_type != "code":
            cell.source = without_notes(cell.source)
        # Named after their content, cells keep their ids when others come and go: a rebuild differs only where it must.
        name = hashlib.sha1(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
        seen[name] += 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, fill in the texts, and keep of the outputs what every reader sees alike."""
    notebook.cells = with_questions(notebook.cells)
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # how a printed text was cut into messages depends on the machine's mood
    ).execute()
    notebook.cells = with_answers(notebook.cells)
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "text" in output:
                output.text = PROGRESS.sub("", output.text)
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if output.output_type == "execute_result":
                output.execution_count = number


def with_questions(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells, and before each text with fields a cell that prints what is to be filled in."""
    asked = []
    for cell in cells:
        if cell.cell_type != "code" and (wanted := fields(cell.source)):
            asked.append(nbformat.v4.new_code_cell(code_that_prints(wanted), metadata={QUESTION: True}))
        asked.append(cell)
    return asked


def with_answers(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells without those that print, and what they have printed in the texts after them."""
    for question, text in zip(cells, cells[1:], strict=False):
        if QUESTION in question.metadata:
            text.source = filled_in(text.source, printed_values(question.outputs[0].text))
    return [cell for cell in cells if QUESTION not in cell.metadata]


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


def check(folder: Path, claims: Path) -> list[str]:
    """Everything that is wrong with the notebooks in `folder` and the tests of their claims, one sentence each."""
    sources = sorted((folder / "src").glob("*.py"))
    built = {built_from(source): source for source in sources}
    faults = [f"{path.stem}: has no source in src." for path in sorted(folder.glob("*.ipynb")) if path not in built]
    for path, source in built.items():
        found = text_faults(read_source(source))
        if not path.exists():
            found.append("has not been built; run `make notebooks`.")
        else:
            notebook = nbformat.read(path, as_version=4)
            found += differences(from_source(source), notebook) + output_faults(notebook) + budget_faults(notebook)
        faults += [f"{path.stem}: {fault}" for fault in found]
    return faults + claim_faults({source.stem: claims_of(read_source(source)) for source in sources}, claims)


def text_faults(notebook: NotebookNode) -> list[str]:
    """Numbers that somebody measured and typed, and notes that lead nowhere."""
    known = numbers_in_code(cell.source for cell in code_cells(notebook))
    faults = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            continue
        if typed := ", ".join(typed_numbers(cell.source, known)):
            faults.append(
                f"cell {number} has numbers that no code sets, {typed}: write {{{{ expression:format }}}}, or "
                f"<!-- given: {typed} --> if they are not measured."
            )
        if "{{" in FIELD.sub("", cell.source):
            faults.append(f"cell {number} has {{{{ without an expression, a format and }}}}.")
        if "<!--" in without_notes(cell.source):
            faults.append(f"cell {number} has a note that is none of: claim, given, measured.")
        for path in notes(cell.source, "measured"):
            if not (ROOT / path).exists():
                faults.append(f"cell {number} was measured by {path}, which is not there.")
    return faults


def claims_of(notebook: NotebookNode) -> list[str]:
    """The names of all claims."""
    return [name for cell in notebook.cells if cell.cell_type != "code" for name in notes(cell.source, "claim")]


def differences(expected: NotebookNode, stored: NotebookNode) -> list[str]:
    """Where the stored notebook is not what its source says, outputs apart: the first place is enough."""
    way_out = "edit its source in src, and run `make notebooks`."
    if stored.metadata != expected.metadata:
        surplus = sorted(set(stored.metadata) - set(expected.metadata))
        return [f"its metadata are not those of its source {surplus or ''}; {way_out}".replace(" ;", ";")]
    for number, (one, other) in enumerate(zip(expected.cells, stored.cells, strict=False), start=1):
        same = all(one.get(part) == other.get(part) for part in ("cell_type", "metadata", "id"))
        if not same or not is_filled_in(one.source, other.source):
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


# ---------------------------------------------------------------------------------------- commands


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the notebooks from their sources, or check them.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build").add_argument("names", nargs="*", metavar="name", help="for example 01_introduction")
    commands.add_parser("check")
    arguments = parser.parse_args()

    if arguments.command == "check":
        if faults := check(NOTEBOOKS, CLAIMS):
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
