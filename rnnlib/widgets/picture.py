"""The picture of a view that only its knobs move; places in it can be clicked.

Before: view.py, live_plot.py, whose names.js it shares.  Next: knob_view.py.
"""

from collections.abc import Callable, Sequence

import anywidget
import traitlets

from rnnlib.widgets.live_plot import STATIC


class Picture(anywidget.AnyWidget):
    """A PNG in the page; a click on one of its places calls `on_click` with the number of the place, from 0 on.

    value: the PNG.  places: the middles of round places, in dots of the picture from its upper left corner.
    What a click does must be there for a keyboard, too.  It tells the names of the view's knobs to a screen reader.
    """

    _esm = "\n".join((STATIC / part).read_text(encoding="utf-8") for part in ("names.js", "picture.js"))
    value = traitlets.Bytes().tag(sync=True)
    places: traitlets.List[list[float]] = traitlets.List().tag(sync=True)

    def __init__(self, places: Sequence[tuple[float, float]] = (), on_click: Callable[[int], None] | None = None):
        super().__init__(places=[list(place) for place in places])
        if on_click is not None:
            self.on_msg(lambda widget, message, buffers: on_click(int(message["clicked"])))
