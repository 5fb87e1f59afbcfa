"""RNN, GRU and LSTM from scratch: forward over a whole sequence, and the hand-derived way back.

Before: compiled.py.  Next: models.py puts a cell between tokens and predictions.

Every cell is written twice.  `step` is the definition, on torch tensors: one time step, to read and to test against;
a GPU trains by it, with autograd.  `forward` and `backward` are the same mathematics over T steps, on NumPy arrays:
what trains on a CPU.  The work that need not wait for the step before is taken out of the loop: the input's share of
every pre-activation, x_t W_xh + b_h, is there before it starts, and the gradient of W_hh, which all steps share, is one
product after it ends.  What is left in the loop, a product with W_hh and a few operations on each unit, is compiled.

Shapes: T time steps, B batch size, V vocabulary size, H hidden size.  An RNN's weights are W_xh (V, H), W_hh (H, H)
and b_h (H).  A GRU stacks three of each (r, z, n) and an LSTM four (i, f, g, o), in PyTorch's order, in front:
W_hh (3, H, H), pre-activations (3, T, B, H), written (blocks, T, B, H) below.  For the one product of a step, the
loops get the blocks of W_hh side by side, (H, 3 H) or (H, 4 H).

All arrays lie in one piece in memory.  The passes write into a Workspace, because memory fresh from the operating
system costs up to a fifth of a step.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnlib.compiled import compiled, sigmoid, tanh

Array = Any  # a NumPy array


class Workspace:
    """Arrays by name, used again by the next pass as long as it asks for the same shape."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of this shape and dtype; its values are arbitrary."""
        array = self._arrays.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self._arrays[name] = np.zeros(shape, dtype)
        return array


class Way(NamedTuple):
    """What a forward pass over T steps leaves behind.  Its backward pass walks it the other way and uses it up.

    hidden (T + 1, B, H): h_0 to h_T.  gates (blocks, T, B, H): GRU r, z, n; LSTM i, f, g, o; the RNN has none.
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


# -------------------------------------------------------------------------------------------- RNN


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
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        h[0] = state
        rnn_forward(shares, W_hh.T.copy(), h)
        return Way(hidden=h, gates=shares)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        dL/dh_t = direct_t + da_{t+1} W_hh^T,    da_t = dL/dh_t * (1 - h_t^2)        (D2L, section 8.7)
        """
        h, dh, da, dh_0 = way.hidden, direct, way.gates, np.zeros_like(direct[0])
        rnn_backward(h, W_hh, dh, da, dh_0)
        return Gradients(da, sum_of_products(h, da), hidden=dh, initial_hidden=dh_0)


@compiled
def rnn_forward(shares: Array, W_hh_T: Array, h: Array) -> None:
    """Fill in h_1 to h_T (T + 1, B, H)."""
    T, B, H = shares.shape
    product = np.empty_like(h[0])
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            x, p, new = shares[t, b], product[b], h[t + 1, b]
            for j in range(H):
                new[j] = tanh(x[j] + p[j])


@compiled
def rnn_backward(h: Array, W_hh: Array, dh: Array, da: Array, dh_0: Array) -> None:
    """Add to dh (T, B, H) what comes back from later steps, and fill in da (T, B, H)."""
    T, B, H = dh.shape
    one = h.dtype.type(1)
    product = np.empty_like(dh_0)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            d, y, d_a = dh[t, b], h[t + 1, b], da[t, b]
            for j in range(H):
                d_a[j] = d[j] * (one - y[j] * y[j])
        multiply(da[t], W_hh, product)
        add(product, dh[t - 1] if t > 0 else dh_0)


