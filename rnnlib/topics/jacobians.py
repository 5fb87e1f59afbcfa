"""Why gradients vanish and explode: products of Jacobians.

Before: initialisation.py.  Next: cliff.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


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
