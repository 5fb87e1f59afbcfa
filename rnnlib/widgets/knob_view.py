"""Views without a network that trains: the knobs alone decide what is shown, so every change draws it anew.

Before: view.py.
"""

import html

import ipywidgets as widgets

from rnnlib.figures.style import Drawing
from rnnlib.widgets.view import View

SLIDER_STYLE = {"description_width": "130px"}


class KnobView(View):
    """Knobs in rows, a picture, a sentence in words.

    A view of this kind defines `drawing` and `words`; both read the knobs, and nothing else that changes.  What is
    wrong with a knob's value they say by ValueError: the sentence is shown, the picture stays.
    """

    def __init__(self, *rows: list[widgets.Widget]):
        """rows: the knobs, one list for each row."""
        self._image, self._words = widgets.Image(format="png"), widgets.HTML()
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self._image, self._words])
        self.add_class("knob-view")
        self.redraw()
        for row in rows:
            for knob in row:
                knob.observe(lambda change: self.redraw(), "value")

    def drawing(self) -> Drawing:
        """The picture for the knobs' values."""
        raise NotImplementedError

    def words(self) -> str:
        """What the picture shows, in a sentence: plain text, read aloud by a screen reader."""
        raise NotImplementedError

    def picture(self) -> bytes:
        """The picture as PNG."""
        return self.drawing()._repr_png_()

    def redraw(self) -> None:
        """Show what the knobs say now."""
        try:
            picture, words = self.picture(), html.escape(self.words())
        except ValueError as error:
            self._words.value = f'<p role="alert" style="font-size:16px"><b>{html.escape(str(error))}</b></p>'
            return
        self._image.value = picture
        self._words.value = f'<p style="font-size:16px;line-height:1.4">{words}</p>'


def int_slider(label: str, value: int, least: int, most: int) -> widgets.IntSlider:
    """A slider over whole numbers, labelled, wide enough to be moved with care."""
    layout = widgets.Layout(width="420px")
    return widgets.IntSlider(value=value, min=least, max=most, description=label, style=SLIDER_STYLE, layout=layout)


def float_slider(label: str, value: float, least: float, most: float, step: float) -> widgets.FloatSlider:
    """A slider over numbers, as int_slider."""
    options = {"min": least, "max": most, "step": step, "description": label, "style": SLIDER_STYLE}
    return widgets.FloatSlider(value=value, layout=widgets.Layout(width="420px"), **options)


def choice(label: str, options: list[str]) -> widgets.ToggleButtons:
    """Buttons of which one is pressed, the first to begin with."""
    return widgets.ToggleButtons(options=options, description=label, style={**SLIDER_STYLE, "button_width": "auto"})
