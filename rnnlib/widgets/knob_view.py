"""Views without a network that trains: the knobs alone decide what is shown, so every change shows it anew.

Before: view.py, knobs.py.
"""

import ipywidgets as widgets

from rnnlib.widgets.knobs import row
from rnnlib.widgets.view import View


class KnobView(View):
    """Knobs in rows, a picture, a sentence in words.  `compute` reads the knobs, and nothing else that changes."""

    def __init__(self, *rows: list[widgets.Widget]):
        """rows: the knobs, one list for each row."""
        super().__init__()
        self.children = [*(row(*knobs) for knobs in rows), self._image, self._words]
        self.add_class("knob-view")
        self.refresh()
        for knobs in rows:
            for knob in knobs:
                knob.observe(lambda change: self.refresh(), "value")