# -------------------------------------------------------------------------------------------- GRU


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
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        h_n = workspace.empty("h W_hn", (T, B, H), W_hh.dtype)
        h[0] = state
        gru_forward(shares, W_hh.mT.reshape(-1, H), h, h_n)
        return Way(hidden=h, gates=shares, extra=h_n)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        dn = dh (1 - z)(1 - n^2),   dz = dh (h_{t-1} - n) z (1 - z),   dr = dn (h_{t-1} W_hn) r (1 - r)
        dL/dh_{t-1} = direct_{t-1} + dh z + [dr, dz, dn r] W_hh^T
        """
        h, da, dh, dn, dh_0 = way.hidden, way.gates, direct, way.extra, np.zeros_like(direct[0])
        gru_backward(h, side_by_side(W_hh), dh, da, dn, dh_0)
        dW_hh = sum_of_products(h, da)
        da[2] = dn  # W_hn gets dn r, but x_t W_xn, which is not multiplied by r, gets dn
        return Gradients(da, dW_hh, hidden=dh, initial_hidden=dh_0)


@compiled
def gru_forward(gates: Array, W_hh_T: Array, h: Array, h_n: Array) -> None:
    """Turn pre-activations into gates (3, T, B, H); fill in h_1 to h_T and h_n = h_{t-1} W_hn (T, B, H)."""
    T, B, H = h_n.shape
    product = np.empty((B, 3 * H), h.dtype)
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            r, z, n = gates[0, t, b], gates[1, t, b], gates[2, t, b]
            p_r, p_z, p_n = product[b, :H], product[b, H : 2 * H], product[b, 2 * H :]
            before, new, kept = h[t, b], h[t + 1, b], h_n[t, b]
            for j in range(H):
                r[j] = sigmoid(r[j] + p_r[j])
            for j in range(H):
                z[j] = sigmoid(z[j] + p_z[j])
            for j in range(H):
                kept[j] = p_n[j]
            for j in range(H):
                n[j] = tanh(n[j] + r[j] * p_n[j])
            for j in range(H):
                new[j] = n[j] + z[j] * (before[j] - n[j])


@compiled
def gru_backward(h: Array, W_hh: Array, dh: Array, gates: Array, h_n: Array, dh_0: Array) -> None:
    """Turn gates into dr, dz, dn r (3, T, B, H) and h_n into dn (T, B, H); add to dh what comes back."""
    T, B, H = dh.shape
    one = h.dtype.type(1)
    product, da = np.empty_like(dh_0), np.empty((B, 3 * H), h.dtype)
    for t in range(T - 1, -1, -1):
        dh_before = dh[t - 1] if t > 0 else dh_0
        for b in range(B):
            r, z, n, kept, before = gates[0, t, b], gates[1, t, b], gates[2, t, b], h_n[t, b], h[t, b]
            d, d_before, d_r, d_z, d_nr = dh[t, b], dh_before[b], da[b, :H], da[b, H : 2 * H], da[b, 2 * H :]
            for j in range(H):
                d_before[j] += d[j] * z[j]
            for j in range(H):
                d_z[j] = d[j] * (before[j] - n[j]) * z[j] * (one - z[j])
            for j in range(H):
                n[j] = d[j] * (one - z[j]) * (one - n[j] * n[j])  # the memory of n now holds dn
            for j in range(H):
                d_r[j] = n[j] * kept[j] * r[j] * (one - r[j])
            for j in range(H):
                d_nr[j] = n[j] * r[j]
            for j in range(H):
                kept[j] = n[j]
            keep(d_r, r)
            keep(d_z, z)
            keep(d_nr, n)
        multiply(da, W_hh, product)
        add(product, dh_before)


# ------------------------------------------------------------------------------------------- LSTM


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
        h = workspace.empty("hidden", (T + 1, B, H), W_hh.dtype)
        c = workspace.empty("cell", (T + 1, B, H), W_hh.dtype)
        tanh_c = workspace.empty("tanh(c)", (T, B, H), W_hh.dtype)
        h[0], c[0] = state
        lstm_forward(shares, W_hh.mT.reshape(-1, H), h, c, tanh_c)
        return Way(hidden=h, gates=shares, cell=c, extra=tanh_c)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array, direct_cell: Array | None = None) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        direct_cell (B, H): what comes after the last step says of c_T; nothing, if the state is cut there.

        dc_t = dc_{t+1} f_{t+1} + dh_t o (1 - tanh(c_t)^2)
        da_i = dc g i (1 - i),  da_f = dc c_{t-1} f (1 - f),  da_g = dc i (1 - g^2),  da_o = dh tanh(c_t) o (1 - o)
        dL/dh_{t-1} = direct_{t-1} + [da_i, da_f, da_g, da_o] W_hh^T
        """
        h, da, dh, dh_0 = way.hidden, way.gates, direct, np.zeros_like(direct[0])
        dc = np.zeros_like(dh_0) if direct_cell is None else direct_cell
        lstm_backward(way.cell, way.extra, side_by_side(W_hh), dh, da, dh_0, dc)
        return Gradients(da, sum_of_products(h, da), hidden=dh, initial_hidden=dh_0, initial_cell=dc)


