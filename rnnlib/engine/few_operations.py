"""Backpropagation on a GPU: models.backpropagate by few and large operations, of one network or of many side by side.

On a GPU an operation of this size takes some microseconds whatever it computes, so their number counts.  The gates
stand side by side in the last axis: one product does all the gates of a step.  The way back is linear in dL/dh_t; what
that is multiplied by, the slopes of the gates, is worked out for all steps at once before the loop.  One product after
the loop adds up dL/dW_hh over all steps.  Operations of a step, forward and back: RNN 2 + 2, GRU 5 + 3, LSTM 7 + 4.

Shapes: N networks, T time steps, B batch size, H hidden size, V vocabulary, G gates (1 for an RNN).  a (N, T, B, G H)
are pre-activations, which become the gates in place; h and c (N, T + 1, B, H) begin with the state before the first
step; dh (N, T, B, H) comes as dL/dh_t by way of the output of step t alone and becomes the total derivative.
No sum is added up in an order that differs from run to run.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlib.cells import GRU, LSTM, RNN, Cell, State
from rnnlib.models import Backpropagation, Weights


class FewOperations:
    """The numbers of models.backpropagate for one cell, on any device.  A call returns memory of its own."""

    def __init__(self, cell: Cell):
        self._loops = LOOPS[cell]

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """As models.backpropagate.  The numbers of tokens and targets are not looked at."""
        alone, its_state = Weights(*(weight[None] for weight in weights)), tuple(part[None] for part in state)
        loss, (gradient,), last, h, dh = self.side_by_side(alone, tokens, targets, its_state)
        assert h is not None and dh is not None
        return Backpropagation(loss[0], [gradient[0]], tuple(part[0] for part in last), h[0], dh[0])

    @torch.no_grad()
    def side_by_side(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """The same for N networks that read one minibatch; all but that has an axis for the networks in front.

        weights (N, ...) each; tokens, targets (T, B); state (N, B, H) each -> loss (N,), gradient (N, P), and so on.
        """
        (T, B), (N, H, V), loops = tokens.shape, weights.W_hq.shape, self._loops
        W_xh, W_hh = weights.W_xh.view(N, -1, V, H), weights.W_hh.view(N, -1, H, H)

        rows = W_xh + weights.b_h.view(N, -1, 1, H)  # x_t is one-hot: x_t W_xh + b_h is one of these V rows
        a = loops.beside(rows.unbind(1)).index_select(1, tokens.flatten()).view(N, T, B, -1)
        states = [part.new_empty(N, T + 1, B, H) for part in state]
        for all_steps, first in zip(states, state, strict=True):
            all_steps[:, 0] = first
        loops.forward(a, states, W_hh)

        h = states[0]
        every_h = h[:, 1:].flatten(1, 2)
        logits = torch.baddbmm(weights.b_q[:, None], every_h, weights.W_hq)
        loss, d_logits = _softmax_cross_entropy(logits, targets.flatten())
        dh = torch.bmm(d_logits, weights.W_hq.mT).view(N, T, B, H)

        for_h, for_x = loops.backward(a, states, W_hh, dh)
        gradient, d = _in_one_vector(weights)
        d_W_hh = torch.bmm(h[:, :-1].flatten(1, 2).mT, for_h.flatten(1, 2).flatten(2))
        d.W_hh.view(N, -1, H, H).copy_(d_W_hh.view(N, H, -1, H).movedim(2, 1))
        x = _one_hot(tokens.flatten(), V, a.dtype)
        d_W_xh = torch.bmm(x.T.expand(N, V, T * B), for_x.flatten(1, 2).flatten(2))
        d.W_xh.view(N, -1, V, H).copy_(d_W_xh.view(N, V, -1, H).movedim(2, 1))
        torch.sum(d.W_xh, -2, out=d.b_h)  # every token picks one row
        torch.bmm(every_h.mT, d_logits, out=d.W_hq)
        torch.sum(d_logits, 1, out=d.b_q)
        last = tuple(all_steps[:, -1] for all_steps in states)
        return Backpropagation(loss, [gradient], last, h[:, 1:], dh)


# ----------------------------------------------------------------------------------------- the cells


class RNNLoops:
    """h_t = tanh(a_t)."""

    @staticmethod
    def beside(gates: Sequence[Tensor]) -> Tensor:
        """Rows (N, V, H) of each gate -> (N, V, G H), as the loops have them side by side."""
        return torch.cat(list(gates), dim=-1)

    @staticmethod
    def forward(a: Tensor, states: list[Tensor], W_hh: Tensor) -> None:
        """W_hh (N, G, H, H).  Fills the states in."""
        (h,), W = states, W_hh[:, 0]
        for t in range(a.shape[1]):
            torch.tanh(a[:, t].baddbmm_(h[:, t], W), out=h[:, t + 1])

    @staticmethod
    def backward(a: Tensor, states: list[Tensor], W_hh: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
        """Completes dh -> the gradients of h_{t-1} W_hh and of x_t W_xh, (N, T, B, G, H) each."""
        (h,), W = states, W_hh[:, 0].mT
        slope = 1 - h[:, 1:] ** 2
        for t in reversed(range(a.shape[1])):
            torch.mul(dh[:, t], slope[:, t], out=a[:, t])
            if t:
                dh[:, t - 1].baddbmm_(a[:, t], W)
        return a[:, :, :, None], a[:, :, :, None]


class GRULoops:
    """r, z = sigmoid(a_r), sigmoid(a_z);  n = tanh(a_n + r (h_{t-1} W_hn));  h_t = n + z (h_{t-1} - n).

    Four blocks stand side by side: r, z, h_{t-1} W_hn and n.
    """

    @staticmethod
    def beside(gates: Sequence[Tensor]) -> Tensor:
        """The product h_{t-1} W_hn is added to nothing of the input's."""
        r, z, n = gates
        return torch.cat([r, z, torch.zeros_like(n), n], dim=-1)

    @staticmethod
    def forward(a: Tensor, states: list[Tensor], W_hh: Tensor) -> None:
        """As RNNLoops.forward."""
        (h,), W, H = states, torch.cat(W_hh.unbind(1), dim=-1), W_hh.shape[-1]
        for t in range(a.shape[1]):
            a[:, t, :, : 3 * H].baddbmm_(h[:, t], W)
            a[:, t, :, : 2 * H].sigmoid_()
            r, z, h_n, n = a[:, t].chunk(4, dim=-1)
            n.addcmul_(r, h_n).tanh_()
            torch.lerp(n, h[:, t], z, out=h[:, t + 1])

    @staticmethod
    def backward(a: Tensor, states: list[Tensor], W_hh: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
        """As RNNLoops.backward."""
        (h,), W = states, torch.cat(W_hh.unbind(1), dim=-1).mT
        r, z, h_n, n = a.chunk(4, dim=-1)
        of_n = (1 - z) * (1 - n**2)
        of_r, of_z = of_n * h_n * r * (1 - r), (h[:, :-1] - n) * z * (1 - z)
        slopes = torch.stack([of_r, of_z, of_n * r, of_n], dim=3)  # the third block is the gradient of h_{t-1} W_hn
        da = torch.empty_like(slopes)
        for t in reversed(range(a.shape[1])):
            torch.mul(dh[:, t, :, None], slopes[:, t], out=da[:, t])
            if t:
                dh[:, t - 1].addcmul_(dh[:, t], z[:, t]).baddbmm_(da[:, t, :, :3].flatten(2), W)
        return da[:, :, :, :3], torch.cat([da[:, :, :, :2], da[:, :, :, 3:]], dim=3)


class LSTMLoops:
    """i, f, o = sigmoid(a_i), ...;  g = tanh(a_g);  c_t = f c_{t-1} + i g;  h_t = o tanh(c_t).

    Forward g stands first, so that the three sigmoids are side by side; on the way back all stand as in PyTorch.
    """

    @staticmethod
    def beside(gates: Sequence[Tensor]) -> Tensor:
        """In the order g, i, f, o."""
        i, f, g, o = gates
        return torch.cat([g, i, f, o], dim=-1)

    @staticmethod
    def forward(a: Tensor, states: list[Tensor], W_hh: Tensor) -> None:
        """As RNNLoops.forward."""
        (h, c), W, H = states, LSTMLoops.beside(W_hh.unbind(1)), W_hh.shape[-1]
        for t in range(a.shape[1]):
            a[:, t].baddbmm_(h[:, t], W)
            a[:, t, :, :H].tanh_()
            a[:, t, :, H:].sigmoid_()
            g, i, f, o = a[:, t].chunk(4, dim=-1)
            torch.mul(f, c[:, t], out=c[:, t + 1]).addcmul_(i, g)
            torch.tanh(c[:, t + 1], out=h[:, t + 1]).mul_(o)

    @staticmethod
    def backward(a: Tensor, states: list[Tensor], W_hh: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
        """As RNNLoops.backward."""
        (_, c), W = states, torch.cat(W_hh.unbind(1), dim=-1).mT
        g, i, f, o = a.chunk(4, dim=-1)
        tanh_c = c[:, 1:].tanh()
        to_c, of_o = o * (1 - tanh_c**2), tanh_c * o * (1 - o)
        slopes = torch.stack([f, g * i * (1 - i), c[:, :-1] * f * (1 - f), i * (1 - g**2)], dim=3)
        da = a.new_empty(*dh.shape[:3], 5, dh.shape[-1])  # dL/dc_{t-1}, then i, f, g, o
        dc = torch.zeros_like(c[:, 0])
        for t in reversed(range(a.shape[1])):
            torch.mul(dc.addcmul_(dh[:, t], to_c[:, t])[:, :, None], slopes[:, t], out=da[:, t, :, :4])
            torch.mul(dh[:, t], of_o[:, t], out=da[:, t, :, 4])
            dc = da[:, t, :, 0]
            if t:
                dh[:, t - 1].baddbmm_(da[:, t, :, 1:].flatten(2), W)
        return da[:, :, :, 1:], da[:, :, :, 1:]


LOOPS: dict[Cell, type[RNNLoops] | type[GRULoops] | type[LSTMLoops]] = {RNN: RNNLoops, GRU: GRULoops, LSTM: LSTMLoops}


# ------------------------------------------------------------------------------- around the cells


def _softmax_cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """logits (N, T B, V), which become their own gradient; targets (T B,) -> the losses (N,), and that gradient."""
    target = targets[None, :, None].expand(len(logits), -1, -1)
    log_probabilities = torch.log_softmax(logits, dim=-1)
    loss = (log_probabilities.gather(-1, target) / -len(targets)).sum((1, 2))  # in this order no large sum overflows
    minus_one = logits.new_full((), -1.0).expand(target.shape)
    return loss, log_probabilities.exp_().scatter_add_(-1, target, minus_one).div_(len(targets))


def _one_hot(tokens: Tensor, vocab_size: int, dtype: torch.dtype) -> Tensor:
    """tokens (n,) -> (n, V)."""
    return torch.zeros(len(tokens), vocab_size, dtype=dtype, device=tokens.device).scatter_(1, tokens[:, None], 1.0)


def _in_one_vector(weights: Weights) -> tuple[Tensor, Weights]:
    """Room for the gradients of weights (N, ...): vectors (N, P), and views of them with the weights' names."""
    sizes = [math.prod(weight.shape[1:]) for weight in weights]
    vector = weights.b_q.new_empty(len(weights.b_q), sum(sizes))
    places = zip(itertools.pairwise(itertools.accumulate(sizes, initial=0)), weights, strict=True)
    return vector, Weights(*(vector[:, a:b].unflatten(1, weight.shape[1:]) for (a, b), weight in places))
