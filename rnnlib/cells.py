"""RNN, GRU and LSTM from scratch: forward over a whole sequence, and the hand-derived way back.

Before: baselines.py.  Next: loops.py, which does its work on a CPU.

Every cell is written twice.  `step` is the definition, on torch tensors: one time step, to read and to test against;
a GPU trains by it, with autograd.  `forward` and `backward` are the same mathematics over T steps, on NumPy arrays:
what trains on a CPU.  The work that need not wait for the step before is taken out of the loop: the input's share of
every pre-activation, x_t W_xh + b_h, is there before it starts, and the gradient of W_hh, which all steps share, is one
product after it ends.  What is left in the loop, a product with W_hh and a few operations on each unit, is in loops.py.

Shapes: T time steps, B batch size, V vocabulary size, H hidden size.  An RNN's weights are W_xh (V, H), W_hh (H, H)
and b_h (H).  A GRU stacks three of each (r, z, n) and an LSTM four (i, f, g, o), in PyTorch's order, in front:
W_hh (3, H, H), pre-activations (3, T, B, H), written (blocks, T, B, H) below.  For the one product of a step, the
loops get all blocks as one matrix: W_hh^T (blocks H, H) on the way forward, W_hh (H, blocks H) on the way back.

All arrays lie in one piece in memory.  The passes write into a Workspace, because memory fresh from the operating
system costs up to a fifth of a step.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnlib import loops
from rnnlib.loops import Array


class Workspace:
    """Arrays by name, used again by the next pass as long as it asks for the same shape."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of this shape and dtype; its values are arbitrary.  (Zeros, once, so that it is really there.)"""
        array = self._arrays.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self._arrays[name] = np.zeros(shape, dtype)
        return array


class Way(NamedTuple):
    """What a forward pass over T steps leaves behind.  Its backward pass walks it the other way and uses it up.

    hidden (T + 1, B, H): h_0 to h_T.  gates (blocks, T, B, H): GRU r, z, n; LSTM i, f, g, o; the RNN, which has none,
    keeps its shares here.  The backward pass writes dL/d(pre-activation) over them.
    cell (T + 1, B, H): LSTM, c_0 to c_T.  extra (T, B, H): GRU h_{t-1} W_hn; LSTM tanh(c_t).
    """

    hidden: Array
    gates: Array
    cell: Array | None = None
    extra: Array | None = None


class Gradients(NamedTuple):
    """What a backward pass gives.

    inputs (blocks, T, B, H): dL/d(x_t W_xh + b_h).  W_hh: as W_hh.  hidden (T, B, H): the total derivatives
    dL/dh_1 to dL/dh_T.  initial_hidden (B, H): dL/dh_0; initial_cell: dL/dc_0 (LSTM).
    """

    inputs: Array
    W_hh: Array
    hidden: Array
    initial_hidden: Array
    initial_cell: Array | None = None


class RNN:
    """h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h).   Elman 1990; D2L, section 8.4."""

    name = "rnn"
    blocks = ()
    has_cell = False

    @staticmethod
    def step(share: Tensor, state: Tensor, W_hh: Tensor) -> Tensor:
        """One time step.  share = x_t W_xh + b_h (B, H), state = h_{t-1} (B, H) -> h_t (B, H)."""
        return torch.tanh(share + state @ W_hh)

    @staticmethod
    def forward(shares: Array, state: Array, W_hh: Array, workspace: Workspace) -> Way:
        """T time steps.  shares = x_t W_xh + b_h for all t (T, B, H), state = h_0 (B, H)."""
        T, B, H = shares.shape
        check_arrays(shares=(shares, (T, B, H)), state=(state, (B, H)), W_hh=(W_hh, (H, H)))
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        h[0] = state
        loops.rnn_forward(shares, W_hh.T.copy(), h)
        return Way(hidden=h, gates=shares)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): dL/dh_t by way of the logits of step t; becomes dL/dh_t.

        dL/dh_t = direct_t + da_{t+1} W_hh^T,    da_t = dL/dh_t * (1 - h_t^2)        (D2L, section 8.7)
        """
        check_arrays(direct=(direct, way.hidden[1:].shape))
        h, dh, da, dh_0 = way.hidden, direct, way.gates, np.zeros_like(direct[0])
        loops.rnn_backward(h, W_hh, dh, da, dh_0)
        return Gradients(da, sum_of_products(h, da), hidden=dh, initial_hidden=dh_0)


class GRU:
    """r_t, z_t = sigmoid(x_t W_x(r,z) + h_{t-1} W_h(r,z) + b_(r,z))        reset and update gate
    n_t = tanh(x_t W_xn + b_n + r_t * (h_{t-1} W_hn))                       candidate
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}.

    Cho et al. 2014; D2L, section 9.1.  As in PyTorch and cuDNN the reset gate acts after the product with W_hn.
    """

    name = "gru"
    blocks = (3,)
    has_cell = False

    @staticmethod
    def step(share: Tensor, state: Tensor, W_hh: Tensor) -> Tensor:
        """One time step.  share = x_t W_xh + b_h (3, B, H), state = h_{t-1} (B, H) -> h_t (B, H)."""
        x_r, x_z, x_n = share
        h_r, h_z, h_n = state @ W_hh
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return (1 - z) * n + z * state

    @staticmethod
    def forward(shares: Array, state: Array, W_hh: Array, workspace: Workspace) -> Way:
        """T time steps.  shares = x_t W_xh + b_h for all t (3, T, B, H; overwritten), state = h_0 (B, H)."""
        _, T, B, H = shares.shape
        check_arrays(shares=(shares, (3, T, B, H)), state=(state, (B, H)), W_hh=(W_hh, (3, H, H)))
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        h_n = workspace.empty("h W_hn", (T, B, H), W_hh.dtype)
        h[0] = state
        loops.gru_forward(shares, W_hh.mT.reshape(-1, H), h, h_n)
        return Way(hidden=h, gates=shares, extra=h_n)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): dL/dh_t by way of the logits of step t; becomes dL/dh_t.

        dn = dh (1 - z)(1 - n^2),   dz = dh (h_{t-1} - n) z (1 - z),   dr = dn (h_{t-1} W_hn) r (1 - r)
        dL/dh_{t-1} = direct_{t-1} + dh z + [dr, dz, dn r] W_hh^T
        """
        check_arrays(direct=(direct, way.hidden[1:].shape))
        h, da, dh, dn, dh_0 = way.hidden, way.gates, direct, way.extra, np.zeros_like(direct[0])
        loops.gru_backward(h, side_by_side(W_hh), dh, da, dn, dh_0)
        dW_hh = sum_of_products(h, da)
        da[2] = dn  # W_hn gets dn r, but x_t W_xn, which is not multiplied by r, gets dn
        return Gradients(da, dW_hh, hidden=dh, initial_hidden=dh_0)


