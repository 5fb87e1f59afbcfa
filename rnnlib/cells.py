"""RNN, GRU and LSTM from scratch: one time step, many of them, and the hand-derived way back.

Before: baselines.py.  Next: models.py puts a cell between tokens and predictions.

This file is the definition: plain torch, one line for each formula, on any device, in any precision.  `rnnlib/engine`
computes the same numbers faster and may be skipped; `tests/unit/test_engine.py` holds it against what stands here.

Shapes: T time steps, B batch size, H hidden size.  A state is a tuple of tensors (B, H): (h,), for an LSTM (h, c).
x_in = x_t W_xh + b_h is the input's part of a pre-activation, the sum that goes into a tanh or a sigmoid; it does not
depend on the state, so it is computed for all steps before the first one is made.  A GRU stacks three gates in front
(r, z, n), an LSTM four (i, f, g, o), in PyTorch's order: x_in (gates, T, B, H), W_hh (gates, H, H).  An RNN has no
gates, and no such axis.
"""

from typing import NamedTuple

import torch
from torch import Tensor, sigmoid, tanh

State = tuple[Tensor, ...]


class Gradients(NamedTuple):
    """What a backward pass gives.

    x_in: dL/dx_in, of its shape.  W_hh: dL/dW_hh, of its shape.  hidden (T, B, H): the total derivatives dL/dh_1 to
    dL/dh_T.  initial_state: dL/d(initial state).
    """

    x_in: Tensor
    W_hh: Tensor
    hidden: Tensor
    initial_state: State


class RNN:
    """h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h).   Elman 1990; D2L, section 9.4."""

    name, gates, state_size = "rnn", (), 1

    @staticmethod
    def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
        """One time step.  x_in (B, H), state (h_{t-1},), W_hh (H, H) -> (h_t,)."""
        (h,) = state
        return (tanh(x_in + h @ W_hh),)

    @staticmethod
    def backward(x_in: Tensor, states: list[State], W_hh: Tensor, direct: Tensor) -> Gradients:
        """Backpropagation through time.   D2L, section 9.7.

        states: 0 to T, as `unroll` gives them.  direct (T, B, H): dL/dh_t by way of the output of step t alone.
        """
        h = [h for (h,) in states]
        dh, dx, dW_hh = torch.empty_like(direct), torch.empty_like(x_in), torch.zeros_like(W_hh)
        later = torch.zeros_like(h[0])  # what h_t does to the loss by way of h_{t+1}: at the last step nothing
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + later  # the total derivative: directly, and by way of the next step
            da = dx[t] = dh[t] * (1 - h[t + 1] ** 2)  # through the tanh; h[t + 1] is the state after this step
            dW_hh += h[t].mT @ da  # every step shares W_hh, so their gradients add up
            later = da @ W_hh.mT  # back to h_{t-1}
        return Gradients(dx, dW_hh, dh, (later,))


