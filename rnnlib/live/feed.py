"""What a page is sent of a picture that changes all the time: new numbers only, in binary.

Before: curves.py.  Next: the widgets, which have a page.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from rnnlib.live.curves import Points


class Splice(TypedDict):
    """A page cuts the series `name` to its first `start` rows and appends rows of `width` numbers; 0 removes it."""

    name: str
    start: int
    width: int


class ListSplice(TypedDict):
    """A page cuts the list `name` to its first `start` items and appends these."""

    name: str
    start: int
    items: list[Any]


class Message(TypedDict):
    """How what a page has becomes what there is; the numbers of each splice are in a buffer of their own."""

    series: list[Splice]
    lists: list[ListSplice]
    facts: dict[str, Any]


class Feed:
    """What a page has: series of numbers, lists and facts, by name.

    A view says what is to be seen; the feed says what of it is new.  So what a page has is always what there is:
    after a reset, a thinned curve or a series that is gone, too.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A page that knows nothing looks: everything is new."""
        self._series: dict[str, Points] = {}
        self._lists: dict[str, list[Any]] = {}
        self._facts: dict[str, Any] = {}

    def changes(
        self, series: Mapping[str, Points], lists: Mapping[str, list[Any]], facts: Mapping[str, Any]
    ) -> tuple[Message | None, list[bytes]]:
        """What a page has to change; None if that is nothing.  series: (n, width) each, float32.

        lists and facts always have the same names, and are plain data.
        """
        splices, buffers = self._changed_series(series)
        list_splices = list[ListSplice]()
        for name, items in lists.items():
            sent = self._lists.get(name)
            start = 0 if sent is None else _items_in_common(sent, items)
            if sent is None or start < max(len(sent), len(items)):
                list_splices.append({"name": name, "start": start, "items": items[start:]})
                self._lists[name] = list(items)
        changed = {name: fact for name, fact in facts.items() if name not in self._facts or self._facts[name] != fact}
        self._facts |= changed
        if not splices and not list_splices and not changed:
            return None, []
        return {"series": splices, "lists": list_splices, "facts": changed}, buffers

    def _changed_series(self, series: Mapping[str, Points]) -> tuple[list[Splice], list[bytes]]:
        splices, buffers = list[Splice](), list[bytes]()
        for name in self._series.keys() - series.keys():
            splices.append({"name": name, "start": 0, "width": 0})
            buffers.append(b"")
        for name, points in series.items():
            sent = self._series.get(name)
            if sent is points:
                continue
            start = 0 if sent is None else _rows_in_common(sent, points)
            if sent is None or start < max(len(sent), len(points)):
                splices.append({"name": name, "start": start, "width": points.shape[1]})
                buffers.append(points[start:].tobytes())
        self._series = dict(series)
        return splices, buffers


def _items_in_common(sent: list[Any], items: list[Any]) -> int:
    """How many items are the same from the first on."""
    length = min(len(sent), len(items))
    if sent[:length] == items[:length]:
        return length
    return next(place for place in range(length) if sent[place] != items[place])


def _rows_in_common(sent: Points, points: Points) -> int:
    """How many rows are the same from the first on, bit for bit."""
    if sent.shape[1] != points.shape[1]:
        return 0
    length = min(len(sent), len(points))
    different = sent[:length].ravel().view(np.uint32) != points[:length].ravel().view(np.uint32)
    first = int(different.argmax()) if len(different) else 0
    return first // sent.shape[1] if len(different) and different[first] else length
