"""Curves of runs of any length, in bounded memory: of every stretch of steps its least and its largest value stay.

Before: pace.py.  Next: feed.py sends to a page what is new of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float32]

MOST_POINTS = 1024
TOGETHER = 4  # neighbours of which two stay


class Curves:
    """Points (x, y) of several quantities in the order of x, at most `most_points` of each however many were added.

    While there is room every point is kept.  When there is none, of every four neighbours the least and the largest
    stay, and from then on four times as many steps share two points; the next time it is eight times as many, and so
    on.  So no minimum and no maximum is lost, and every part of a run is seen equally well.  What is not a number
    stays only where nothing else is near.
    """

    def __init__(self, quantities: int = 1, most_points: int = MOST_POINTS):
        """most_points: a multiple of four."""
        self._kept, self._length = np.empty((quantities, most_points, 2), dtype=np.float32), 0
        self._waiting = self._kept[:, :0]  # the first points of a stretch that is not complete
        self._stretch = 1  # so many points share one place, or two

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add points.  x (n,); y (quantities, n)."""
        values, waiting = np.asarray(y), self._waiting.shape[1]
        longer = np.empty((len(self._kept), waiting + values.shape[1], 2), dtype=np.float32)
        longer[:, :waiting] = self._waiting
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is infinite in a picture
            longer[:, waiting:, 0], longer[:, waiting:, 1] = x, values
        self._waiting = longer
        while self._waiting.shape[1] >= self._stretch:
            self._keep_complete_stretches()
            if self._length == self._kept.shape[1]:
                self._thin_out()

    @property
    def points(self) -> Points:
        """What is kept, (quantities, n, 2): x and y."""
        kept, waiting = self._kept[:, : self._length], self._waiting
        return np.concatenate([kept, _extremes(waiting, waiting.shape[1])], axis=1)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: plain numbers and tensors."""
        kept, waiting = self._kept[:, : self._length], self._waiting
        parts = {"kept": torch.from_numpy(kept.copy()), "waiting": torch.from_numpy(waiting.copy())}
        return {**parts, "most_points": self._kept.shape[1], "stretch": self._stretch}

    @classmethod
    def from_state_dict(cls, saved: Mapping[str, Any]) -> "Curves":
        """Curves that go on where `state_dict` was made."""
        kept = saved["kept"].numpy()
        curves = cls(len(kept), saved["most_points"])
        curves._length, curves._stretch, curves._waiting = kept.shape[1], saved["stretch"], saved["waiting"].numpy()
        curves._kept[:, : kept.shape[1]] = kept
        return curves

    def _keep_complete_stretches(self) -> None:
        places = 1 if self._stretch == 1 else 2
        room = (self._kept.shape[1] - self._length) // places
        complete = self._stretch * min(room, self._waiting.shape[1] // self._stretch)
        found = _extremes(self._waiting[:, :complete], self._stretch)
        self._waiting = self._waiting[:, complete:]
        self._kept[:, self._length : self._length + found.shape[1]] = found
        self._length += found.shape[1]

    def _thin_out(self) -> None:
        found = _extremes(self._kept, TOGETHER)
        self._kept[:, : found.shape[1]], self._length = found, found.shape[1]
        self._stretch *= 2 if self._stretch > 1 else TOGETHER


def _extremes(points: Points, stretch: int) -> Points:
    """The least and the largest point of every `stretch` neighbours, in the order of x.

    points (quantities, n, 2) -> (quantities, 2 n / stretch, 2).  What is not a number is neither, unless there is
    nothing else.  A stretch of one point, or of none, stays.
    """
    if stretch < 2:
        return points
    stretches = points.reshape(len(points), -1, stretch, 2)
    y = stretches[..., 1]
    unknown = np.isnan(y)
    low, high = (np.where(unknown, np.inf, y), np.where(unknown, -np.inf, y)) if unknown.any() else (y, y)
    places = np.empty((*y.shape[:2], 2), dtype=np.intp)
    places[..., 0], places[..., 1] = low.argmin(2), high.argmax(2)
    places.sort(axis=2)
    quantities, rows = np.arange(y.shape[0])[:, None, None], np.arange(y.shape[1])[None, :, None]
    return stretches[quantities, rows, places].reshape(len(points), -1, 2)
