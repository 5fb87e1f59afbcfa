"""Views without a network that trains: the knobs alone decide what is shown, so every change shows it anew.

Before: view.py, knobs.py, picture.py.
"""

import html

import ipywidgets as widgets

from rnnlib import engine
from rnnlib.figures.style import Drawing, drawn_again
from rnnlib.widgets.knobs import row
from rnnlib.widgets.picture import Picture
from rnnlib.widgets.view import View


class KnobView(View):
    """Knobs in rows, a picture, a sentence in words.  `compute` reads the knobs, and nothing else that changes."""

    def __init__(self, *rows: list[widgets.Widget], picture: Picture | None = None):
        """rows: the knobs, one list for each row.  picture: by default one that cannot be clicked."""
        super().__init__()
        self._drawings: dict[tuple[float, float], Drawing] = {}
        self._image, self._words = picture or Picture(), widgets.HTML()
        self.children = [*(row(*knobs) for knobs in rows), self._image, self._words]
        self.add_class("knob-view")
        self.refresh()
        for knobs in rows:
            for knob in knobs:
                knob.observe(lambda change: self.refresh(), "value")

    def refresh(self) -> None:
        """Compute, and show the result."""
        try:
            with engine.on_one_thread():  # a second one would wait for what trains meanwhile
                result = self.compute()
            with drawn_again(self._drawings):
                png = self.figure(result)._repr_png_()
            text = self.words(result)
        except ValueError as error:
            self._tell(str(error), alert=True)
            return
        if png != self.png:
            self.png = self._image.value = png
        self._tell(text)

    def _tell(self, text: str, *, alert: bool = False) -> None:
        """Show a sentence; an alert is bold, and read aloud at once by a screen reader."""
        self.text = text
        role, weight = ('role="alert" ', "bold") if alert else ("", "normal")
        style = f"font-size:16px;line-height:1.4;margin:0;font-weight:{weight}"
        self._words.value = f'<p {role}style="{style}">{html.escape(text)}</p>'
