"""Gradients of a network, measured while it trained, and what clipping by norm and by value make of them.

Before: cliff.py.  Next: inside_cells.py.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from rnnlib.figures.gradient_problems import against_threshold, clipped_in_their_plane
from rnnlib.figures.style import BLUE, GREEN, ORANGE, Drawing, label_lines, panels
from rnnlib.topics.cliff import clip_vector
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, option_slider

THRESHOLDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Clipped(NamedTuple):
    """A gradient (n,), and how long each kind leaves it and by how many degrees it is turned, at each of THRESHOLDS.

    lengths, degrees: by "norm" and by "value".  changed: the share of the components that clipping by value changes.
    """

    gradient: np.ndarray
    lengths: dict[str, list[float]]
    degrees: dict[str, list[float]]
    changed: list[float]


class ClippedGradients(KnobView):
    """One measured gradient, clipped by norm and by value at one threshold."""

    def __init__(self, measured: Mapping[str, Tensor], *, threshold: float = 0.02):
        """measured: gradients (n,), not zero, by the name of the moment.  threshold: one of THRESHOLDS."""
        self._measured = {name: gradient.double().cpu().numpy() for name, gradient in measured.items()}
        if not all(gradient.any() and np.isfinite(gradient).all() for gradient in self._measured.values()):
            raise ValueError("every gradient must be finite and other than zero.")
        self.moment = choice("Gradient", list(self._measured))
        self.threshold = option_slider("Threshold", [(f"{each:g}", each) for each in THRESHOLDS], threshold)
        super().__init__([self.moment], [self.threshold])

    def compute(self) -> Clipped:
        """The chosen gradient, clipped at every threshold."""
        gradient = self._measured[self.moment.value]
        lengths: dict[str, list[float]] = {"norm": [], "value": []}
        degrees: dict[str, list[float]] = {"norm": [], "value": []}
        for threshold in THRESHOLDS:
            for kind in lengths:
                clipped = clip_vector(gradient, threshold, kind)
                along = float(clipped @ gradient) / float(np.linalg.norm(gradient))
                lengths[kind].append(float(np.linalg.norm(clipped)))
                degrees[kind].append(math.degrees(math.acos(min(1.0, along / lengths[kind][-1]))))
        changed = [float((np.abs(gradient) > threshold).mean()) for threshold in THRESHOLDS]
        return Clipped(gradient, lengths, degrees, changed)

    def figure(self, result: Clipped) -> Drawing:
        """The plane of the three vectors; lengths and angles against the threshold."""
        drawing, (plane, lengths, degrees) = panels(3, width=12.4, height=3.8)
        place, threshold = THRESHOLDS.index(self.threshold.value), self.threshold.value
        vectors = [
            result.lengths[kind][place] * np.array([math.cos(angle), math.sin(angle)])
            for kind in ("norm", "value")
            for angle in [math.radians(result.degrees[kind][place])]
        ]
        clipped_in_their_plane(plane, float(np.linalg.norm(result.gradient)), vectors, threshold)
        label_lines(plane, [("gradient", ORANGE), ("by norm", BLUE), ("by value", GREEN)])
        against_threshold(lengths, THRESHOLDS, result.lengths, "length that is left", threshold)
        against_threshold(degrees, THRESHOLDS, result.degrees, "turned by, degrees", threshold)
        return drawing

    def words(self, result: Clipped) -> str:
        """Lengths, the angle, and how many components were cut."""
        place = THRESHOLDS.index(self.threshold.value)
        by_norm, by_value = (result.lengths[kind][place] for kind in ("norm", "value"))
        return (
            f"{len(result.gradient):,} components, the largest {np.abs(result.gradient).max():.3f}; the gradient is "
            f"{np.linalg.norm(result.gradient):.2f} long. By norm: {by_norm:.3f} long, not turned. By value: "
            f"{result.changed[place]:.1%} of the components are cut, {by_value:.3f} long, turned by "
            f"{result.degrees['value'][place]:.0f} degrees."
        )
