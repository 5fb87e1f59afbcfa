"""A picture with places in it that can be clicked.

Before: view.py.  Next: knob_view.py.
"""

from collections.abc import Callable, Sequence
from importlib.resources import files

import anywidget
import traitlets


class ClickablePicture(anywidget.AnyWidget):
    """A PNG in the page; a click on one of its places calls `on_click` with the number of the place, from 0 on.

    value: the PNG.  places: the middles of round places, in dots of the picture from its upper left corner.
    What a click does must be there for a keyboard, too.
    """

    _esm = (files("rnnlib.widgets") / "static" / "clickable_picture.js").read_text(encoding="utf-8")
    value = traitlets.Bytes().tag(sync=True)
    places: traitlets.List[list[float]] = traitlets.List().tag(sync=True)

    def __init__(self, places: Sequence[tuple[float, float]], on_click: Callable[[int], None]):
        super().__init__(places=[list(place) for place in places])
        self.on_msg(lambda widget, message, buffers: on_click(int(message["clicked"])))
