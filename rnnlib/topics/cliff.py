"""An error surface with a cliff, and descents on it: without clipping, clipped by norm, clipped by value.

Before: jacobians.py.
"""

import math

import numpy as np

CLIFF_STEPS, CLIFF_START, CLIFF_TARGET = 50, 0.5, 0.7


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def cliff_error(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """E = (sigmoid(x_50) - 0.7)^2 with x_t = w sigmoid(x_{t-1}) + b, x_0 = 0.5.   Pascanu et al. 2013, figure 6.

    w, b: arrays of one shape, which E has too.
    """
    x = np.full_like(w, CLIFF_START, dtype=float)
    for _ in range(CLIFF_STEPS):
        x = w * _sigmoid(x) + b
    return (_sigmoid(x) - CLIFF_TARGET) ** 2


def cliff_gradient(w: float, b: float) -> np.ndarray:
    """(dE/dw, dE/db), (2,), carried along with x_t: dx_t/dw = s(x) + w s'(x) dx/dw, dx_t/db = 1 + w s'(x) dx/db."""
    x, dx_dw, dx_db = CLIFF_START, 0.0, 0.0
    for _ in range(CLIFF_STEPS):
        s = 0.5 * math.tanh(0.5 * x) + 0.5
        slope = w * s * (1 - s)
        dx_dw, dx_db = s + slope * dx_dw, 1 + slope * dx_db
        x = w * s + b
    s = 0.5 * math.tanh(0.5 * x) + 0.5
    return 2 * (s - CLIFF_TARGET) * s * (1 - s) * np.array([dx_dw, dx_db])


def clip_vector(gradient: np.ndarray, threshold: float, by: str) -> np.ndarray:
    """A gradient clipped "by norm" or "by value", or left as it is ("not")."""
    if by == "norm":
        return gradient * min(1.0, threshold / max(float(np.linalg.norm(gradient)), 1e-300))
    return gradient.clip(-threshold, threshold) if by == "value" else gradient


def descend(
    start: tuple[float, float], *, clip_by: str, threshold: float, learning_rate: float, steps: int
) -> np.ndarray:
    """Gradient descent on the cliff from (w, b) -> the way, (steps + 1, 2).  clip_by: "norm", "value" or "not"."""
    way = [np.array(start)]
    for _ in range(steps):
        w, b = way[-1]
        gradient = cliff_gradient(w, b) if math.isfinite(w) and math.isfinite(b) else np.zeros(2)
        way.append(way[-1] - learning_rate * clip_vector(gradient, threshold, clip_by))
    return np.array(way)
