"""Slides are derived from a built notebook: nothing is written twice, and a rewritten notebook is presented at once.

python -m tools.slides 02    what is on each slide of notebook 02

A section becomes a few slides under its heading: what its text says first, in at most 60 words; each picture or widget
alone, without its code; short code with what it prints.  Below the slide of a view that trains is its recorded run
(tools/films.py).  Longer texts, captions, "Try this" and folded answers become the speaker's notes.  Exercises,
imports, long code and links are on no slide; their code runs all the same.
"""

import html
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.budget import count_words, shows_picture

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, RECORDED = ROOT / "notebooks", ROOT / "docs/teaching/recorded"
WORDS, LINES_OF_CODE = 60, 12
WORDS_WITH_CODE, LINES_WITH_TEXT = 35, 11  # what fits on one slide together
NOT_PRESENTED = re.compile(r"(Exercise|Challenge) \d|Where to read on")
BLOCK = re.compile(r"```.*?```|\$\$.*?\$\$|<details>.*?</details>|^\|.*?(?=^[^|]|\Z)", re.S | re.M)
FOLDED = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.S)
PLAY = "from rnnlib.widgets import RecordedRun\n\nRecordedRun({!r})"
FOR_THE_SPEAKER = re.compile(r"\*[^*].*[^*]\*\Z|\*\*Try this\.?\*\*|\(\d\) |<details>|\d+ minutes to read", re.S)


@dataclass
class Slide:
    """One idea under one title: a text, or code with what it prints, or a picture."""

    title: str
    text: str = ""
    code: NotebookNode | None = None
    notes: list[str] = field(default_factory=list)
    hidden: list[NotebookNode] = field(default_factory=list)  # code that runs before it and is not shown
    film: Path | None = None  # the recorded run of what trains here

    @property
    def shows_code(self) -> bool:
        return self.code is not None and not shows_picture(self.code)


