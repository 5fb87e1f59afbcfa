"""Notebook 05 in a real JupyterLab: a reader turns every knob with the keyboard while the network trains."""

import json
import statistics
import time
from collections.abc import Callable

import pytest
from jupyter_page import LabPage

NOTEBOOK = "05_concise_implementation.ipynb"
# Remember when each change was applied: the next training step is the first to use it.
WATCH_CHANGES = """
import time
applied, apply = [], lab.session._apply
def watched(changes):
    apply(changes)
    applied.extend(time.time() for knob, _ in changes if knob != "look")
lab.session._apply = watched
"""
KNOBS = """
import json
knobs = lab.session.trainers["main"].knobs
print(json.dumps({"step": lab.session.steps_made, "running": lab.session.running, "applied": applied,
                  "hidden_size": lab.session.model.hidden_size, "learning_rate": knobs.learning_rate,
                  "clip_threshold": knobs.clip_threshold, "events": len(lab.session.events)}))
"""


class LabInPage:
    """The first training lab of the notebook, used as a reader without a mouse uses it."""

    def __init__(self, page: LabPage):
        self.page = page
        self.root = page.notebook.locator(".training-lab").first

    def press_button(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.press("Enter")

    def slider(self, label: str):
        return self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))

    def press_on_slider(self, label: str, key: str) -> float:
        """Press a key on a slider's handle; the time at which it was pressed."""
        self.slider(label).locator(".noUi-handle").focus()
        pressed_at = time.time()
        self.page.press(key)
        return pressed_at

    def readout(self, label: str) -> str:
        """The value that the page shows beside a slider."""
        return self.slider(label).locator(".widget-readout").inner_text()

    def wait_for_status(self, text: str) -> None:
        self.root.locator(".widget-html").first.get_by_text(text).wait_for(timeout=5000)

    def picture(self) -> str:
        """Where the browser has the picture from; changes with every frame."""
        return self.root.locator("img").get_attribute("src")

    def kernel(self) -> dict:
        """What the kernel says, in a cell of its own."""
        return json.loads(self.page.execute_in_new_cell(KNOBS).output)


@pytest.fixture
def lab(opened: Callable[[str], LabPage]) -> LabInPage:
    """The first lab of notebook 05, which was run from the top, in view."""
    lab = LabInPage(opened(NOTEBOOK))
    lab.root.scroll_into_view_if_needed()
    return lab


def test_every_knob_changes_the_running_training(lab: LabInPage) -> None:
    lab.page.execute_in_new_cell(WATCH_CHANGES)
    lab.press_button("Start")
    lab.page.page.wait_for_timeout(1000)
    before, picture = lab.kernel(), lab.picture()
    assert before["running"]
    lab.wait_for_status("training at step")

    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Learning rate", "ArrowLeft")
    lab.press_on_slider("Clipping threshold", "ArrowLeft")
    lab.page.page.wait_for_timeout(2000)
    after = lab.kernel()
    assert after["running"] and after["step"] > before["step"] and after["events"] >= 3
    assert (before["hidden_size"], after["hidden_size"]) == (128, 256) and lab.readout("Hidden size") == "256"
    assert after["learning_rate"] < before["learning_rate"]
    assert float(lab.readout("Learning rate")) == pytest.approx(after["learning_rate"], rel=0.01)
    assert after["clip_threshold"] < before["clip_threshold"]
    assert float(lab.readout("Clipping threshold")) == pytest.approx(after["clip_threshold"], rel=0.05)
    assert lab.picture() != picture
    lab.wait_for_status("RNN with 256 hidden units")

    # Another cell still answers while the network trains.
    answer = lab.page.execute_in_new_cell("sum(range(10))")
    assert answer.output == "45" and answer.seconds < 3

    # From a key press to the training step that uses it, RNN 256.
    pressed = []
    for key in ["ArrowLeft", "ArrowRight"] * 5:
        pressed.append(lab.press_on_slider("Learning rate", key))
        lab.page.page.wait_for_timeout(300)
    applied = lab.kernel()["applied"][-len(pressed) :]
    delays = [1000 * (then - now) for now, then in zip(pressed, applied, strict=True)]
    print(
        f"\nslider to next training step, RNN 256: median {statistics.median(delays):.0f} ms, most {max(delays):.0f} ms"
    )
    assert all(delay > 0 for delay in delays)
    lab.page.screenshot("lab_while_training")

    lab.press_button("Fork")
    lab.press_on_slider("Clipping threshold", "Home")
    lab.page.page.wait_for_timeout(8000)
    lab.root.evaluate("lab => lab.scrollIntoView()")
    lab.page.page.wait_for_timeout(500)
    lab.page.screenshot("lab_with_fork")

    lab.press_button("Pause")
    lab.page.page.wait_for_timeout(1000)
    paused = lab.kernel()
    lab.page.page.wait_for_timeout(500)
    assert not paused["running"] and lab.kernel()["step"] == paused["step"]
    lab.wait_for_status(f"paused at step {paused['step']}")
    lab.press_button("Reset")
    lab.page.page.wait_for_timeout(1000)
    assert lab.kernel()["step"] == 0
    lab.wait_for_status("paused at step 0")
    lab.page.screenshot("lab_after_reset")


def test_running_the_cell_again_and_interrupting_leave_one_lab_at_work(lab: LabInPage) -> None:
    lab.press_button("Start")
    lab.page.page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")
    lab.page.page.wait_for_timeout(500)
    assert (
        lab.page.execute_in_new_cell("lab.session.running").output == "True"
    )  # an interrupt is for cells; the session has its own buttons
    lab.page.run_cell_containing("lab = TrainingLab(hidden_size=128)")
    threads = "import threading; print(sorted(t.name for t in threading.enumerate() if t.name.endswith(' lab')))"
    answer = lab.page.execute_in_new_cell(threads).output
    assert answer == "['painter full lab', 'painter lab', 'session full lab', 'session lab']\n"
    lab.press_button("Start")
    lab.wait_for_status("training at step")
