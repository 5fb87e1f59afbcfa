"""What becomes of a notebook when it is presented: tools/slides.py."""

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.budget import count_words
from tools.slides import LINES_OF_CODE, NOTEBOOKS, WORDS, deck, notes_page, outline, path_of, shown_and_said, slides

NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
PICTURE = new_output("display_data", {"image/png": "", "text/plain": "View"})


def built(name: str) -> NotebookNode:
    return nbformat.read(path_of(name), as_version=4)


def code(source: str, *outputs: NotebookNode) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs))


def prints(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_has_a_title_and_one_idea(name: str) -> None:
    for slide in slides(built(name)):
        assert slide.title
        assert count_words(slide.text) <= WORDS, slide.text
        assert slide.text or slide.code is not None, slide.title
        if slide.code is not None and slide.shows_code:
            assert len(slide.code.source.splitlines()) <= LINES_OF_CODE
        pictures = [output for output in (slide.code or {}).get("outputs", []) if "image/png" in output.get("data", {})]
        assert len(pictures) <= 1 and not (pictures and slide.text), slide.title


@pytest.mark.parametrize("name", NAMES)
def test_no_exercise_is_on_a_slide_and_all_code_runs_in_its_order(name: str) -> None:
    notebook = built(name)
    made = slides(notebook)
    assert not [slide.title for slide in made if slide.title.startswith(("Exercise", "Challenge", "Where to read"))]
    shown = [output.get("text", "") for slide in made if slide.code is not None for output in slide.code.outputs]
    assert not [text for text in shown if "not filled in yet" in text]
    assert [cell.source for cell in deck(made).cells if cell.cell_type == "code"] == [
        cell.source for cell in notebook.cells if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_of_a_presented_section_is_shown_or_in_the_notes(name: str) -> None:
    notebook = built(name)
    kept = " ".join(f"{slide.text} {' '.join(slide.notes)}" for slide in slides(notebook))
    kept_words = set(kept.split())
    presented = True
    for cell in notebook.cells:
        if cell.cell_type != "code":
            if cell.source.startswith("#"):
                presented = not cell.source.startswith(("## Exercise", "## Challenge", "## Where to read"))
            text = "\n".join(line for line in cell.source.splitlines() if not line.startswith("#"))
            assert not presented or set(text.split()) <= kept_words


def test_a_section_with_a_picture_is_a_question_a_picture_alone_and_what_it_shows() -> None:
    notebook = new_notebook(
        cells=[
            new_markdown_cell("## The cliff\n\nA wall.\n\n**Predict first.** Where does it go?"),
            code("import torch"),
            code("Cliff()", PICTURE),
            new_markdown_cell("*Left, the wall.*\n\nIt is thrown far away.\n\n**Try this.** Move it."),
        ]
    )
    question, picture, answer = slides(notebook)
    assert {slide.title for slide in (question, picture, answer)} == {"The cliff"}
    assert question.text == "A wall.\n\n**Predict first.** Where does it go?"
    assert picture.text == "" and picture.code is not None and not picture.shows_code
    assert [cell.source for cell in picture.hidden] == ["import torch"]
    assert answer.text == "It is thrown far away."
    assert answer.notes == ["*Left, the wall.*", "**Try this.** Move it."]
    assert notes_page([question, picture, answer]).endswith(
        "<h2>3 The cliff</h2>\n<p>*Left, the wall.*</p>\n<p>**Try this.** Move it.</p>"
    )


def test_below_the_slide_of_a_view_that_trains_is_its_recorded_run_if_there_is_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tools.slides.RECORDED", tmp_path)
    (tmp_path / "04_race.film").touch()
    notebook = new_notebook(cells=[new_markdown_cell("## A race"), code("race = MemoryRace()\nrace", PICTURE)])
    for name, below in (("04_problems", [("subslide", "## A race (recorded)")]), ("05_concise", []), ("", [])):
        cells = deck(slides(notebook, name)).cells
        titles = [(cell.metadata.slideshow.slide_type, cell.source) for cell in cells if cell.cell_type != "code"]
        assert titles == [("slide", "## A race"), *below]
        assert (f"RecordedRun({str(tmp_path / '04_race.film')!r})" in cells[-1].source) == bool(below)
    assert outline(slides(notebook, "04_problems")) == ["  1  A race: picture, its recorded run below"]


def test_a_long_text_is_cut_after_a_sentence_and_the_question_stays() -> None:
    long = "One sentence of five words. " * 20
    shown, said = shown_and_said(f"{long}\n\n**Predict first.** Which?")
    assert shown[0].endswith("**Predict first.** Which?") and count_words(shown[0]) <= WORDS
    assert said == [long.strip()]


def test_short_code_stands_under_the_short_text_before_it_and_long_code_is_not_shown() -> None:
    long = "\n".join(f"x = {number}" for number in range(LINES_OF_CODE + 1))
    notebook = new_notebook(
        cells=[new_markdown_cell("## A\n\nTwo lines."), code("print(1)", prints("1\n")), code(long, prints("2\n"))]
    )
    (slide,) = slides(notebook)
    assert slide.text == "Two lines." and slide.shows_code and [cell.source for cell in slide.hidden] == [long]
    assert outline([slide]) == ["  1  A: 2 words, 1 lines of code"]


def test_a_recap_asks_its_questions_and_keeps_the_answers_for_the_speaker() -> None:
    folded = "<details><summary>{}?</summary>\n\nBecause.\n</details>"
    (slide,) = slides(
        new_notebook(cells=[new_markdown_cell(f"## Recap\n\n{folded.format('Why')}\n\n{folded.format('How')}")])
    )
    assert slide.text == "- Why?\n- How?" and "Because." in " ".join(slide.notes)


def test_a_name_that_is_none_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="name one of 01_introduction, "):
        path_of("07")
