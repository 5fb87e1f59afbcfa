"""Notebook 06 in a real JupyterLab: its map fills in while its reader does something else, and follows the keyboard."""

import json
from collections.abc import Callable

import pytest
from accessible import serious_faults
from jupyter_page import LabPage

NOTEBOOK = "06_lab.ipynb"
MAP = """
import json
print(json.dumps({"known": len(learning_map.runs), "running": learning_map.running,
                  "learning_rate": learning_map.learning_rate.value, "threshold": learning_map.clip_threshold.label}))
"""
# A thread beside trains the networks, each of them when it is permitted to: no machine is too quick for the test.
PERMITS = """
import threading
from concurrent.futures import ThreadPoolExecutor
permits = threading.Semaphore(0)
class Permitted(ThreadPoolExecutor):
    def submit(self, function, *arguments):
        return super().submit(lambda: (permits.acquire(), function(*arguments))[1])
learning_map.executor = Permitted(1)
"""
THREADS = "import threading; print([t.name for t in threading.enumerate() if t.name.startswith('map ')])"


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

    def press_on_slider(self, label: str, key: str, times: int = 1) -> None:
        slider = self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))
        slider.locator(".noUi-handle").focus()
        self.page.press(key, times)

    def picture(self) -> list[float | None]:
        """The numbers of its fields; what is not known is none."""
        fields = "root => [...root.plot.store.get('map').data.slice(0, 42)]"
        return self.root.locator(".live-plot").first.evaluate(fields)

    def words(self) -> str:
        return self.root.locator(".live-plot-words").first.inner_text()

    def wait_for_words(self, text: str) -> None:
        try:
            self.page.wait_until(lambda: text in self.words())
        except AssertionError as error:
            raise AssertionError(f"the words were still {self.words()!r}; {text!r} was expected") from error

    def kernel(self) -> dict:
        """What the kernel says, in a cell of its own."""
        return json.loads(self.page.execute_in_new_cell(MAP).output)


@pytest.fixture
def learning_map(opened: Callable[[str], LabPage]) -> MapInPage:
    """The map of notebook 06, which was run from the top, in view."""
    page = opened(NOTEBOOK)
    page.go_to_cell_containing("learning_map = LearningMap()")
    return MapInPage(page)


def test_the_map_fills_in_while_another_cell_answers_and_follows_the_keyboard(learning_map: MapInPage) -> None:
    page = learning_map.page
    learning_map.wait_for_words("126 of 126 networks, all trained")
    learning_map.show()
    page.screenshot("map_complete")
    assert not serious_faults(page, ".learning-map")

    page.execute_in_new_cell(PERMITS)
    learning_map.press_button("Start")
    learning_map.wait_for_words("0 of 126 networks, training")
    picture = learning_map.picture()
    assert page.execute_in_new_cell("sum(range(10))").output == "45"
    for known in range(1, 8):
        page.execute_in_new_cell("permits.release()")
        learning_map.wait_for_words(f"{known} of 126 networks, training")
    assert learning_map.picture() != picture and learning_map.kernel()["running"]

    # The selection moves while the map fills in: the networks of the smallest threshold are trained.
    learning_map.press_on_slider("Clipping threshold", "Home")
    learning_map.press_on_slider("Learning rate", "End")
    learning_map.wait_for_words("Learning rate 16, threshold 1/64: validation perplexity 8.3")
    assert (learning_map.kernel()["learning_rate"], learning_map.kernel()["threshold"]) == (16.0, "1/64")
    page.screenshot("map_filling_in")

    learning_map.press_button("Stop")
    page.wait_for_kernel("learning_map.running", "False")
    page.execute_in_new_cell("permits.release(42); learning_map.executor = None")  # the one that trains now ends
    learning_map.wait_for_words("8 of 126 networks, not training")

    # On a map that has stopped a field is chosen by its slider, by the arrows on the picture, and by the mouse.
    learning_map.press_on_slider("Learning rate", "ArrowLeft")
    learning_map.wait_for_words("Learning rate 8, threshold 1/64: validation perplexity")
    fields = learning_map.root.get_by_role("group", name="validation perplexity")
    fields.focus()
    page.press("ArrowLeft")
    learning_map.wait_for_words("Learning rate 4, threshold 1/64: validation perplexity")
    box = fields.locator("canvas").bounding_box()
    page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    learning_map.wait_for_words("not trained yet")
    learning_map.press_on_slider("Clipping threshold", "Home")
    learning_map.press_on_slider("Learning rate", "End")
    learning_map.press_on_slider("Learning rate", "ArrowLeft", times=2)
    learning_map.wait_for_words("Learning rate 4, threshold 1/64: validation perplexity 11.6")


def test_running_the_cell_again_replaces_the_map(learning_map: MapInPage) -> None:
    page = learning_map.page
    page.run_cell_containing("learning_map = LearningMap()")
    page.execute_in_new_cell("earlier = learning_map")
    page.run_cell_containing("learning_map = LearningMap()")
    ends = "earlier is learning_map, earlier.running, earlier.worker.alive, learning_map.worker.alive"
    assert page.execute_in_new_cell(ends).output == "(False, False, False, True)"
    assert page.execute_in_new_cell(THREADS).output in ("['map map']\n", "[]\n")  # none where all are trained by now
    assert page.execute_in_new_cell("learning_map.stop()\n" + THREADS).output == "[]\n"


def test_a_session_saved_by_the_button_is_verified(learning_map: MapInPage) -> None:
    """Challenge 3, by keyboard: train, turn a knob, save, hand in."""
    page = learning_map.page
    lab = page.notebook.locator(".training-lab").first
    lab.evaluate("lab => lab.scrollIntoView()")
    lab.locator(".live-plot").wait_for(timeout=60_000)
    assert page.execute_in_new_cell("lab.session.events + sick.session.events").output == "[]"  # nothing was touched
    lab.evaluate("lab => lab.scrollIntoView()")

    def press(name: str) -> None:
        lab.get_by_role("button", name=name, exact=True).focus()
        page.press("Enter")

    press("Start")
    page.wait_for_kernel("lab.session.running and lab.session.steps_made > 150", "True")
    press("Pause")
    page.wait_for_kernel("lab.session.running", "False")
    press("Save")
    lab.get_by_text("Saved to saved/lab-").wait_for(timeout=60_000)
    page.screenshot("lab_of_notebook_06")
    hand_in = "import pathlib; checks.handed_in(sorted(pathlib.Path('saved').glob('lab-*.session'))[-1])"
    verdict = page.execute_in_new_cell(hand_in).output
    assert "Passed" in verdict and "the same numbers bit for bit" in verdict
