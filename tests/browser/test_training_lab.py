"""Notebook 05 in a real JupyterLab: a reader turns every knob with the keyboard while the network trains."""

import json
import statistics
import time

import pytest
from jupyter_page import LabPage
from playwright.sync_api import expect

NOTEBOOK = "05_concise_implementation.ipynb"
# Remember when each change was applied: the next training step is the first to use it.
WATCH_CHANGES = """
import time
applied, apply = [], lab.session._apply
def watched(changes):
    apply(changes)
    applied.extend((knob, time.time()) for knob, _ in changes)
lab.session._apply = watched
"""
KNOBS = """
import json
knobs = lab.session.trainers["main"].knobs
print(json.dumps({"step": lab.session.num_steps, "running": lab.session.running, "hidden_size": lab.session.model.hidden_size,
                  "learning_rate": knobs.learning_rate, "clip_threshold": knobs.clip_threshold,
                  "events": [[event.step, event.knob, event.old, event.new] for event in lab.session.events]}))
"""


class LabInPage:
    """The first training lab of the notebook, used as a reader uses it."""

    def __init__(self, page: LabPage):
        self.page = page
        self.root = page.notebook.locator(".training-lab").first

    def press_button(self, name: str) -> None:
        """By keyboard: focus the button and press Enter."""
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.press("Enter")

    def press_on_slider(self, label: str, key: str) -> float:
        """Press a key on a slider's handle; the time at which it was pressed."""
        slider = self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))
        slider.locator(".noUi-handle").focus()
        pressed_at = time.time()
        self.page.press(key)
        return pressed_at

    def readout(self, label: str) -> str:
        """The value that the page shows beside a slider."""
        slider = self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))
        return slider.locator(".widget-readout").inner_text()

    def kernel(self) -> dict:
        """What the kernel knows."""
        return json.loads(self.page.execute_in_new_cell(KNOBS).output)

    def picture(self) -> str:
        """Where the browser has the picture from; changes with every frame."""
        return self.root.locator("img").get_attribute("src")


@pytest.fixture(scope="module")
def first_picture_seconds() -> list[float]:
    return []


def test_every_knob_changes_the_running_training(lab_page: LabPage) -> None:
    lab_page.open_notebook(NOTEBOOK)
    lab_page.run_all()
    lab_page.wait_until_all_ran(timeout=240)
    lab = LabInPage(lab_page)
    lab.root.scroll_into_view_if_needed()
    lab_page.execute_in_new_cell(WATCH_CHANGES)

    lab.press_button("Start")
    expect(lab.root.get_by_text("training")).to_have_count(2)  # the status and the picture's heading do not count
    before, picture = lab.kernel(), lab.picture()
    assert before["running"]
    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Learning rate", "ArrowLeft")
    lab.press_on_slider("Clipping threshold", "ArrowLeft")
    lab_page.page.wait_for_timeout(1500)
    after = lab.kernel()
    assert after["running"] and after["step"] > before["step"]
    assert (before["hidden_size"], after["hidden_size"]) == (128, 256) and lab.readout("Hidden size") == "256"
    assert after["learning_rate"] < before["learning_rate"]
    assert float(lab.readout("Learning rate")) == pytest.approx(after["learning_rate"], rel=0.01)
    assert after["clip_threshold"] < before["clip_threshold"]
    assert float(lab.readout("Clipping threshold")) == pytest.approx(after["clip_threshold"], rel=0.05)
    assert lab.picture() != picture
    lab_page.screenshot("lab_while_training")