@compiled
def lstm_forward(gates: Array, W_hh_T: Array, h: Array, c: Array, tanh_c: Array) -> None:
    """Turn pre-activations into gates (4, T, B, H); fill in h_1 to h_T, c_1 to c_T and tanh(c_1) to tanh(c_T)."""
    T, B, H = tanh_c.shape
    product = np.empty((B, 4 * H), h.dtype)
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            p_i, p_f, p_g, p_o = product[b, :H], product[b, H : 2 * H], product[b, 2 * H : 3 * H], product[b, 3 * H :]
            c_before, c_new, tanh_of_c, new = c[t, b], c[t + 1, b], tanh_c[t, b], h[t + 1, b]
            for j in range(H):
                i[j] = sigmoid(i[j] + p_i[j])
            for j in range(H):
                f[j] = sigmoid(f[j] + p_f[j])
            for j in range(H):
                g[j] = tanh(g[j] + p_g[j])
            for j in range(H):
                o[j] = sigmoid(o[j] + p_o[j])
            for j in range(H):
                c_new[j] = f[j] * c_before[j] + i[j] * g[j]
            for j in range(H):
                tanh_of_c[j] = tanh(c_new[j])
            for j in range(H):
                new[j] = o[j] * tanh_of_c[j]


@compiled
def lstm_backward(c: Array, tanh_c: Array, W_hh: Array, dh: Array, gates: Array, dh_0: Array, dc: Array) -> None:
    """Turn gates into da_i, da_f, da_g, da_o (4, T, B, H), dc = dL/dc_T into dL/dc_0; add to dh what comes back."""
    T, B, H = dh.shape
    one = c.dtype.type(1)
    product, da = np.empty_like(dh_0), np.empty((B, 4 * H), c.dtype)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            d_i, d_f, d_g, d_o = da[b, :H], da[b, H : 2 * H], da[b, 2 * H : 3 * H], da[b, 3 * H :]
            d, d_c, c_before, tanh_of_c = dh[t, b], dc[b], c[t, b], tanh_c[t, b]
            for j in range(H):
                d_c[j] += d[j] * o[j] * (one - tanh_of_c[j] * tanh_of_c[j])
            for j in range(H):
                d_i[j] = d_c[j] * g[j] * i[j] * (one - i[j])
            for j in range(H):
                d_f[j] = d_c[j] * c_before[j] * f[j] * (one - f[j])
            for j in range(H):
                d_g[j] = d_c[j] * i[j] * (one - g[j] * g[j])
            for j in range(H):
                d_o[j] = d[j] * tanh_of_c[j] * o[j] * (one - o[j])
            for j in range(H):
                d_c[j] *= f[j]
            keep(d_i, i)
            keep(d_f, f)
            keep(d_g, g)
            keep(d_o, o)
        multiply(da, W_hh, product)
        add(product, dh[t - 1] if t > 0 else dh_0)


# ----------------------------------------------------------------------------------- what they share

Cell = type[RNN] | type[GRU] | type[LSTM]
CELLS: dict[str, Cell] = {cell.name: cell for cell in (RNN, GRU, LSTM)}


@compiled
def multiply(x: Array, W_T: Array, product: Array) -> None:
    """product <- x W.  x (B, R), W^T (N, R), product (B, N).

    By way of its transpose, W^T x^T: with 16 rows in x, OpenBLAS 0.3.30 takes two thirds of the time for that without
    AVX-512.  It is turned back in tiles of 16 by 16.
    """
    B, N = product.shape
    columns = np.dot(W_T, x.T)
    for first in range(0, N, 16):
        for b in range(B):
            for q in range(first, min(first + 16, N)):
                product[b, q] = columns[q, b]


@compiled
def keep(values: Array, place: Array) -> None:
    """place <- values, (H,) each."""
    for j in range(len(place)):
        place[j] = values[j]


@compiled
def add(values: Array, place: Array) -> None:
    """place <- place + values, (B, H) each."""
    for b in range(len(place)):
        v, p = values[b], place[b]
        for j in range(len(p)):
            p[j] += v[j]


def side_by_side(W_hh: Array) -> Array:
    """The blocks of W_hh (blocks, H, H) side by side in memory, (H, blocks H)."""
    return W_hh.swapaxes(0, 1).reshape(W_hh.shape[1], -1)


def sum_of_products(h: Array, da: Array) -> Array:
    """dL/dW_hh = sum_t h_{t-1}^T da_t.  All steps share W_hh, so it is one product.

    h (T + 1, B, H): h_0 to h_T.  da (blocks, T, B, H): dL/d(h_{t-1} W_hh).
    """
    *blocks, T, B, H = da.shape
    return h[:-1].reshape(T * B, H).T @ da.reshape(*blocks, T * B, H)
