"""RNN, GRU and LSTM from scratch: forward over a whole sequence, and the hand-derived way back.

Before: baselines.py.  Next: models.py puts a cell between tokens and predictions.

Every cell is written twice.  `step` is the definition: one time step, to read and to test against.  `forward` and
`backward` are the same mathematics over T steps, with the work that need not wait for the step before taken out of
the loop: the input's share of every pre-activation, x_t W_xh + b_h, is there before it starts, and the gradient of
W_hh, which all steps share, is one product after it ends.

Shapes: T time steps, B batch size, V vocabulary size, H hidden size.  An RNN's weights are W_xh (V, H), W_hh (H, H)
and b_h (H).  A GRU stacks three of each (r, z, n) and an LSTM four (i, f, g, o), in PyTorch's order, in front:
W_hh (3, H, H), pre-activations (3, T, B, H), written (blocks, T, B, H) below.  So each gate lies in one piece in
memory, and `i, f, g, o = gates[:, t]` takes step t apart.

The loops accept NumPy arrays and torch tensors alike.  On a CPU they are given NumPy's, whose small products and
tanh take less time than torch's (bench/RESULTS.md has the figures); on a GPU torch's.  They write into a Workspace,
because memory fresh from the operating system costs up to a fifth of a step.
"""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor

Array = Any  # a NumPy array or a torch tensor


