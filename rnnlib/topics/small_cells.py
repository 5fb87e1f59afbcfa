"""An LSTM and a GRU with two units and one input, small enough to be drawn with every number.

Before: cliff.py.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, tanh

from rnnlib.cells import GRU, LSTM

INPUTS = (1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class SmallCell:
    """Weights of a cell with H = 2 and one number as input, blocks i, f, g, o of an LSTM or r, z, n of a GRU.

    W_xh, b_h (blocks, 2); W_hh (blocks, 2, 2).
    """

    W_xh: Tensor
    W_hh: Tensor
    b_h: Tensor

    def x_in(self, x: float) -> Tensor:
        """x W_xh + b_h, (blocks, 1, 2)."""
        return (x * self.W_xh + self.b_h)[:, None]


SMALL_LSTM = SmallCell(
    W_xh=torch.tensor([[3.0, -2.0], [-2.0, 1.0], [2.0, -1.0], [1.0, 2.0]]),
    W_hh=torch.tensor(
        [[[0.5, -1.0], [1.0, 0.5]], [[1.0, 0.5], [-0.5, 1.0]], [[0.5, 1.0], [-1.0, 0.5]], [[1, -1], [1, 1]]]
    ),
    b_h=torch.tensor([[-1.0, 0.5], [2.0, 1.0], [0.0, 0.5], [0.5, 0.0]]),
)
SMALL_GRU = SmallCell(
    W_xh=torch.tensor([[-2.0, 2.0], [-3.0, 1.0], [2.0, -1.0]]),
    W_hh=torch.tensor([[[1.0, -2.0], [0.5, 1.0]], [[0.5, 1.0], [-1.0, 0.5]], [[0.5, 1.0], [2.0, -1.0]]]),
    b_h=torch.tensor([[0.5, -1.0], [1.5, 0.0], [0.0, 0.5]]),
)


@dataclass(frozen=True)
class LSTMStep:
    """One step: the state before and after, and the gates, (2,) each.  x: the input."""

    x: float
    h_before: Tensor
    c_before: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c: Tensor
    h: Tensor


@dataclass(frozen=True)
class GRUStep:
    """One step: the state before and after, gates and candidate, (2,) each.  x: the input."""

    x: float
    h_before: Tensor
    r: Tensor
    z: Tensor
    n: Tensor
    h: Tensor


def lstm_steps(cell: SmallCell = SMALL_LSTM, *, by_hand: dict[str, float] | None = None) -> list[LSTMStep]:
    """The steps over INPUTS, from a state of zeros.

    by_hand: gates "i", "f", "o" of the first unit that are held at a value, whatever the weights say.
    """
    h, c, steps = torch.zeros(2), torch.zeros(2), list[LSTMStep]()
    for x in INPUTS:
        i, f, g, o = (part[0] for part in LSTM.gates_of(cell.x_in(x), h[None], cell.W_hh))
        i, f, o = (_held(gate, name, by_hand) for gate, name in ((i, "i"), (f, "f"), (o, "o")))
        new = f * c + i * g
        steps.append(LSTMStep(x, h, c, i, f, g, o, new, o * tanh(new)))
        h, c = steps[-1].h, new
    return steps


def gru_steps(
    cell: SmallCell = SMALL_GRU, *, reset_first: bool = False, by_hand: dict[str, float] | None = None
) -> list[GRUStep]:
    """The steps over INPUTS, from a state of zeros.

    reset_first: n = tanh(x_in + (r * h) W_hn) as D2L has it; otherwise n = tanh(x_in + r * (h W_hn)) as in PyTorch.
    by_hand: gates "r", "z" of the first unit that are held at a value.
    """
    h, steps = torch.zeros(2), list[GRUStep]()
    for x in INPUTS:
        x_in = cell.x_in(x)
        r, z, _, h_n = (part[0] for part in GRU.gates_of(x_in, h[None], cell.W_hh))
        r, z = _held(r, "r", by_hand), _held(z, "z", by_hand)
        n = tanh(x_in[2, 0] + ((r * h) @ cell.W_hh[2] if reset_first else r * h_n))
        steps.append(GRUStep(x, h, r, z, n, (1 - z) * n + z * h))
        h = steps[-1].h
    return steps


def _held(gate: Tensor, name: str, by_hand: dict[str, float] | None) -> Tensor:
    """A gate whose first unit may be held at a value."""
    if not by_hand or name not in by_hand:
        return gate
    return torch.stack([torch.as_tensor(by_hand[name], dtype=gate.dtype), gate[1]])
