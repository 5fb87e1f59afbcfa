"""What every interactive view is: widgets in a column that leave a picture behind for a reader without a kernel.

Before: figures/.  Next: knob_view.py, then one file for each view.
"""

import base64
from typing import Any

import ipywidgets as widgets


class View(widgets.VBox):
    """A view stores its picture and its name in the notebook; nbval compares the name, which never changes."""

    def picture(self) -> bytes:
        """What the view shows now, as PNG."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        picture = base64.b64encode(self.picture()).decode()
        return {**bundle, "text/plain": type(self).__name__, "image/png": picture}