class Workspace:
    """Arrays by name, used again by the next pass as long as it asks for the same shape."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def empty(self, name: str, shape: tuple[int, ...], like: Array) -> Array:
        """An array of this shape, of the library, dtype and device of `like`; its values are arbitrary."""
        array = self._arrays.get(name)
        if array is None or tuple(array.shape) != shape or array.dtype != like.dtype:
            library = array_library(like)
            array = self._arrays[name] = library.zeros(shape, dtype=like.dtype, device=like.device)
        return array


def array_library(array: Array) -> ModuleType:
    """The library that an array belongs to: torch or numpy."""
    return torch if isinstance(array, Tensor) else numpy


class Way(NamedTuple):
    """What a forward pass over T steps leaves behind.  Its backward pass walks it the other way and uses it up.

    hidden (T + 1, B, H): h_0 to h_T.  gates (blocks, T, B, H): GRU r, z, n; LSTM i, f, g, o; the RNN has none.
    cell (T + 1, B, H): LSTM, c_0 to c_T.  extra (T, B, H): GRU h_{t-1} W_hn; LSTM tanh(c_t).
    """

    hidden: Array
    gates: Array
    cell: Array = None
    extra: Array = None


class Gradients(NamedTuple):
    """What a backward pass gives.

    inputs (blocks, T, B, H): dL/d(x_t W_xh + b_h).  W_hh: as W_hh.  hidden (T, B, H): the total derivatives
    dL/dh_1 to dL/dh_T.  initial_hidden (B, H): dL/dh_0; initial_cell: dL/dc_0 (LSTM).
    """

    inputs: Array
    W_hh: Array
    hidden: Array
    initial_hidden: Array
    initial_cell: Array = None


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
        library, (T, B, H) = array_library(W_hh), shares.shape
        h = workspace.empty("hidden", (T + 1, B, H), W_hh)
        product = workspace.empty("h W_hh", (B, H), W_hh)
        W_columns, product_columns = in_columns(W_hh, B), in_columns(product, B)
        h[0] = state
        for before, new, share in zip(h[:-1], h[1:], shares, strict=True):
            library.matmul(before, W_columns, out=product_columns)
            library.add(product, share, out=new)
            library.tanh(new, out=new)
        return Way(hidden=h, gates=shares)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        dL/dh_t = direct_t + da_{t+1} W_hh^T,    da_t = dL/dh_t * (1 - h_t^2)        (D2L, section 8.7)
        """
        library, h, dh, da, B = array_library(W_hh), way.hidden, direct, way.gates, direct.shape[1]
        dh_0 = library.zeros_like(dh[0])
        passed_back = library.empty_like(dh_0)
        W_columns, back_columns = in_columns(transposed(W_hh), B), in_columns(passed_back, B)
        library.multiply(h[1:], h[1:], out=da)
        da *= -1
        da += 1  # tanh'(a_t) = 1 - h_t^2 for all t at once
        for da_t, dh_t, dh_before in last_step_first(da, dh, (dh_0, *dh[:-1])):
            da_t *= dh_t
            library.matmul(da_t, W_columns, out=back_columns)
            dh_before += passed_back
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
        library, (_, T, B, H) = array_library(W_hh), shares.shape
        h = workspace.empty("hidden", (T + 1, B, H), W_hh)
        h_n = workspace.empty("h W_hn", (T, B, H), W_hh)
        product = workspace.empty("h W_hh", (3, B, H), W_hh)
        W_columns, product_columns = in_columns(W_hh, B), in_columns(product, B)
        product_gates, product_n = product[:2], product[2]
        h[0] = state
        steps = zip(h[:-1], h[1:], shares[:2].swapaxes(0, 1), *shares, h_n, strict=True)
        for before, new, gates, r, z, n, kept in steps:
            library.matmul(before, W_columns, out=product_columns)
            gates += product_gates
            sigmoid_in_place(gates)
            kept[:] = product_n
            n += r * kept
            library.tanh(n, out=n)
            library.subtract(before, n, out=new)
            new *= z
            new += n  # h_t = n + z (h_{t-1} - n)
        return Way(hidden=h, gates=shares, extra=h_n)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        dn = dh (1 - z)(1 - n^2),   dz = dh (h_{t-1} - n) z (1 - z),   dr = dn (h_{t-1} W_hn) r (1 - r)
        dL/dh_{t-1} = direct_{t-1} + dh z + [dr, dz, dn r] W_hh^T
        """
        library, h, da, dh, B = array_library(W_hh), way.hidden, way.gates, direct, direct.shape[1]
        (r, z, n), h_n = da, way.extra
        # what need not wait for dh, for all t at once
        dr_of_dn = h_n * r * (1 - r)
        dz_of_dh = (h[:-1] - n) * z * (1 - z)
        dn_of_dh = (1 - z) * (1 - n * n)
        dn, dh_0 = h_n, library.zeros_like(dh[0])  # h_n is not needed any more: its memory takes dn
        passed_back = library.empty_like(da[:, 0])
        W_columns, back_columns = in_columns(transposed(W_hh), B), in_columns(passed_back, B)
        steps = last_step_first(da.swapaxes(0, 1), *da, dn, dh, (dh_0, *dh[:-1]), dr_of_dn, dz_of_dh, dn_of_dh)
        for gates, r_t, z_t, n_t, dn_t, dh_t, dh_before, r_factor, z_factor, n_factor in steps:
            dh_before += dh_t * z_t
            library.multiply(dh_t, n_factor, out=dn_t)
            library.multiply(dh_t, z_factor, out=z_t)
            library.multiply(dn_t, r_t, out=n_t)
            library.multiply(dn_t, r_factor, out=r_t)  # the gates' memory now holds dr, dz, dn r
            library.matmul(gates, W_columns, out=back_columns)
            dh_before += passed_back.sum(0)
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
        library, (_, T, B, H) = array_library(W_hh), shares.shape
        h = workspace.empty("hidden", (T + 1, B, H), W_hh)
        c = workspace.empty("cell", (T + 1, B, H), W_hh)
        tanh_c = workspace.empty("tanh(c)", (T, B, H), W_hh)
        product = workspace.empty("h W_hh", (4, B, H), W_hh)
        # sigmoid(a) = 1/2 tanh(a/2) + 1/2: scaled by 1/2 for i, f, o and by 1 for g, one tanh serves all four
        scale = library.full_like(product[:, :1, :1], 0.5)
        scale[2] = 1
        offset = 1 - scale
        W_columns, product_columns = in_columns(W_hh * scale, B), in_columns(product, B)
        shares *= scale[:, None]
        h[0], c[0] = state
        steps = zip(shares.swapaxes(0, 1), *shares, h[:-1], h[1:], c[:-1], c[1:], tanh_c, strict=True)
        for gates, i, f, g, o, before, new, cell_before, new_cell, tanh_of_cell in steps:
            library.matmul(before, W_columns, out=product_columns)
            gates += product
            library.tanh(gates, out=gates)
            gates *= scale
            gates += offset
            library.multiply(f, cell_before, out=new_cell)
            new_cell += i * g
            library.tanh(new_cell, out=tanh_of_cell)
            library.multiply(o, tanh_of_cell, out=new)
        return Way(hidden=h, gates=shares, cell=c, extra=tanh_c)

    @staticmethod
    def backward(way: Way, direct: Array, W_hh: Array, direct_cell: Array | None = None) -> Gradients:
        """Backpropagation through time.  direct (T, B, H): what o_t alone says of h_t; becomes dL/dh_t.

        direct_cell (B, H): what comes after the last step says of c_T; nothing, if the state is cut there.

        dc_t = dc_{t+1} f_{t+1} + dh_t o (1 - tanh(c_t)^2)
        da_i = dc g i (1 - i),  da_f = dc c_{t-1} f (1 - f),  da_g = dc i (1 - g^2),  da_o = dh tanh(c_t) o (1 - o)
        dL/dh_{t-1} = direct_{t-1} + [da_i, da_f, da_g, da_o] W_hh^T
        """
        library, h, c, da, dh, B = array_library(W_hh), way.hidden, way.cell, way.gates, direct, direct.shape[1]
        (i, f, g, o), tanh_c = da, way.extra
        # what need not wait for dc and dh, for all t at once
        dc_of_dh = o * (1 - tanh_c * tanh_c)
        factors = library.stack([g * i * (1 - i), c[:-1] * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)])
        dc, dh_0 = library.zeros_like(dh[0]) if direct_cell is None else direct_cell, library.zeros_like(dh[0])
        passed_back = library.empty_like(da[:, 0])
        W_columns, back_columns = in_columns(transposed(W_hh), B), in_columns(passed_back, B)
        steps = last_step_first(da.swapaxes(0, 1), dh, (dh_0, *dh[:-1]), dc_of_dh, factors.swapaxes(0, 1))
        for gates, dh_t, dh_before, dc_factor, gate_factors in steps:
            dc += dh_t * dc_factor
            dc_before = dc * gates[1]
            library.multiply(gate_factors[:3], dc, out=gates[:3])
            library.multiply(gate_factors[3], dh_t, out=gates[3])  # the gates' memory now holds da_t
            dc = dc_before
            library.matmul(gates, W_columns, out=back_columns)
            dh_before += passed_back.sum(0)
        return Gradients(da, sum_of_products(h, da), hidden=dh, initial_hidden=dh_0, initial_cell=dc)


Cell = type[RNN] | type[GRU] | type[LSTM]
CELLS: dict[str, Cell] = {cell.name: cell for cell in (RNN, GRU, LSTM)}


def sigmoid_in_place(a: Array) -> None:
    """sigmoid(a) = 1/2 tanh(a/2) + 1/2, written over a; NumPy has a fast tanh and no sigmoid."""
    a *= 0.5
    array_library(a).tanh(a, out=a)
    a *= 0.5
    a += 0.5


def in_columns(matrices: Array, B: int) -> Array:
    """Matrices (..., R, H) as pieces of their columns, (pieces, ..., R, H / pieces): a view, for x W_hh with x (B, H).

    OpenBLAS, which multiplies for NumPy, uses W_hh as it lies in memory if a product has at most a million
    multiplications.  It copies W_hh before a larger one, which takes half as long again.  Whatever is small enough,
    and torch's, stays whole: (..., R, H).
    """
    *shape, H = matrices.shape
    pieces = 1
    while B * H * H / pieces > 1e6 and H % (2 * pieces) == 0:
        pieces *= 2
    if pieces == 1 or isinstance(matrices, Tensor):
        return matrices
    return numpy.moveaxis(matrices.reshape(*shape, pieces, H // pieces), -2, 0)


def sum_of_products(h: Array, da: Array) -> Array:
    """dL/dW_hh = sum_t h_{t-1}^T da_t.  All steps share W_hh, so it is one product.

    h (T + 1, B, H): h_0 to h_T.  da (blocks, T, B, H): dL/d(h_{t-1} W_hh).
    """
    *blocks, T, B, H = da.shape
    return h[:-1].reshape(T * B, H).T @ da.reshape(*blocks, T * B, H)


def transposed(W: Array) -> Array:
    """W^T (of each block), laid out in memory anew: T products with it repay the copy."""
    return W.mT.contiguous() if isinstance(W, Tensor) else W.mT.copy()


def last_step_first(*sequences: Iterable[Array]) -> Iterator[tuple[Array, ...]]:
    """What belongs to each time step side by side, from step T back to step 1."""
    return reversed(list(zip(*sequences, strict=True)))
