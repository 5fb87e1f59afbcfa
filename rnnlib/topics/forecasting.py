"""Predicting a series of numbers: from the last values by a weighted sum, or from the state of a small RNN.

Before: tasks.py has the series; cells.py the step.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib import engine
from rnnlib.cells import RNN, unroll
from rnnlib.optimizers import Adam, clip_by_norm

LEARNING_RATE, BATCH_SIZE = 0.003, 64


def windows(series: Tensor, length: int, horizons: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """All windows of a series (n,), and what comes 1, 4, ... steps after the last value of each.

    -> (m, length) and (m, len(horizons)), m = n - length - max(horizons) + 1.  Raises ValueError if there is none.
    """
    m = len(series) - length - max(horizons) + 1
    if m < 1:
        raise ValueError(
            f"windows of {length} values that look {max(horizons)} steps ahead need {length + max(horizons)} values; "
            f"the series has {len(series)}."
        )
    ends = torch.arange(m)[:, None] + length - 1
    return series.unfold(0, length, 1)[:m], series[ends + torch.tensor(horizons)]


class Forecaster(NamedTuple):
    """h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h), and after the last value the predictions h W_hq + b_q.

    One value is read at a step.  W_xh (1, H), W_hh (H, H), b_h (H), W_hq (H, K), b_q (K) for K horizons.
    """

    W_xh: Tensor
    W_hh: Tensor
    b_h: Tensor
    W_hq: Tensor
    b_q: Tensor

    def predict(self, past: Tensor) -> Tensor:
        """What the state knows after it has read each window.  past (m, T) -> (m, K)."""
        x_in = past.T[..., None] @ self.W_xh + self.b_h
        (h,) = unroll(RNN, x_in, (x_in.new_zeros(len(past), len(self.b_h)),), self.W_hh)[-1]
        return h @ self.W_hq + self.b_q


def train_forecaster(
    past: Tensor, future: Tensor, *, hidden_size: int = 16, steps: int = 800, generator: torch.Generator
) -> Forecaster:
    """Train an RNN to predict future (m, K) from past (m, T), by least squares, Adam, 64 windows a step.

    W_hh begins as the identity: a state that is kept as it is until training finds something better (Le, Jaitly and
    Hinton 2015).
    """
    H, K = hidden_size, future.shape[1]
    W_xh, W_hq = torch.randn(1, H, generator=generator) / H, torch.randn(H, K, generator=generator) / H
    network = Forecaster(W_xh, torch.eye(H), torch.zeros(H), W_hq, torch.zeros(K))
    optimizer = Adam(list(network))
    with engine.on_one_thread():  # a second one would spin on a core that has other work: three times as long
        for step in range(steps):
            rows = torch.randint(len(past), (BATCH_SIZE,), generator=generator)
            leaves = Forecaster(*(weights.detach().requires_grad_() for weights in network))
            with torch.enable_grad():
                loss = (leaves.predict(past[rows]) - future[rows]).square().mean()
            gradients = list(torch.autograd.grad(loss, list(leaves)))
            clip_by_norm(gradients, 1.0)
            optimizer.update(list(network), gradients, torch.tensor(LEARNING_RATE * (1 - step / steps)))
    return network
