"""What every interactive view is: it computes a result, draws it and says it in words.

Before: figures/, live/pace.py.  Next: knob_view.py and live_view.py, then one file for each view.
"""

import base64
from typing import Any

import ipywidgets as widgets

from rnnlib.figures import Drawing


class View(widgets.VBox):
    """Widgets in a column.  A view defines `compute`, `figure` and `words`.

    What is wrong with a knob's value `compute` says by ValueError: the sentence is shown, the picture stays.
    Picture, name and words are stored in the notebook for a reader without a kernel.  A fresh run is compared with the
    name alone (tools/stored_numbers.py): what trains for as long as it takes says other words.

    png: the picture that is stored.  text: the words that are shown, as plain text.
    """

    def __init__(self) -> None:
        self.png, self.text = b"", ""
        super().__init__()

    def compute(self) -> Any:
        """Everything that is shown: knobs, and what is known, become numbers."""
        raise NotImplementedError

    def figure(self, result: Any) -> Drawing:
        """The picture of a result."""
        raise NotImplementedError

    def words(self, result: Any) -> str:
        """What the picture shows, in sentences: plain text, read aloud by a screen reader."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        return {
            **bundle,
            "text/plain": "\n".join(filter(None, [type(self).__name__, self.text])),
            "image/png": base64.b64encode(self.png).decode(),
        }
