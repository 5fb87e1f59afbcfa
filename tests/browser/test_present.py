"""`make present`: a small notebook on stage, turned and handled by keyboard and mouse."""

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import tools.slides
from rnnlib.live import films
from rnnlib.widgets import MemoryRace
from rnnlib.widgets.recorded_run import moment_of
from tools.present import presentation

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VIEW = """\
from rnnlib.topics import small_network
from rnnlib.widgets import OneStep
OneStep(small_network.example_network(), "abca")"""
RACE = """\
from rnnlib.widgets import MemoryRace
race = MemoryRace(delay=5, most_steps=20)
race"""
TITLE = ".jp-Deck .jp-deck-mod-visible h2"


def test_slides_are_turned_by_arrow_keys_and_their_sliders_are_live(
    browser: "BrowserContext", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = new_output("display_data", {"image/png": "", "text/plain": "OneStep"})
    cells = [
        new_markdown_cell("# 99 A lecture\n\nWelcome."),
        new_markdown_cell("## One step\n\n**Predict first.** What changes?\n\n**Try this.** Move it."),
        new_code_cell(VIEW, outputs=[picture]),
        new_markdown_cell("## Exercise 1: none\n\nNot here."),
        new_markdown_cell("## The end\n\nIt is over."),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "99_lecture.ipynb")
    monkeypatch.setattr(tools.slides, "NOTEBOOKS", tmp_path)
    told = []
    with presentation("99", lambda done, of: told.append((done, of))) as (address, notes):
        page = browser.new_page()
        page.goto(notes)
        assert "**Try this.** Move it." in page.locator("p").all_text_contents()

        page.goto(address)
        page.locator(TITLE).get_by_text("99 A lecture").wait_for(timeout=60_000)
        page.locator("body:not(:has(#jp-left-stack:not(.lm-mod-hidden)))").wait_for(state="attached")
        page.locator(TITLE).click()
        page.keyboard.press("ArrowRight")
        page.locator(TITLE).get_by_text("One step").wait_for()
        page.locator("p").get_by_text("What changes?").wait_for()
        page.keyboard.press("ArrowRight")
        slider = page.locator(".widget-slider", has=page.get_by_text("Time step t", exact=True)).locator(".noUi-handle")
        before = page.locator(".knob-view p").inner_text()
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("before => document.querySelector('.knob-view p').innerText !== before", arg=before)
        page.locator(TITLE).click()
        page.keyboard.press("ArrowRight")  # to the view under the title
        page.keyboard.press("ArrowRight")
        page.locator(TITLE).get_by_text("The end").wait_for()
        page.close()
    assert told == [(1, 1)]


def test_below_a_view_that_trains_is_its_recorded_run(
    browser: "BrowserContext", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = MemoryRace(delay=5, most_steps=20, name="filmed")
    before = moment_of(race)
    race.start()
    race.wait()
    films.save([before, moment_of(race)], tmp_path / "99_race.film")
    picture = new_output("display_data", {"image/png": "", "text/plain": "MemoryRace"})
    cells = [
        new_markdown_cell("# 99 A lecture\n\nWelcome."),
        new_markdown_cell("## A race"),
        new_code_cell(RACE, outputs=[picture]),
        new_markdown_cell("## The end\n\nIt is over."),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "99_lecture.ipynb")
    monkeypatch.setattr(tools.slides, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(tools.slides, "RECORDED", tmp_path)
    with presentation("99", lambda done, of: None) as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.locator(TITLE).get_by_text("99 A lecture").wait_for(timeout=60_000)
        page.locator("body:not(:has(#jp-left-stack:not(.lm-mod-hidden)))").wait_for(state="attached")
        page.locator(TITLE).click()
        page.keyboard.press("ArrowRight")
        page.locator(TITLE).filter(has_text="A race", has_not_text="recorded").wait_for()
        page.keyboard.press("ArrowDown")  # from the title to the view
        page.keyboard.press("ArrowDown")
        page.locator(TITLE).get_by_text("A race (recorded)").wait_for()
        run = page.locator(".jp-deck-mod-visible .recorded-run")
        run.get_by_text("recorded run, paused at moment 1 of 2").wait_for()
        run.get_by_role("button", name="Play").click()
        run.get_by_text("recorded run, paused at moment 2 of 2").wait_for()
        run.locator(".noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        run.get_by_text("recorded run, paused at moment 1 of 2").wait_for()
        page.locator(TITLE).click()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.locator(TITLE).get_by_text("The end").wait_for()
        page.close()
