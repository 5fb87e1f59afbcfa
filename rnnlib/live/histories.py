"""A history of any length in bounded memory: the last steps exactly, all of them as thinned curves.

Before: training.py, curves.py.  Next: settings.py gives one to every trainer of a session.
"""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlib import engine
from rnnlib.live.curves import Curves, Points
from rnnlib.training import History, StepResult

STEPS_KEPT = 50_000
DRAWN = ("loss", "gradient_norm", "clipped norm")  # the last is the norm of steps that were clipped, else not a number


class LongHistory(History):
    """As History, but of a long run only the last STEPS_KEPT steps, or up to twice as many, can be asked for.

    `len` is the number of steps made.  steps_dropped: how many of the first ones are not kept.
    """

    @engine.undisturbed()
    def __init__(self, device: torch.device | str = "cpu"):
        super().__init__(device)
        self.steps_dropped = self._drawn = 0  # _drawn: how many steps are in the curves
        self._is_broken = False  # whether the last of them was not finite: what follows is about to be taken back
        self._curves = Curves(len(DRAWN))
        self._looking = threading.RLock()  # who looks, while another thread trains

    def __len__(self) -> int:
        return self.steps_dropped + self._length

    def append(self, result: StepResult, learning_rate: float, clip_threshold: float, seconds: float) -> StepResult:
        """As History.append."""
        if self._length == 2 * STEPS_KEPT:
            with self._looking:
                self._draw()
                self._on_device = torch.cat([self._on_device[STEPS_KEPT : self._length], self._on_device[:STEPS_KEPT]])
                self._on_host = np.concatenate([self._on_host[STEPS_KEPT : self._length], self._on_host[:STEPS_KEPT]])
                self.steps_dropped, self._length = self.steps_dropped + STEPS_KEPT, STEPS_KEPT
        return super().append(result, learning_rate, clip_threshold, seconds)

    def forget_after(self, steps: int) -> None:
        """As History.forget_after."""
        with self._looking:
            super().forget_after(steps - self.steps_dropped)
            self._is_broken = False

    def columns(self, first: int = 0) -> dict[str, NDArray[np.float64]]:
        """The columns from step `first` on, or from the first step that is kept, copied, float64, each (steps,)."""
        with self._looking:
            return super().columns(max(0, first - self.steps_dropped))

    def curves(self) -> dict[str, Points]:
        """DRAWN against the steps, (n, 2) each: every step up to now is in them."""
        with self._looking:
            self._draw()
            return dict(zip(DRAWN, self._curves.points, strict=True))

    def _draw(self) -> None:
        if len(self) == self._drawn or self._is_broken:
            return
        rows = slice(self._drawn - self.steps_dropped, len(self) - self.steps_dropped)
        measured = self._on_device[rows].cpu().numpy()
        broken = ~np.isfinite(measured).all(1)
        self._is_broken = bool(broken.any())
        loss, norm, clipped = measured[: broken.argmax() + 1 if self._is_broken else None].T
        steps = np.arange(self._drawn + 1, self._drawn + 1 + len(loss))
        self._curves.extend(steps, [loss, norm, np.where(clipped > 0, norm, np.nan)])
        self._drawn += len(loss)

    # ------------------------------------------------------------------------------------- files

    def state_dict(self) -> dict[str, Any]:
        """The steps that are kept, and the curves of all: plain numbers and tensors."""
        with self._looking:
            self._draw()
            kept = {name: torch.from_numpy(column) for name, column in self.columns().items()}
            return {"steps_dropped": self.steps_dropped, "kept": kept, "curves": self._curves.state_dict()}

    @classmethod
    @engine.undisturbed()
    def from_state_dict(cls, saved: Mapping[str, Any], device: torch.device | str) -> "LongHistory":
        """A history that goes on where `state_dict` was made."""
        history = cls(device)
        table = torch.stack([saved["kept"][name] for name in cls.COLUMNS], dim=1)
        rows = max(1024, len(table))
        history._on_device = torch.empty(rows, 3, dtype=torch.float32, device=device)
        history._on_device[: len(table)] = table[:, :3]
        history._on_host = np.empty((rows, 3))
        history._on_host[: len(table)] = table[:, 3:].numpy()
        history._length, history.steps_dropped = len(table), saved["steps_dropped"]
        history._curves, history._drawn = Curves.from_state_dict(saved["curves"]), len(history)
        return history


def long_history_of(history: History) -> LongHistory:
    """The same history, if it is a long one; otherwise a long one of the same steps."""
    if isinstance(history, LongHistory):
        return history
    kept = {name: torch.from_numpy(column) for name, column in history.columns().items()}
    nothing_drawn = {"steps_dropped": 0, "curves": Curves(len(DRAWN)).state_dict(), "kept": kept}
    long = LongHistory.from_state_dict(nothing_drawn, "cpu")
    long._drawn = 0
    return long
