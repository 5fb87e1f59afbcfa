"""Curves of runs of any length, in bounded memory: of every stretch of steps its least and its largest value stay.

Before: pace.py.  Next: feed.py sends to a page what is new of them.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float32]

MOST_POINTS = 1024
TOGETHER = 4  # neighbours of which two stay


class Curve:
    """Points (x, y) in the order of x, at most `most_points` of them however many were added.

    While there is room every point is kept.  When there is none, of every four neighbours the least and the largest
    stay, and from then on four times as many steps share two points; the next time it is eight times as many, and so
    on.  So no minimum and no maximum is lost, and every part of a run is seen equally well.  What is not a number
    stays only where nothing else is near.
    """

    def __init__(self, most_points: int = MOST_POINTS):
        """most_points: a multiple of four."""
        self._kept, self._length = np.empty((most_points, 2), dtype=np.float32), 0
        self._waiting = np.empty((0, 2), dtype=np.float32)  # the first points of a stretch that is not complete
        self._stretch = 1  # so many points share one place, or two

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add points (n,), (n,)."""
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is infinite in a picture
            added = np.column_stack([x, y]).astype(np.float32)
        self._waiting = np.concatenate([self._waiting, added])
        while len(self._waiting) >= self._stretch:
            self._keep_complete_stretches()
            if self._length == len(self._kept):
                self._thin_out()

    @property
    def points(self) -> Points:
        """What is kept, (n, 2): x and y."""
        return np.concatenate([self._kept[: self._length], _extremes(self._waiting[None])])

    def _keep_complete_stretches(self) -> None:
        places = 1 if self._stretch == 1 else 2
        room = (len(self._kept) - self._length) // places
        count = min(room, len(self._waiting) // self._stretch)
        taken, self._waiting = np.split(self._waiting, [count * self._stretch])
        found = taken if self._stretch == 1 else _extremes(taken.reshape(count, self._stretch, 2))
        self._kept[self._length : self._length + len(found)] = found
        self._length += len(found)

    def _thin_out(self) -> None:
        found = _extremes(self._kept.reshape(-1, TOGETHER, 2))
        self._kept[: len(found)], self._length = found, len(found)
        self._stretch *= 2 if self._stretch > 1 else TOGETHER


def _extremes(stretches: Points) -> Points:
    """The least and the largest point of every stretch, in the order of x.  (n, length, 2) -> (2 n, 2); (0, 2) of none.

    One that is not a number is neither, unless there is no other.
    """
    if stretches.shape[1] < 2:
        return stretches.reshape(-1, 2)
    y = stretches[..., 1]
    unknown = np.isnan(y)
    least = np.where(unknown, np.inf, y).argmin(1)
    largest = np.where(unknown, -np.inf, y).argmax(1)
    places = np.sort(np.column_stack([least, largest]), axis=1)
    return np.take_along_axis(stretches, places[..., None], axis=1).reshape(-1, 2)
