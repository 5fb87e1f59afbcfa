"""Notebook 05 in a real JupyterLab: a reader turns every knob with the keyboard while the network trains."""

import json
import statistics
import time
from collections.abc import Callable

import pytest
from jupyter_page import LabPage

NOTEBOOK = "05_concise_implementation.ipynb"
# Remember when each change was made: the next training step is the first to use it.
WATCH_CHANGES = """
import time
made, apply = [], lab.session.apply
def watched(change):
    apply(change)
    made.append(time.time())
lab.session.apply = watched
"""
KERNEL = """
import json
knobs = lab.session.trainers["main"].knobs
print(json.dumps({"step": lab.session.steps_made, "running": lab.session.running, "made": made,
                  "hidden_size": lab.session.model.hidden_size, "learning_rate": knobs.learning_rate,
                  "clip_threshold": knobs.clip_threshold, "forks": len(lab.session.trainers) - 1}))
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
        self.root.locator(".widget-html").first.get_by_text(text).wait_for(timeout=60_000)

    def wait_for_another_picture(self) -> None:
        """The browser has the picture from elsewhere with every frame."""
        image = self.root.locator("img")
        shown = image.get_attribute("src")
        self.page.wait_until(lambda: image.get_attribute("src") != shown)

    def kernel(self) -> dict:
        """What the kernel says, in a cell of its own."""
        return json.loads(self.page.execute_in_new_cell(KERNEL).output)

    def wait_for_kernel(self, condition: Callable[[dict], object]) -> dict:
        """What the kernel says as soon as it fulfils the condition."""
        self.page.wait_until(lambda: condition(self.kernel()))
        return self.kernel()


@pytest.fixture
def lab(opened: Callable[[str], LabPage]) -> LabInPage:
    """The first lab of notebook 05, which was run from the top, in view."""
    lab = LabInPage(opened(NOTEBOOK))
    lab.root.scroll_into_view_if_needed()
    return lab


def test_every_knob_changes_the_running_training(lab: LabInPage) -> None:
    lab.page.execute_in_new_cell(WATCH_CHANGES)
    lab.press_button("Start")
    lab.wait_for_status("training at step")
    before = lab.wait_for_kernel(lambda now: now["running"] and now["step"] > 0)

    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Hidden size", "ArrowRight")
    lab.press_on_slider("Learning rate", "ArrowLeft")
    lab.press_on_slider("Clipping threshold", "ArrowLeft")
    after = lab.wait_for_kernel(
        lambda now: (
            now["hidden_size"] == 256
            and now["learning_rate"] < before["learning_rate"]
            and now["clip_threshold"] < before["clip_threshold"]
            and now["step"] > before["step"]
        )
    )
    assert after["running"] and before["hidden_size"] == 128 and lab.readout("Hidden size") == "256"
    assert float(lab.readout("Learning rate")) == pytest.approx(after["learning_rate"], rel=0.01)
    assert float(lab.readout("Clipping threshold")) == pytest.approx(after["clip_threshold"], rel=0.05)
    lab.wait_for_another_picture()
    lab.wait_for_status("RNN with 256 hidden units")

    # Another cell still answers while the network trains.
    answer = lab.page.execute_in_new_cell("sum(range(10))")
    assert answer.output == "45" and lab.kernel()["running"]

    # From a key press to the training step that uses it, RNN 256.
    delays = []
    for key in ["ArrowLeft", "ArrowRight"] * 5:
        earlier = len(lab.kernel()["made"])
        pressed = lab.press_on_slider("Learning rate", key)
        made = lab.wait_for_kernel(lambda now, earlier=earlier: len(now["made"]) > earlier)["made"]
        delays.append(1000 * (made[-1] - pressed))
    print(
        f"\nslider to next training step, RNN 256: median {statistics.median(delays):.0f} ms, most {max(delays):.0f} ms"
    )
    assert all(delay > 0 for delay in delays)
    lab.page.screenshot("lab_while_training")

    lab.press_button("Fork")
    lab.press_on_slider("Clipping threshold", "Home")
    forked = lab.wait_for_kernel(lambda now: now["forks"] == 1)
    lab.wait_for_kernel(lambda now: now["step"] > forked["step"] + 100)
    lab.wait_for_another_picture()
    lab.root.evaluate("lab => lab.scrollIntoView()")
    lab.page.screenshot("lab_with_fork")

    lab.press_button("Pause")
    paused = lab.wait_for_kernel(lambda now: not now["running"])
    lab.wait_for_status(f"paused at step {paused['step']}")
    assert lab.kernel()["step"] == paused["step"]
    lab.press_button("Reset")
    lab.wait_for_kernel(lambda now: now["step"] == 0)
    lab.wait_for_status("paused at step 0")
    lab.page.screenshot("lab_after_reset")


def test_running_the_cell_again_and_interrupting_leave_one_lab_at_work(lab: LabInPage) -> None:
    lab.press_button("Start")
    lab.wait_for_status("training at step")
    lab.page.page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")
    # an interrupt is for cells; the session has its own buttons
    assert lab.page.execute_in_new_cell("lab.session.running").output == "True"
    lab.page.run_cell_containing("lab = TrainingLab(hidden_size=128)")
    threads = "import threading; print([t.name for t in threading.enumerate() if t.name == 'session lab'])"
    assert lab.page.execute_in_new_cell(threads).output == "[]\n"
    lab.press_button("Start")
    lab.wait_for_status("training at step")
    assert lab.page.execute_in_new_cell(threads).output == "['session lab']\n"
