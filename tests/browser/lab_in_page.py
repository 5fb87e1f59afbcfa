"""The training lab in a page, used as a reader without a mouse uses it; and what its picture is doing."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_page import LabPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

# The picture in the page tells its own state: a test asks it as a reader looks at it.
PICTURE = """
root => {
    const {plot} = root, {store} = plot;
    const readout = plot.readout.hidden ? '' : plot.readout.textContent;
    return {
        readout, messages: plot.drawn ?? 0, pictures: plot.pictures, milliseconds: plot.milliseconds ?? 0,
        last_step: plot.lastStep, zoom: plot.zoom, status: plot.status.textContent, news: plot.news.textContent,
        marks: (store.lists.marks ?? []).map(mark => mark.name),
        texts: (store.lists.texts ?? []).length, diary: plot.diary.root.textContent,
        lengths: Object.fromEntries([...store.series].map(([name, series]) => [name, series.length])),
        last: Object.fromEntries(
            [...store.series].map(([name, series]) => [name, series.length ? series.y(series.last) : null])),
        panels: plot.panels.map(({left, right, top, bottom, limits, canvas}) => {
            const box = canvas.getBoundingClientRect();
            const [x, y] = [box.left, box.top];
            return {left: x + left, right: x + right, top: y + top, bottom: y + bottom, limits};
        }),
    };
}"""
KERNEL = """
import json
knobs = {lab}.session.trainers["main"].knobs
print(json.dumps({{"step": {lab}.session.steps_made, "running": {lab}.session.running,
                  "hidden_size": {lab}.session.model.hidden_size, "learning_rate": knobs.learning_rate,
                  "clip_threshold": knobs.clip_threshold, "networks": list({lab}.session.trainers)}}))
"""


class LabInPage:
    """A training lab of a notebook, by the name that it has there."""

    def __init__(self, page: LabPage, name: str = "lab", place: int = 0):
        self.page, self.name = page, name
        self.root: Locator = page.notebook.locator(".training-lab").nth(place)
        self.plot: Locator = self.root.locator(".live-plot")

    def press_button(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).focus()
        self.page.press("Enter")

    def slider(self, label: str) -> "Locator":
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

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list by its name."""
        self.root.locator(".widget-dropdown", has=self.page.page.get_by_text(label, exact=True)).locator(
            "select"
        ).select_option(option)

    def picture(self) -> dict[str, Any]:
        """What the picture shows."""
        return self.plot.first.evaluate(PICTURE)

    def wait_for_picture(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """What the picture shows as soon as it fulfils the condition."""
        self.page.wait_until(lambda: condition(self.picture()))
        return self.picture()

    def wait_for_status(self, text: str) -> None:
        self.wait_for_picture(lambda picture: text in picture["status"])

    def kernel(self) -> dict[str, Any]:
        """What the kernel says, in a cell of its own."""
        return json.loads(self.page.execute_in_new_cell(KERNEL.format(lab=self.name)).output)

    def wait_for_kernel(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """What the kernel says as soon as it fulfils the condition."""
        self.page.wait_until(lambda: condition(self.kernel()))
        return self.kernel()

    def show(self) -> None:
        """Scroll the lab to the top of the window."""
        self.root.evaluate("lab => lab.scrollIntoView()")
