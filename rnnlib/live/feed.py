"""What a page is sent of a picture that changes all the time: new numbers only, in binary.

Before: curves.py.  Next: the widgets, which have a page.
"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from rnnlib.live.curves import Points


class Splice(TypedDict):
    """A page cuts the series `name` to its first `start` rows and appends rows of `width` numbers; 0 removes it."""

    name: str
    start: int
    width: int


class Feed:
    """What a page has of some series of numbers, by name.

    A view says what is to be seen; the feed says what of it is new.  So what a page has is always what there is:
    after a reset, a thinned curve or a series that is gone, too.
    """

    def __init__(self) -> None:
        self._sent: dict[str, Points] = {}

    def changes(self, series: Mapping[str, Points]) -> tuple[list[Splice], list[bytes]]:
        """How a page's series become these, and the rows to append, float32.  series: (n, width) each."""
        splices, buffers = list[Splice](), list[bytes]()
        for name in self._sent.keys() - series.keys():
            splices.append({"name": name, "start": 0, "width": 0})
            buffers.append(b"")
        for name, points in series.items():
            sent = self._sent.get(name)
            start = 0 if sent is None else _rows_in_common(sent, points)
            if sent is None or start < max(len(sent), len(points)):
                splices.append({"name": name, "start": start, "width": points.shape[1]})
                buffers.append(points[start:].tobytes())
        self._sent = dict(series)
        return splices, buffers

    def forget(self) -> None:
        """A page that knows nothing looks: everything is new."""
        self._sent = {}


def _rows_in_common(sent: Points, points: Points) -> int:
    """How many rows are the same from the first on, bit for bit."""
    if sent.shape[1] != points.shape[1]:
        return 0
    length = min(len(sent), len(points))
    different = (sent[:length].view(np.uint32) != points[:length].view(np.uint32)).any(axis=1)
    first = int(different.argmax()) if length else 0
    return first if length and different[first] else length
