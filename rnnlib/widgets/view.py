"""What every interactive view is: it computes a result, draws it and says it in words, each once for every change.

Before: figures/, live/pace.py.  Next: knob_view.py and live_view.py, then one file for each view.
"""

import base64
import html
import threading
import time
from typing import Any

import ipywidgets as widgets

from rnnlib.figures import Drawing
from rnnlib.live.pace import Pace

MAX_PAINTING_SHARE = 1 / 64  # of the time, while something trains beside it
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two pictures


class View(widgets.VBox):
    """Widgets in a column, among them a picture and a sentence.

    A view defines `compute`, `figure` and `words`.  What is wrong with a knob's value `compute` says by ValueError:
    the sentence is shown, the picture stays.  Picture and name are stored in the notebook for a reader without a
    kernel; nbval compares the name, which never changes.

    png: the picture that is shown.  text: the words that are shown, as plain text.
    """

    def __init__(self) -> None:
        self.png, self.text = b"", ""
        self._image, self._words = widgets.Image(format="png"), widgets.HTML()
        self._one_at_a_time = threading.RLock()
        self._pace = Pace(MAX_PAINTING_SHARE, shortest=SHORTEST_PAUSE, longest=LONGEST_PAUSE)
        super().__init__()

    def compute(self) -> Any:
        """Everything that is shown: knobs, and what is known, become numbers."""
        raise NotImplementedError

    def figure(self, result: Any) -> Drawing:
        """The picture of a result; it may be the figure of the last one, with other lines."""
        raise NotImplementedError

    def words(self, result: Any) -> str:
        """What the picture shows, in sentences: plain text, read aloud by a screen reader."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Compute, and show the result; one thread at a time."""
        with self._one_at_a_time:
            started = time.thread_time()
            try:
                result = self.compute()
                png, text = self.figure(result)._repr_png_(), self.words(result)
            except ValueError as error:
                self._tell(str(error), alert=True)
                return
            if png != self.png:
                self.png = self._image.value = png
            self._tell(text)
            self._pace.spent(time.thread_time() - started)

    def _tell(self, text: str, *, alert: bool = False) -> None:
        self.text = text
        self._words.value = paragraph(text, size=16, alert=alert)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": type(self).__name__, "image/png": base64.b64encode(self.png).decode()}


def paragraph(text: str, *, size: int = 14, alert: bool = False) -> str:
    """Plain text as HTML; an alert is bold, and read aloud at once by a screen reader."""
    role, weight = ('role="alert" ', "bold") if alert else ("", "normal")
    style = f"font-size:{size}px;line-height:1.4;margin:0;font-weight:{weight}"
    return f'<p {role}style="{style}">{html.escape(text)}</p>'