class LSTM:
    """i_t, f_t, o_t = sigmoid(x_t W_x(i,f,o) + h_{t-1} W_h(i,f,o) + b_(i,f,o))    input, forget, output gate
    g_t = tanh(x_t W_xg + h_{t-1} W_hg + b_g)                                     candidate
    c_t = f_t * c_{t-1} + i_t * g_t,    h_t = o_t * tanh(c_t).

    Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gate); D2L, section 9.2.
    """

    name = "lstm"
    blocks = (4,)
    has_cell = True

    @staticmethod
    def step(share: Tensor, state: tuple[Tensor, Tensor], W_hh: Tensor) -> tuple[Tensor, Tensor]:
        """One time step.  share = x_t W_xh + b_h (4, B, H), state = (h, c), (B, H) each -> (h_t, c_t)."""
        h, c = state
        a_i, a_f, a_g, a_o = share + h @ W_hh
        c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
        return torch.sigmoid(a_o) * torch.tanh(c), c

    @staticmethod
    def forward(shares: Array, state: tuple[Array, Array], W_hh: Array, workspace: Workspace) -> Way:
        """T time steps.  shares = x_t W_xh + b_h for all t (4, T, B, H; overwritten), state = (h_0, c_0)."""
        _, T, B, H = shares.shape
        check_arrays(shares=(shares, (4, T, B, H)), W_hh=(W_hh, (4, H, H)))
        check_arrays(h_0=(state[0], (B, H)), c_0=(state[1], (B, H)))
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        c = workspace.empty("cell", (T + 1, B, H), W_hh.dtype)
        tanh_c = workspace.empty("tanh(c)", (T, B, H), W_hh.dtype)
        h[0], c[0] = state
        loops.lstm_forward(shares, W_hh.mT.reshape(-1, H), h, c, tanh_c)
        return Way(hidden=h, gates=shares, cell=c, extra=tanh_c)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array, direct_cell: Array | None = None) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): dL/dh_t by way of the logits of step t; becomes dL/dh_t.

        direct_cell (B, H): dL/dc_T by way of what comes after the last step; nothing, if the state is cut there.

        dc_t = dc_{t+1} f_{t+1} + dh_t o (1 - tanh(c_t)^2)
        da_i = dc g i (1 - i),  da_f = dc c_{t-1} f (1 - f),  da_g = dc i (1 - g^2),  da_o = dh tanh(c_t) o (1 - o)
        dL/dh_{t-1} = direct_{t-1} + [da_i, da_f, da_g, da_o] W_hh^T
        """
        _, B, H = way.hidden.shape
        dc = np.zeros((B, H), way.hidden.dtype) if direct_cell is None else direct_cell
        check_arrays(direct=(direct, way.hidden[1:].shape), direct_cell=(dc, (B, H)))
        h, da, dh, dh_0 = way.hidden, way.gates, direct, np.zeros_like(direct[0])
        loops.lstm_backward(way.cell, way.extra, side_by_side(W_hh), dh, da, dh_0, dc)
        return Gradients(da, sum_of_products(h, da), hidden=dh, initial_hidden=dh_0, initial_cell=dc)


Cell = type[RNN] | type[GRU] | type[LSTM]
CELLS: dict[str, Cell] = {cell.name: cell for cell in (RNN, GRU, LSTM)}


def check_arrays(**arrays: tuple[Array, tuple[int, ...]]) -> None:
    """Raise ValueError unless every array is NumPy's and of the shape beside it: compiled loops do not look."""
    for name, (array, shape) in arrays.items():
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f"{name} must be a NumPy array of shape {shape}; it is a {type(array).__name__} of shape "
                f"{np.shape(array)}."
            )


def side_by_side(W_hh: Array) -> Array:
    """The blocks of W_hh (blocks, H, H) side by side in memory, (H, blocks H)."""
    return W_hh.swapaxes(0, 1).reshape(W_hh.shape[1], -1)


def sum_of_products(h: Array, da: Array) -> Array:
    """dL/dW_hh = sum_t h_{t-1}^T da_t.  All steps share W_hh, so it is one product.

    h (T + 1, B, H): h_0 to h_T.  da (blocks, T, B, H): dL/d(h_{t-1} W_hh).
    """
    *blocks, T, B, H = da.shape
    return h[:-1].reshape(T * B, H).T @ da.reshape(*blocks, T * B, H)
