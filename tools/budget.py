"""What a notebook may ask of its reader: so many words, lines and imports, and a picture soon."""

import re

from nbformat import NotebookNode

LINES_OF_CODE = 25
WORDS_OF_TEXT = 120
CELLS_TO_FIRST_PICTURE = 4
CODE_CELLS_IN_A_ROW = 2
IMPORTS = 5


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
        len(re.findall(r"^\s*(?:import|from\s+\S+\s+import)\s", cell.source, re.M))
        for cell in notebook.cells
        if cell.cell_type == "code"
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
