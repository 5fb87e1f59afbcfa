"""A plugin for pytest: stored notebooks show what a fresh run shows, but for what a machine decides.

pytest -p tools.stored_numbers --nbval-lax notebooks/*.ipynb

nbval runs all cells and compares the outputs of some.  After each cell this compares what is printed, and the numbers
in the texts below it: words have to be equal, and numbers as near as two machines are.  Not compared are pictures, and
cells tagged nbval-ignore-output.
"""

from collections.abc import Generator
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, NbCellError

from tools.notebooks import PROGRESS, built_from, from_source
from tools.text_cells import agree, code_that_prints, fields, filled_in, printed_values

IGNORED = "nbval-ignore-output"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Run a cell, then compare."""
    yield
    if isinstance(item, IPyNbCell):
        for stored, fresh in [*printed(item), *texts_below(item)]:
            if not agree(stored, fresh):
                message = f"The stored notebook says\n{stored}\nand a fresh run\n{fresh}\nRun `make notebooks`."
                raise NbCellError(item.cell_num, message, item.cell.source)


def printed(item: IPyNbCell) -> list[tuple[str, str]]:
    """What the cell printed when it was stored, and now."""
    if item.options["skip"] or IGNORED in item.cell.metadata.get("tags", []):
        return []
    return [(plain_text(item.cell.outputs), plain_text(item.test_outputs))]


def plain_text(outputs: list[NotebookNode]) -> str:
    """All that is printed, but for progress, and the results' plain texts; of what has a picture its name, one line."""
    said = (
        PROGRESS.sub("", output["text"]) if "text" in output else name_or_text(output.get("data", {}))
        for output in outputs
    )
    return "\n".join(filter(None, said))  # an output of nothing but progress is there on a slow machine alone


def name_or_text(data: dict[str, str]) -> str:
    """A result's plain text, or its first line if there is a picture, too."""
    text = data.get("text/plain", "")
    return text.partition("\n")[0] if "image/png" in data else text


def texts_below(item: IPyNbCell) -> list[tuple[str, str]]:
    """The texts with numbers between this cell and the next code, as stored and as they would be now."""
    stored = item.parent.nb.cells
    path = Path(item.parent.path)
    source = next((each for each in (path.parent / "src").glob(f"{path.stem}.py") if built_from(each) == path), None)
    if source is None:
        return []
    code = [place for place, cell in enumerate(stored) if cell.cell_type == "code"]
    first, last = code[item.cell_num] + 1, [*code, len(stored)][item.cell_num + 1]
    pairs = []
    for written, shown in list(zip(from_source(source).cells, stored, strict=True))[first:last]:
        wanted = fields(written.source)
        if wanted and IGNORED not in shown.metadata.get("tags", []):
            values = printed_values(ask(item, code_that_prints(wanted)))
            pairs.append((shown.source, filled_in(written.source, values)))
    return pairs


def ask(item: IPyNbCell, code: str) -> str:
    """What some code prints in the notebook's kernel."""
    kernel = item.parent.kernel
    asked = kernel.execute_cell_input(code, allow_stdin=False)
    kernel.await_reply(asked, timeout=60)
    said = ""
    while True:
        message = kernel.get_message("iopub", timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":  # a warning is no number
            said += message["content"]["text"]
        if message["msg_type"] == "error":
            raise NbCellError(item.cell_num, f"{message['content']['evalue']}, asked for {code}", item.cell.source)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return said
