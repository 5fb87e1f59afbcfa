"""An error surface with a cliff, and descents on it: without clipping, clipped by norm, clipped by value.

Before: jacobians.py.  Next: small_cells.py.
"""

import math
from typing import Any

import numpy as np

CLIFF_STEPS, CLIFF_START, CLIFF_TARGET = 50, 0.5, 0.7
ARRIVED_BELOW, STEPS_AT_THE_END = 0.01, 20


def _sigmoid(x: Any) -> Any:
    """Of an array, or of a float, for which NumPy takes three times as long as Python."""
    return 0.5 * (np.tanh(0.5 * x) if isinstance(x, np.ndarray) else math.tanh(0.5 * x)) + 0.5


def cliff_error(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """E = (sigmoid(x_50) - 0.7)^2 with x_t = w sigmoid(x_{t-1}) + b, x_0 = 0.5.   Pascanu et al. 2013, figure 6.

    w, b: arrays of one shape, which E has too.
    """
    x = np.full_like(w, CLIFF_START, dtype=float)
    for _ in range(CLIFF_STEPS):
        x = w * _sigmoid(x) + b
    return (_sigmoid(x) - CLIFF_TARGET) ** 2


def cliff_gradient(places: np.ndarray) -> np.ndarray:
    """dE/d(w, b) at places (w, b), (..., 2) -> (..., 2), carried along with x_t:

    dx_t/dw = s(x) + w s'(x) dx/dw,  dx_t/db = 1 + w s'(x) dx/db,  with the sigmoid s and x = x_{t-1}.
    """
    w, b = np.moveaxis(np.asarray(places, dtype=float), -1, 0) if np.ndim(places) > 1 else map(float, places)
    x, dx_dw, dx_db = CLIFF_START + 0 * w, 0 * w, 0 * w
    for _ in range(CLIFF_STEPS):
        s = _sigmoid(x)
        slope = w * s * (1 - s)
        dx_dw, dx_db = s + slope * dx_dw, 1 + slope * dx_db
        x = w * s + b
    s = _sigmoid(x)
    dE_dx = 2 * (s - CLIFF_TARGET) * s * (1 - s)
    return np.stack([dE_dx * dx_dw, dE_dx * dx_db], axis=-1)


def clip_vector(gradient: np.ndarray, threshold: float, by: str) -> np.ndarray:
    """Gradients (..., n), each clipped "by norm" or "by value", or left as it is ("not")."""
    if by == "norm":
        norms = np.linalg.norm(gradient, axis=-1, keepdims=True)
        return gradient * np.minimum(1.0, threshold / np.maximum(norms, 1e-300))
    return gradient.clip(-threshold, threshold) if by == "value" else gradient


def descend(
    starts: np.ndarray | tuple[float, float], *, clip_by: str, threshold: float, learning_rate: float, steps: int
) -> np.ndarray:
    """Gradient descents on the cliff from (w, b), (..., 2) -> the ways, (steps + 1, ..., 2).

    clip_by: "norm", "value" or "not".
    """
    ways = [np.asarray(starts, dtype=float)]
    for _ in range(steps):
        gradient = clip_vector(cliff_gradient(ways[-1]), threshold, clip_by)
        ways.append(ways[-1] - learning_rate * gradient)
    return np.array(ways)


def has_arrived(ways: np.ndarray) -> np.ndarray:
    """Whether descents (steps + 1, ..., 2) arrive: E < ARRIVED_BELOW in most of the last 20 steps, (...)."""
    last = ways[-STEPS_AT_THE_END:]
    return np.median(cliff_error(last[..., 0], last[..., 1]), axis=0) < ARRIVED_BELOW
