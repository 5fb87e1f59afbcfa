"""Descents near a cliff: as they are, clipped by norm, clipped by value.

Before: jacobian_products.py.  Next: clipped_gradients.py.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rnnlib.figures.gradient_problems import (
    CLIFF_B,
    CLIFF_W,
    COLORS_OF_WAYS,
    Limits,
    cliff_errors,
    cliff_ground,
    cliff_map,
    cliff_regions,
)
from rnnlib.figures.style import Drawing, label_lines, panels
from rnnlib.topics.cliff import cliff_error, descend, has_arrived
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import float_slider, int_slider

LEARNING_RATE, MOST_STEPS = 0.05, 100
KINDS = {"not": "not clipped", "norm": "by norm", "value": "by value"}
NEAR_THE_WALL: tuple[Limits, Limits] = ((4.4, 4.7), (-2.5, -2.15))


class Descents(NamedTuple):
    """ways: as far as they are shown, (steps + 1, 2) each, by name.  arrived: how many of all starts, by name."""

    ways: dict[str, np.ndarray]
    arrived: dict[str, int]


class Cliff(KnobView):
    """Three descents from one starting point, drawn as far as the slider says."""

    def __init__(self, *, w: float = 4.45, b: float = -2.9, threshold: float = 1.0):
        """w, b: where the descents begin.  threshold: for both kinds of clipping."""
        self._whole, self._near = cliff_ground(), cliff_ground(*NEAR_THE_WALL)
        self.w = float_slider("Start w", w, *CLIFF_W, 0.05)
        self.b = float_slider("Start b", b, *CLIFF_B, 0.05)
        self.threshold = float_slider("Clipping threshold", threshold, 0.25, 4.0, 0.25)
        self.steps = int_slider("Steps shown", MOST_STEPS, 0, MOST_STEPS)
        super().__init__([self.w, self.b], [self.threshold, self.steps])

    def compute(self) -> Descents:
        """The descents from the start of the sliders, and how many of all starts arrive."""
        start, shown = (self.w.value, self.b.value), self.steps.value + 1
        ways = {name: way(start, kind, self.threshold.value)[:shown] for kind, name in KINDS.items()}
        return Descents(ways, {name: arrivals(kind, self.threshold.value) for kind, name in KINDS.items()})

    def figure(self, result: Descents) -> Drawing:
        """The whole map, the part of it near the wall, and the errors."""
        drawing, (left, middle, right) = panels(3, width=12.4, height=4, gap=1.15)
        cliff_map(left, self._whole, result.ways)
        cliff_regions(left)
        cliff_map(middle, self._near, result.ways)
        middle.set_title("the brink, enlarged")
        cliff_errors(right, result.ways)
        label_lines(left, list(zip(result.ways, COLORS_OF_WAYS, strict=True)))
        return drawing

    def words(self, result: Descents) -> str:
        """Longest step and last error of each descent, and how many starts arrive."""
        told = []
        for name, way in result.ways.items():
            longest = float(np.linalg.norm(np.diff(way, axis=0), axis=1).max()) if len(way) > 1 else 0.0
            told.append(f"{name}: longest step {longest:.2f}, error {cliff_error(way[-1:, 0], way[-1:, 1])[0]:.2g}")
        counted = ", ".join(f"{count} {name}" for name, count in result.arrived.items())
        return (
            f"After {self.steps.value} steps. {'; '.join(told)}. Of {len(all_starts())} starts all over the map, so "
            f"many are in the valley for most of the last 20 steps: {counted}."
        )


def all_starts() -> np.ndarray:
    """Starting points all over the map, (n, 2)."""
    w, b = np.meshgrid(np.linspace(*CLIFF_W, 14), np.linspace(*CLIFF_B, 17))
    return np.stack([w, b], axis=-1).reshape(-1, 2)


@lru_cache(maxsize=64)
def way(start: tuple[float, float], clip_by: str, threshold: float) -> np.ndarray:
    """A descent of MOST_STEPS steps, (steps + 1, 2)."""
    return descend(start, clip_by=clip_by, threshold=threshold, learning_rate=LEARNING_RATE, steps=MOST_STEPS)


@lru_cache(maxsize=64)
def arrivals(clip_by: str, threshold: float) -> int:
    """How many descents from `all_starts` are in the valley at the end, as has_arrived says."""
    ways = descend(all_starts(), clip_by=clip_by, threshold=threshold, learning_rate=LEARNING_RATE, steps=MOST_STEPS)
    return int(has_arrived(ways).sum())
