"""Why gradients vanish and explode: products of Jacobians, and an error surface with a cliff.

Before: initialisation.py.  Next: cells.py.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# ------------------------------------------------------------------------------- products of Jacobians


class Activation(NamedTuple):
    """A function of one number, its derivative, and the derivative's largest value, gamma."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    gamma: float


def _sigmoid_derivative(a: Tensor) -> Tensor:
    return torch.sigmoid(a) * (1 - torch.sigmoid(a))


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, lambda a: 1 - torch.tanh(a) ** 2, 1.0),
    "sigmoid": Activation(torch.sigmoid, _sigmoid_derivative, 0.25),
    "relu": Activation(torch.relu, lambda a: (a > 0).to(a.dtype), 1.0),
    "linear": Activation(lambda a: a, torch.ones_like, 1.0),
}


class JacobianNorms(NamedTuple):
    """norms[k] = |dh_T / dh_{T-k}|, the largest singular value, for lags k = 0 to T.

    bounds[k] = (gamma * largest singular value of W_hh)^k, above which no norm can lie (Pascanu et al. 2013, 2.2).
    """

    norms: np.ndarray
    bounds: np.ndarray


def jacobian_norms(
    W_hh: Tensor, activation: str, num_steps: int, generator: torch.Generator, *, input_size: float = 0.5
) -> JacobianNorms:
    """How much of a change of h_{T-k} is left in h_T, in a network driven by noise.   Pascanu et al. 2013, section 2.

    h_t = f(h_{t-1} W_hh + x_t) with x_t normal of standard deviation input_size; dh_t/dh_{t-1} = W_hh diag(f'(a_t)).
    W_hh (H, H); activation: a name in ACTIVATIONS; num_steps = T >= 1.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"there is no activation {activation!r}; choose from: {', '.join(ACTIVATIONS)}.")
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1; it is {num_steps}.")
    f, W = ACTIVATIONS[activation], W_hh.double()
    h, jacobians = torch.zeros(len(W), dtype=torch.float64), []
    for noise in torch.randn(num_steps, len(W), generator=generator, dtype=torch.float64):
        a = h @ W + input_size * noise
        jacobians.append(W * f.derivative(a))
        h = f.function(a)
    product = torch.eye(len(W), dtype=torch.float64)
    products = [product]
    for jacobian in reversed(jacobians):
        product = jacobian @ product
        products.append(product)
    norms = torch.linalg.matrix_norm(torch.stack(products), ord=2)
    largest = f.gamma * float(torch.linalg.matrix_norm(W, ord=2))
    return JacobianNorms(norms.numpy(), largest ** np.arange(num_steps + 1.0))


# ------------------------------------------------------------------------------------------- the cliff

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
