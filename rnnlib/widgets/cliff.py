"""A descent near a cliff: as it is, clipped by norm, clipped by value.  And clipping itself, in two dimensions.

Before: jacobian_products.py.
"""

import math
from typing import NamedTuple

import numpy as np

from rnnlib.figures.gradient_problems import (
    CLIFF_B,
    CLIFF_W,
    cliff_background,
    cliff_errors,
    cliff_map,
    clipped_vectors,
)
from rnnlib.figures.style import BLUE, GREEN, ORANGE, Drawing, label_lines, panels
from rnnlib.topics.cliff import cliff_error, clip_vector, descend
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import float_slider, int_slider

LEARNING_RATE, MOST_STEPS = 0.05, 60


class Cliff(KnobView):
    """Three descents from one starting point, drawn as far as the slider says."""

    def __init__(self, *, w: float = 4.3, b: float = -2.6, threshold: float = 0.5):
        """w, b: where the descents begin.  threshold: for both kinds of clipping."""
        self._background = cliff_background()
        self.w = float_slider("Start w", w, *CLIFF_W, 0.05)
        self.b = float_slider("Start b", b, *CLIFF_B, 0.05)
        self.threshold = float_slider("Clipping threshold", threshold, 0.1, 2.0, 0.1)
        self.steps = int_slider("Steps shown", MOST_STEPS, 0, MOST_STEPS)
        super().__init__([self.w, self.b], [self.threshold, self.steps])

    def compute(self) -> dict[str, np.ndarray]:
        """The descents as far as they are shown, (steps + 1, 2) each, by name."""
        options = {"threshold": self.threshold.value, "learning_rate": LEARNING_RATE, "steps": MOST_STEPS}
        start, shown = (self.w.value, self.b.value), self.steps.value + 1
        names = {"not": "not clipped", "norm": "by norm", "value": "by value"}
        return {name: descend(start, clip_by=kind, **options)[:shown] for kind, name in names.items()}

    def figure(self, result: dict[str, np.ndarray]) -> Drawing:
        """The map at the left, the errors at the right."""
        drawing, (left, right) = panels(2, height=3.8)
        cliff_map(left, self._background, result)
        cliff_errors(right, result)
        label_lines(left, list(zip(result, (ORANGE, BLUE, GREEN), strict=True)))
        return drawing

    def words(self, result: dict[str, np.ndarray]) -> str:
        """Longest step and last error of each descent."""
        told = []
        for name, way in result.items():
            longest = float(np.linalg.norm(np.diff(way, axis=0), axis=1).max()) if len(way) > 1 else 0.0
            told.append(f"{name}: longest step {longest:.2f}, error {cliff_error(way[-1:, 0], way[-1:, 1])[0]:.2g}")
        return f"After {self.steps.value} steps. {'; '.join(told)}."


class Clipped(NamedTuple):
    """A gradient and what each kind of clipping leaves of it, (2,) each."""

    gradient: np.ndarray
    by_norm: np.ndarray
    by_value: np.ndarray


class ClippingInTwoDimensions(KnobView):
    """A gradient of two components, and what clipping by norm and by value make of it."""

    def __init__(self) -> None:
        self.g_1 = float_slider("First component", 3.5, -4, 4, 0.1)
        self.g_2 = float_slider("Second component", 0.8, -4, 4, 0.1)
        self.threshold = float_slider("Threshold", 1.0, 0.1, 4, 0.1)
        super().__init__([self.g_1, self.g_2], [self.threshold])

    def compute(self) -> Clipped:
        """The gradient of the sliders, clipped."""
        gradient = np.array([self.g_1.value, self.g_2.value])
        return Clipped(*(clip_vector(gradient, self.threshold.value, kind) for kind in ("not", "norm", "value")))

    def figure(self, result: Clipped) -> Drawing:
        """Three arrows, the circle and the square."""
        drawing, (ax,) = panels(width=5.4, height=5)
        clipped_vectors(ax, list(result), self.threshold.value)
        label_lines(ax, [("gradient", ORANGE), ("by norm", BLUE), ("by value", GREEN)])
        return drawing

    def words(self, result: Clipped) -> str:
        """Lengths, and the angle by which each kind turns the gradient."""
        if not result.gradient.any():
            return "The gradient is zero: there is nothing to clip."
        lengths = [float(np.linalg.norm(vector)) for vector in result]
        cosine = float(result.gradient @ result.by_value) / (lengths[0] * lengths[2])
        angle = math.degrees(math.acos(min(1.0, cosine)))
        return (
            f"The gradient is {lengths[0]:.2f} long. By norm: {lengths[1]:.2f}, not turned. "
            f"By value: {lengths[2]:.2f}, turned by {angle:.0f} degrees."
        )
