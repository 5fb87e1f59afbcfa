"""Recurrent matrices to begin with: normal, orthogonal, identity.

Comes before everything that has weights.  Next: jacobians.py shows what each does to a gradient.
"""

import torch
from torch import Tensor


def normal(hidden_size: int, spectral_radius: float, generator: torch.Generator) -> Tensor:
    """A matrix (H, H) of independent normal numbers, scaled so that its largest absolute eigenvalue is the radius."""
    W = torch.randn(hidden_size, hidden_size, generator=generator, dtype=torch.float64)
    return (W * (spectral_radius / torch.linalg.eigvals(W).abs().max())).float()


def orthogonal(hidden_size: int, generator: torch.Generator) -> Tensor:
    """A rotation (H, H), drawn uniformly: all singular values are 1.   Saxe, McClelland and Ganguli 2014."""
    W = torch.randn(hidden_size, hidden_size, generator=generator, dtype=torch.float64)
    Q, R = torch.linalg.qr(W)
    return (Q * R.diagonal().sign()).float()


def identity(hidden_size: int) -> Tensor:
    """The identity (H, H): with ReLU, a state that stays what it is.   Le, Jaitly and Hinton 2015."""
    return torch.eye(hidden_size)