def path_of(name: str) -> Path:
    """The built notebook that a name or its first digits mean: "02" -> notebooks/02_structure.ipynb."""
    found = sorted(NOTEBOOKS.glob(f"{name.removesuffix('.ipynb')}*.ipynb"))
    if len(found) != 1:
        there = ", ".join(path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb")))
        raise ValueError(f"{name!r} names {len(found)} notebooks; name one of {there}, or its first digits.")
    return found[0]


def slides(notebook: NotebookNode, name: str = "") -> list[Slide]:
    """The slides of a built notebook, in its order.  name: without one no recorded runs are looked for."""
    made: list[Slide] = []
    waiting: list[NotebookNode] = []  # code on no slide, until the next slide comes
    title, presented = "", True
    for cell in notebook.cells:
        if cell.cell_type != "code":
            for part in re.split(r"\n+(?=##? )", cell.source):  # a cell may hold two sections
                if heading := re.match(r"##? (.+)\n*", part):
                    title, presented = heading[1], not NOT_PRESENTED.match(heading[1])
                if presented:
                    text = part[heading.end() :] if heading else part
                    shown, notes = shown_and_said(text)
                    made += [Slide(title, each) for each in shown or ([""] if heading else [])]
                    if made:
                        made[-1].notes += notes
        elif not presented or not on_a_slide(cell):
            waiting.append(cell)
        else:
            if not made or not goes_with(made[-1], cell):
                made.append(Slide(title))
            made[-1].code, made[-1].hidden, waiting = cell, waiting, []
            made[-1].film = film_of(cell, name)
    made = without_bare_titles(made)
    made[-1].hidden += waiting
    return made


def without_bare_titles(made: list[Slide]) -> list[Slide]:
    """A heading without a text of its own is the title of what comes next."""
    kept = []
    for slide, following in zip(made, [*made[1:], None], strict=True):
        if slide.text or slide.code or following is None or following.title != slide.title:
            kept.append(slide)
        else:
            following.notes = slide.notes + following.notes
    return kept


def on_a_slide(cell: NotebookNode) -> bool:
    """Whether an audience should see this code or what it shows."""
    if shows_picture(cell):
        return True
    says = bool(cell.outputs) or re.search(r"^(def|class) ", cell.source, re.M)
    return bool(says) and len(cell.source.splitlines()) <= LINES_OF_CODE


def goes_with(slide: Slide, cell: NotebookNode) -> bool:
    """Whether short code fits under a short text that introduces it."""
    if slide.code is not None or slide.notes or "|" in slide.text or "```" in slide.text or "$$" in slide.text:
        return False
    lines = len(cell.source.splitlines()) + sum(len(printed(output)) for output in cell.outputs)
    return not shows_picture(cell) and count_words(slide.text) <= WORDS_WITH_CODE and lines <= LINES_WITH_TEXT


def film_of(cell: NotebookNode, name: str) -> Path | None:
    """The recorded run of the view that a cell of a notebook makes: docs/teaching/recorded/NUMBER_VARIABLE.film."""
    films = sorted(RECORDED.glob(f"{name[:2]}_*.film")) if name else []
    return next((film for film in films if re.search(rf"^{film.stem[3:]} = ", cell.source, re.M)), None)


def printed(output: NotebookNode) -> list[str]:
    text: str = output.get("text") or output.get("data", {}).get("text/plain", "")
    return text.splitlines()


# -------------------------------------------------------------------------------------------- texts


def shown_and_said(text: str) -> tuple[list[str], list[str]]:
    """The texts of one or more slides, and what remains for the speaker's notes."""
    shown: list[str] = []
    said: list[str] = []
    room = WORDS
    questions = [f"- {question}" for question, _ in FOLDED.findall(text)]
    parts = list(paragraphs(text))
    asked = [part for part in parts if part.startswith("**Predict first")]
    room -= sum(count_words(part) for part in asked)
    for part in parts:
        if part in asked and count_words(part) <= WORDS:
            shown.append(part)
        elif FOR_THE_SPEAKER.match(part):
            said.append(part)
        elif part.startswith(("|", "```")):
            shown.append(part)
        elif (kept := first_sentences(part, room)) and room > 0:
            room -= count_words(kept)
            shown.append(kept)
            if kept != part:
                room = 0
                said.append(part)
        else:
            room = 0 if part not in asked else room
            said.append(part)
    if not shown and len(questions) > 1:  # a recap: its questions are asked, its answers are said
        shown = ["\n".join(questions)]
    return on_slides(shown), said


def on_slides(parts: list[str]) -> list[str]:
    """What may stand together: a table or a block of code has a slide of its own, with the text before it left out."""
    alone = [part for part in parts if part.startswith(("|", "```"))]
    together = [part for part in parts if part not in alone]
    return (["\n\n".join(together)] if together else []) + alone


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs, list items, tables, formulas and folded texts, each whole."""
    start = 0
    for block in [*BLOCK.finditer(text), None]:
        for part in re.split(r"\n{2,}|\n(?=- |\d\. )", text[start : block.start() if block else None]):
            if part.strip():
                yield part.strip()
        if block:
            start = block.end()
            yield block[0].strip()


def first_sentences(text: str, words: int) -> str:
    """The beginning of a text, in whole sentences, with at most so many words; "" where one sentence has more."""
    if count_words(text) <= words:
        return text
    kept = ""
    for sentence in re.split(r"(?<=[.?!:])\s+(?=[A-Z*`(])", text):
        if count_words(f"{kept} {sentence}") > words:
            break
        kept = f"{kept} {sentence}".strip()
    return kept


# --------------------------------------------------------------------------------------------- deck


def deck(made: list[Slide]) -> NotebookNode:
    """A notebook that jupyterlab-slideshow presents: the slides, with code that nobody sees between them."""
    cells = []
    for slide in made:
        cells += [code_cell(cell, "skip") for cell in slide.hidden]
        cells.append(title_cell(slide.title, slide.text, "slide", slide.notes))
        if slide.code is not None:
            cells.append(code_cell(slide.code, None, folded=not slide.shows_code))
        if slide.film is not None:
            cells.append(title_cell(f"{slide.title} (recorded)", "", "subslide"))
            cells.append(code_cell(nbformat.v4.new_code_cell(PLAY.format(str(slide.film))), None, folded=True))
    kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    return nbformat.from_dict(nbformat.v4.new_notebook(cells=cells, metadata=kernel))


def title_cell(title: str, text: str, slide_type: str, notes: Sequence[str] = ()) -> NotebookNode:
    cell = nbformat.v4.new_markdown_cell(f"## {title}\n\n{text}".strip())
    cell.metadata = {"slideshow": {"slide_type": slide_type}, "notes": "\n\n".join(notes)}
    return cell


def code_cell(cell: NotebookNode, slide_type: str | None, folded: bool = False) -> NotebookNode:
    metadata: dict[str, dict[str, object]] = {"jupyter": {"source_hidden": True}} if folded else {}
    if slide_type:
        metadata["slideshow"] = {"slide_type": slide_type}
    return nbformat.v4.new_code_cell(cell.source, metadata=metadata, outputs=cell.outputs)


def notes_page(made: list[Slide]) -> str:
    """A page for the speaker's own screen: what is said at each slide, as it is written in the notebook."""
    style = "body{font:18px/1.4 sans-serif;max-width:50em;margin:1em auto}p{white-space:pre-wrap}"
    parts = [f"<!doctype html><meta charset=utf-8><title>Notes</title><style>{style}</style>"]
    for number, slide in enumerate(made, start=1):
        parts.append(f"<h2>{number} {html.escape(slide.title)}</h2>")
        parts += [f"<p>{html.escape(re.sub(r'</?(details|summary)>', ' ', note).strip())}</p>" for note in slide.notes]
    return "\n".join(parts)


def outline(made: list[Slide]) -> list[str]:
    """A line for each slide: its number, its title, and what is under it."""
    lines = []
    for number, slide in enumerate(made, start=1):
        parts = [f"{count_words(slide.text)} words"] if slide.text else []
        if slide.shows_code and slide.code is not None:
            parts.append(f"{len(slide.code.source.splitlines())} lines of code")
        elif slide.code is not None:
            parts.append("picture")
        if slide.film is not None:
            parts.append("its recorded run below")
        lines.append(f"{number:3}  {slide.title}: {', '.join(parts)}")
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name a notebook: python -m tools.slides 02")
    path = path_of(sys.argv[1])
    print(*outline(slides(nbformat.read(path, as_version=4), path.stem)), sep="\n")
