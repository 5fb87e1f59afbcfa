"""Notebook 06 in a real JupyterLab: its map fills in while its reader does something else, and follows the keyboard."""

import json
from collections.abc import Callable

import pytest
from jupyter_page import LabPage

NOTEBOOK = "06_lab.ipynb"
MAP = """
import json
print(json.dumps({"known": len(learning_map.runs), "running": learning_map.running,
                  "learning_rate": learning_map.learning_rate.value, "threshold": learning_map.clip_threshold.label}))
"""
THREADS = "import threading; print(sorted(t.name for t in threading.enumerate() if t.name.startswith('map ')))"


class MapInPage:
    """The learning map of the notebook, used as a reader without a mouse uses it."""

    def __init__(self, page: LabPage):
        self.page = page
        self.root = page.notebook.locator(".learning-map").first

    def press_button(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.press("Enter")

    def show(self) -> None:
        """Scroll to the map: JupyterLab lets a page scroll only to what has the keyboard."""
        self.root.get_by_role("button", name="Start", exact=True).focus()
        self.root.evaluate("map => map.scrollIntoView({block: 'center'})")
        self.page.page.wait_for_timeout(500)

    def press_on_slider(self, label: str, key: str, times: int = 1) -> None:
        slider = self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))
        slider.locator(".noUi-handle").focus()
        self.page.press(key, times)

    def picture(self) -> str:
        """Where the browser has the picture from; another one for every picture."""
        return self.root.locator("img").get_attribute("src")

    def words(self) -> str:
        return self.root.locator(".widget-html").inner_text()

    def wait_for_words(self, text: str, seconds: float = 5) -> None:
        self.root.locator(".widget-html").get_by_text(text).wait_for(timeout=1000 * seconds)

    def kernel(self) -> dict:
        """What the kernel says, in a cell of its own."""
        return json.loads(self.page.execute_in_new_cell(MAP).output)


@pytest.fixture
def learning_map(opened: Callable[[str], LabPage]) -> MapInPage:
    """The map of notebook 06, which was run from the top."""
    return MapInPage(opened(NOTEBOOK))


def test_the_map_fills_in_while_another_cell_answers_and_follows_the_keyboard(learning_map: MapInPage) -> None:
    learning_map.wait_for_words("42 of 42 networks, all trained")
    learning_map.show()
    learning_map.page.screenshot("map_complete")

    learning_map.press_button("Start")
    learning_map.wait_for_words("networks, training")
    first, picture = learning_map.kernel(), learning_map.picture()
    answer = learning_map.page.execute_in_new_cell("sum(range(10))")
    assert answer.output == "45" and answer.seconds < 3
    learning_map.page.page.wait_for_timeout(1500)
    later = learning_map.kernel()
    assert first["running"] and later["running"] and first["known"] < later["known"] < 42
    assert learning_map.picture() != picture
    print(f"another cell answered in {1000 * answer.seconds:.0f} ms while {first['known']} of 42 were trained")

    # The selection moves while the map fills in.
    learning_map.press_on_slider("Clipping threshold", "Home")
    learning_map.press_on_slider("Learning rate", "End")
    learning_map.wait_for_words("Learning rate 16, threshold 0.016: held-out perplexity 8.4")
    assert (learning_map.kernel()["learning_rate"], learning_map.kernel()["threshold"]) == (16.0, "0.016")
    learning_map.page.screenshot("map_filling_in")

    learning_map.press_button("Stop")
    learning_map.wait_for_words("networks, not training")
    stopped = learning_map.kernel()
    assert not stopped["running"] and stopped["known"] < 42

    # On a map that has stopped the picture changes with the selection alone.
    pictures = [learning_map.picture()]
    for key in ("ArrowLeft", "ArrowLeft"):
        learning_map.press_on_slider("Learning rate", key)
        learning_map.page.page.wait_for_timeout(500)
        pictures.append(learning_map.picture())
    assert len(set(pictures)) == 3
    learning_map.wait_for_words("Learning rate 4, threshold 0.016: held-out perplexity 11.5")


def test_running_the_cell_again_replaces_the_map(learning_map: MapInPage) -> None:
    learning_map.page.run_cell_containing("learning_map = LearningMap()")
    assert learning_map.page.execute_in_new_cell(THREADS).output == "['map map']\n"
    learning_map.page.run_cell_containing("learning_map = LearningMap()")
    assert learning_map.page.execute_in_new_cell(THREADS).output == "['map map']\n"
    assert learning_map.page.execute_in_new_cell("learning_map.stop()\n" + THREADS).output == "[]\n"
    learning_map.wait_for_words("networks, not training")


def test_a_session_saved_by_the_button_is_verified(learning_map: MapInPage) -> None:
    """Challenge 3, by keyboard: train, turn a knob, save, hand in."""
    page = learning_map.page
    lab = page.notebook.locator(".training-lab").first
    lab.evaluate("lab => lab.scrollIntoView()")
    page.page.wait_for_timeout(1000)
    assert page.execute_in_new_cell("lab.session.events + sick.session.events").output == "[]"  # nothing was touched
    lab.evaluate("lab => lab.scrollIntoView()")
    for name in ("Start", "Pause", "Save"):
        lab.get_by_role("button", name=name, exact=True).focus()
        page.press("Enter")
        page.page.wait_for_timeout(500)
    lab.get_by_text("Saved to saved/lab-").wait_for(timeout=5000)
    page.page.wait_for_timeout(500)
    page.screenshot("lab_of_notebook_06")
    hand_in = "import pathlib; checks.handed_in(sorted(pathlib.Path('saved').glob('lab-*.session'))[-1])"
    verdict = page.execute_in_new_cell(hand_in).output
    assert verdict.startswith("Passed:") and "the same numbers bit for bit" in verdict
