"""The views of notebooks 01 to 04 in a real JupyterLab: moved by keyboard, the picture and the words change."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from accessible import serious_faults
from jupyter_page import LabPage
from lab_in_page import LabInPage

from rnnlib.figures.small_network import HIDDEN_UNITS

if TYPE_CHECKING:
    from playwright.sync_api import Locator

INTRODUCTION, STRUCTURE = "01_introduction.ipynb", "02_structure.ipynb"
BACKPROPAGATION, PROBLEMS = "03_backpropagation_through_time.ipynb", "04_gradient_problems.ipynb"
# Put a view's cell into the middle of the window: JupyterLab draws only what is near it.
SCROLL_TO_CELL = """
async text => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const index = notebook.widgets.findIndex(
        cell => cell.model.type == 'code' && cell.model.sharedModel.source.includes(text));
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'start');
}"""


class ViewInPage:
    """A view, used as a reader without a mouse uses it."""

    def __init__(self, page: LabPage, code: str, css_class: str, label: str):
        self.page = page
        page.page.evaluate(SCROLL_TO_CELL, code)
        with_label = page.page.get_by_text(label, exact=True)
        self.root: Locator = page.notebook.locator(f".{css_class}", has=with_label).first
        self.root.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    def shown(self) -> tuple[object, str]:
        """What tells one picture from the next, and the words: of a live view or of one that only knobs move."""
        plot = self.root.locator(".live-plot").first
        if plot.count():
            return plot.evaluate("root => root.plot.drawn"), plot.locator(".live-plot-words").inner_text()
        return self.root.locator("img").first.get_attribute("src"), self.root.locator(".widget-html").last.inner_text()

    def press(self, label: str, key: str, times: int = 1) -> tuple[str, str]:
        """Press a key on a slider, wait until picture and words have changed, and return both."""
        before = self.shown()
        handle = self.root.locator(".widget-slider", has=self.page.page.get_by_text(label, exact=True))
        handle.locator(".noUi-handle").focus()
        self.page.press(key, times)
        self.page.wait_until(lambda: all(new != old for new, old in zip(self.shown(), before, strict=True)))
        return self.shown()

    def press_button(self, name: str) -> None:
        """Press a button by keyboard."""
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.press("Enter")

    def choose(self, option: str) -> None:
        """Press a toggle button and wait for another picture."""
        before = self.shown()[0]
        self.press_button(option)
        self.page.wait_until(lambda: self.shown()[0] != before)


VIEWS = [
    (INTRODUCTION, "diary = TrainingDiary(", "knob-view", "Steps", "ArrowLeft", "training_diary"),
    (INTRODUCTION, "Partitions(corpus)", "knob-view", "Minibatch", "ArrowRight", "partitions"),
    (INTRODUCTION, "PerplexityOfADistribution()", "knob-view", "Share of a", "ArrowLeft", "perplexity"),
    (INTRODUCTION, "CountedBaselines(corpus)", "knob-view", "Order n", "ArrowRight", "counted_baselines"),
    (STRUCTURE, "OneStep(network", "knob-view", "Time step t", "ArrowRight", "one_step"),
    (STRUCTURE, "UnrolledGraph(network", "knob-view", "Edges walked", "ArrowRight", "unrolled_graph"),
    (STRUCTURE, "HiddenStates(reader", "knob-view", "Unit", "ArrowRight", "hidden_states"),
    (BACKPROPAGATION, "UnrolledGraph(network", "knob-view", "Edges walked", "ArrowRight", "graph_backward"),
    (BACKPROPAGATION, "OneStepBack(network", "knob-view", "Time step t", "ArrowLeft", "one_step_backward"),
    (BACKPROPAGATION, "GradientMap(hidden_size=64)", "gradient-map", "Cut every k steps", "PageDown", "gradient_map"),
    (BACKPROPAGATION, "Truncation(small", "knob-view", "Cut every k steps", "ArrowRight", "truncation"),
    (PROBLEMS, "JacobianProducts()", "knob-view", "Spectral radius", "ArrowRight", "jacobian_products"),
    (PROBLEMS, "descents = Cliff()", "knob-view", "Steps shown", "PageDown", "cliff"),
    (PROBLEMS, "ClippedGradients(", "knob-view", "Threshold", "ArrowLeft", "clipping"),
    (PROBLEMS, "InsideLSTM()", "knob-view", "Step t", "ArrowRight", "inside_lstm"),
    (PROBLEMS, "InsideGRU()", "knob-view", "Step t", "ArrowRight", "inside_gru"),
    (PROBLEMS, "gates = Gates(", "knob-view", "Unit", "ArrowRight", "gates"),
    (PROBLEMS, "MemoryRace(delay=30", "memory-race", "Delay", "ArrowLeft", "memory_race"),
]


@pytest.mark.parametrize(("notebook", "code", "css_class", "label", "key", "name"), VIEWS)
def test_a_slider_moved_by_keyboard_changes_picture_and_words(
    opened: Callable[[str], LabPage], notebook: str, code: str, css_class: str, label: str, key: str, name: str
) -> None:
    view = ViewInPage(opened(notebook), code, css_class, label)
    view.press(label, key)
    view.page.screenshot(f"view_{name}")
    assert not serious_faults(view.page, f".{css_class}")
    if name == "one_step":
        click_the_second_unit(view)
    if name == "graph_backward":
        view.choose("direct term only")
    if name == "gates":
        view.choose("LSTM: output gate")
    if name == "memory_race":
        view.press_button("Start")
        view.page.wait_until(lambda: "after" in view.shown()[1])
        assert view.page.execute_in_new_cell("sum(range(10))").output == "45"
        view.page.screenshot("view_memory_race_running")
        view.press_button("Pause")
    if name == "gradient_map":
        follow_while_training(view)


def click_the_second_unit(view: ViewInPage) -> None:
    """A click on a hidden unit in the picture tells its products, whatever size the page gives the picture."""
    picture, before = view.root.locator("img").first, view.shown()[0]
    scale = picture.evaluate("image => image.clientWidth / image.naturalWidth")
    x, y = HIDDEN_UNITS[1]
    picture.click(position={"x": x * scale, "y": y * scale})
    view.page.wait_until(lambda: view.shown()[0] != before)
    assert view.shown()[1].startswith("Unit 2 at step 3: from the input")
    view.page.screenshot("view_one_step_clicked")


def follow_while_training(view: ViewInPage) -> None:
    """The map changes while the network trains and another cell answers; Pause ends it."""
    before = view.shown()
    view.press_button("Start")
    view.page.wait_until(lambda: view.shown() != before)
    assert view.page.execute_in_new_cell("gradient_map.session.running, sum(range(10))").output == "(True, 45)"
    view.page.screenshot("view_gradient_map_training")
    view.press_button("Pause")
    view.page.wait_for_kernel("gradient_map.session.running", "False")


def test_another_size_of_the_step_time_is_chosen_by_keyboard(opened: Callable[[str], LabPage]) -> None:
    view = ViewInPage(opened(PROBLEMS), "StepTime()", "knob-view", "Look at")
    view.choose("B, at T = 32")
    assert "B, at T = 32: from 1 to 256" in view.shown()[1]
    view.page.screenshot("view_step_time")


def test_gradients_over_lags_change_while_the_networks_train(opened: Callable[[str], LabPage]) -> None:
    page = opened(PROBLEMS)
    page.page.evaluate(SCROLL_TO_CELL, "VanishingGradients(")
    plot = page.notebook.locator(".vanishing-gradients .live-plot").first
    plot.wait_for(timeout=60_000)
    plot.scroll_into_view_if_needed()
    before = plot.evaluate("root => root.plot.drawn")
    page.notebook.locator(".vanishing-gradients").get_by_role("button", name="Start", exact=True).first.click()
    page.wait_until(lambda: plot.evaluate("root => root.plot.drawn") != before)
    page.screenshot("view_vanishing_gradients")
    assert not serious_faults(page, ".vanishing-gradients")
    assert page.execute_in_new_cell("sum(range(10))").output == "45"
    page.notebook.locator(".vanishing-gradients").get_by_role("button", name="Pause", exact=True).first.click()
    page.wait_for_kernel("arriving.running", "False")


def test_the_network_that_is_clipped_follows_its_threshold_while_its_fork_does_not(
    opened: Callable[[str], LabPage],
) -> None:
    page = opened(PROBLEMS)
    page.go_to_cell_containing('name="printed settings"')
    lab = LabInPage(page, "decided")
    lab.plot.first.wait_for(timeout=60_000)
    lab.press_button("Start")
    before = lab.wait_for_picture(lambda now: "training at step" in now["status"])
    lab.press_on_slider("Clipping threshold", "ArrowRight")
    lab.wait_for_picture(lambda now: len(now["marks"]) > len(before["marks"]))
    lab.show()
    page.screenshot("view_decided")
    lab.press_button("Pause")
    knobs = "[round(t.knobs.clip_threshold, 2) for t in decided.session.trainers.values()]"
    page.wait_for_kernel(knobs, "[1.78, inf]")