class GRU:
    """r_t, z_t = sigmoid(x_t W_x(r,z) + h_{t-1} W_h(r,z) + b_(r,z))        reset and update gate
    n_t = tanh(x_t W_xn + b_n + r_t * (h_{t-1} W_hn))                       candidate
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}.

    Cho et al. 2014; D2L, section 10.2.  As in PyTorch and cuDNN the reset gate acts after the product with W_hn.
    """

    name, gates, state_size = "gru", (3,), 1

    @staticmethod
    def gates_of(x_in: Tensor, h: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x_in (3, B, H), h_{t-1} (B, H), W_hh (3, H, H) -> r, z, n and h_{t-1} W_hn, (B, H) each."""
        h_r, h_z, h_n = h @ W_hh
        r, z = sigmoid(x_in[0] + h_r), sigmoid(x_in[1] + h_z)
        return r, z, tanh(x_in[2] + r * h_n), h_n

    @staticmethod
    def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
        """One time step.  x_in (3, B, H), state (h_{t-1},), W_hh (3, H, H) -> (h_t,)."""
        (h,) = state
        _, z, n, _ = GRU.gates_of(x_in, h, W_hh)
        return ((1 - z) * n + z * h,)

    @staticmethod
    def backward(x_in: Tensor, states: list[State], W_hh: Tensor, direct: Tensor) -> Gradients:
        """Backpropagation through time, as RNN.backward."""
        h = [h for (h,) in states]
        dh, dx, dW_hh = torch.empty_like(direct), torch.empty_like(x_in), torch.zeros_like(W_hh)
        later = torch.zeros_like(h[0])
        for t in reversed(range(len(direct))):
            r, z, n, h_n = GRU.gates_of(x_in[:, t], h[t], W_hh)
            dh[t] = direct[t] + later
            dz = dh[t] * (h[t] - n) * z * (1 - z)
            dn = dh[t] * (1 - z) * (1 - n**2)
            dr = dn * h_n * r * (1 - r)
            dx[:, t] = torch.stack([dr, dz, dn])
            da = torch.stack([dr, dz, dn * r])  # dL/d(h_{t-1} W_hh): the reset gate stands before the candidate's
            dW_hh += h[t].mT @ da
            later = dh[t] * z + (da @ W_hh.mT).sum(0)
        return Gradients(dx, dW_hh, dh, (later,))


class LSTM:
    """i_t, f_t, o_t = sigmoid(x_t W_x(i,f,o) + h_{t-1} W_h(i,f,o) + b_(i,f,o))    input, forget, output gate
    g_t = tanh(x_t W_xg + h_{t-1} W_hg + b_g)                                     candidate
    c_t = f_t * c_{t-1} + i_t * g_t,    h_t = o_t * tanh(c_t).

    Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gate); D2L, section 10.1.
    """

    name, gates, state_size = "lstm", (4,), 2

    @staticmethod
    def gates_of(x_in: Tensor, h: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x_in (4, B, H), h_{t-1} (B, H), W_hh (4, H, H) -> i, f, g, o, (B, H) each."""
        a_i, a_f, a_g, a_o = x_in + h @ W_hh
        return sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)

    @staticmethod
    def step(x_in: Tensor, state: State, W_hh: Tensor) -> State:
        """One time step.  x_in (4, B, H), state (h_{t-1}, c_{t-1}), W_hh (4, H, H) -> (h_t, c_t)."""
        h, c = state
        i, f, g, o = LSTM.gates_of(x_in, h, W_hh)
        c = f * c + i * g
        return o * tanh(c), c

    @staticmethod
    def backward(x_in: Tensor, states: list[State], W_hh: Tensor, direct: Tensor) -> Gradients:
        """Backpropagation through time, as RNN.backward."""
        h, c = zip(*states, strict=True)
        dh, dx, dW_hh = torch.empty_like(direct), torch.empty_like(x_in), torch.zeros_like(W_hh)
        later, dc = torch.zeros_like(h[0]), torch.zeros_like(c[0])
        for t in reversed(range(len(direct))):
            i, f, g, o = LSTM.gates_of(x_in[:, t], h[t], W_hh)
            tanh_c = tanh(c[t + 1])
            dh[t] = direct[t] + later
            dc = dc + dh[t] * o * (1 - tanh_c**2)  # from c_{t+1}, and by way of h_t
            di, df, dg, do = dc * g, dc * c[t], dc * i, dh[t] * tanh_c
            da = torch.stack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
            dx[:, t] = da
            dW_hh += h[t].mT @ da
            later, dc = (da @ W_hh.mT).sum(0), dc * f
        return Gradients(dx, dW_hh, dh, (later, dc))


Cell = type[RNN] | type[GRU] | type[LSTM]
CELLS: dict[str, Cell] = {cell.name: cell for cell in (RNN, GRU, LSTM)}


def unroll(cell: Cell, x_in: Tensor, state: State, W_hh: Tensor) -> list[State]:
    """T time steps -> the states 0 to T.  x_in (gates, T, B, H), state: the one before the first step."""
    states = [state]
    for x_t in x_in.unbind(len(cell.gates)):
        states.append(cell.step(x_t, states[-1], W_hh))
    return states
