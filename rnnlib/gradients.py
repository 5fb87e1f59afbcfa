"""What to look at while a network learns: gradient norms over time, the gradient map, truncation, spectral radius.

Before: models.py.  Next: training.py turns gradients into learning.
"""

import itertools
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.cells import RNN, Workspace
from rnnlib.models import LanguageModel, State, native, parts


def norms_over_time(hidden_gradients: Sequence[Tensor]) -> Tensor:
    """|dL/dh_t| for every t, over the whole batch -> (T,).   D2L, section 8.7.

    hidden_gradients: dL/dh_1 to dL/dh_T in one or more pieces side by side along the batch, (T, rows, H) each.
    """
    of_pieces = torch.stack([torch.linalg.vector_norm(piece, dim=(1, 2)) for piece in hidden_gradients])
    return torch.linalg.vector_norm(of_pieces, dim=0)


def spectral_radius(matrix: Tensor) -> float:
    """The largest absolute eigenvalue of a square matrix (H, H), to about 1%.

    Gelfand's formula, radius = lim |W^k|^(1/k), with k = 2^10: ten matrix products instead of all eigenvalues.
    Raises ValueError if the matrix is not square; a matrix that is not finite has the radius nan.
    """
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a spectral radius needs a square matrix; this one has the shape {tuple(matrix.shape)}.")
    log_radius = 0.0
    power = matrix.detach().float()
    for squaring in range(11):
        power = power @ power if squaring else power
        norm = float(torch.linalg.matrix_norm(power))
        if norm == 0 or not math.isfinite(norm):
            return 0.0 if norm == 0 else math.nan
        log_radius += math.log(norm) / 2**squaring  # |W^(2^s)| is kept at 1, its logarithm here
        power = power / norm
    return math.exp(log_radius)


# --------------------------------------------------------------------------------------- gradient map


def gradient_map(model: LanguageModel, tokens: Tensor, targets: Tensor, state: State, *, cut_every: int = 0) -> Tensor:
    """|dL_t/dh_k|, the norm over the batch, for every pair of steps -> (T, T): row t, column k; 0 for k > t.

    L_t is the mean cross-entropy of step t alone.  tokens, targets (T, B) int64.  cut_every: the state is detached
    before every so many steps, so that no gradient passes there; 0 never detaches.   D2L, section 8.7.

    The text is copied T times along the batch, and copy t has no loss but L_t: one backward pass then gives all.
    """
    if cut_every < 0:
        raise ValueError(f"cut_every must be 0 (no cut) or a number of steps; it is {cut_every}.")
    T, B = tokens.shape
    with torch.no_grad():
        copies = [native(part.repeat(T, 1)) for part in parts(state)]
        shares = native(model.input_shares(tokens.repeat(1, T)))
        W_hh = native(model.weights.W_hh)
        way = model.cell.forward(shares, tuple(copies) if model.cell.has_cell else copies[0], W_hh, Workspace())
        hidden = torch.as_tensor(way.hidden)[1:].view(T, T, B, -1)  # step, copy, row of the batch, unit
        steps = torch.arange(T)
        of_own_loss = hidden[steps, steps]  # h_t of copy t, (T, B, H)
        W_hq, b_q = model.weights.W_hq.cpu(), model.weights.b_q.cpu()
        probabilities = torch.softmax(of_own_loss @ W_hq + b_q, dim=-1)
        d_logits = (probabilities - F.one_hot(targets.cpu(), model.vocab_size)) / B
        direct = torch.zeros_like(hidden)
        direct[steps, steps] = d_logits @ W_hq.T
        back = model.cell.backward(way, native(direct.view(T, T * B, -1)), W_hh)
        norms = torch.linalg.vector_norm(torch.as_tensor(back.hidden).view(T, T, -1), dim=-1).T  # row t, column k
        if cut_every:
            piece = steps // cut_every
            norms = norms * (piece[:, None] == piece[None, :])
    return norms


def main_plane(hidden: Tensor) -> Tensor:
    """Hidden states (N, H) as points (N, 2): their coordinates along the two directions in which they vary most.

    Principal component analysis.  Raises ValueError for fewer than two units.
    """
    if hidden.dim() != 2 or hidden.shape[1] < 2:
        raise ValueError(f"a plane needs hidden states (N, H) with H at least 2; these are {tuple(hidden.shape)}.")
    centered = hidden.detach() - hidden.detach().mean(0)
    _, _, directions = torch.linalg.svd(centered, full_matrices=False)
    if len(directions) < 2:
        directions = torch.cat([directions, torch.zeros_like(directions)])
    return centered @ directions[:2].T


# ----------------------------------------------------------------------------------------- truncation


class HeldMemory:
    """Counts what autograd holds for a way back, in a `with` block: `bytes` now, `most_bytes` at one moment.

    A tensor held by several operations counts once.  What is freed, by a backward pass or because nothing refers to
    its graph any more, counts no more.   PyTorch documentation, "Saved tensors".
    """

    def __init__(self) -> None:
        self.bytes = self.most_bytes = 0
        self._holders: Counter[int] = Counter()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: _Held(tensor, self), lambda held: held.tensor
        )

    def __enter__(self) -> "HeldMemory":
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)

    def hold(self, tensor: Tensor) -> None:
        """One operation more holds this tensor."""
        self._holders[tensor.data_ptr()] += 1
        if self._holders[tensor.data_ptr()] == 1:
            self.bytes += tensor.nbytes
            self.most_bytes = max(self.most_bytes, self.bytes)

    def let_go(self, tensor: Tensor) -> None:
        """One operation less holds it."""
        self._holders[tensor.data_ptr()] -= 1
        if self._holders[tensor.data_ptr()] == 0:
            self.bytes -= tensor.nbytes


class _Held:
    """A tensor as autograd keeps it; lives as long as the operation that needs it."""

    def __init__(self, tensor: Tensor, memory: HeldMemory):
        self.tensor, self._memory = tensor, memory
        memory.hold(tensor)

    def __del__(self) -> None:
        self._memory.let_go(self.tensor)


class Truncated(NamedTuple):
    """What one pass of (truncated) backpropagation through time gave and took.

    gradient: dL/dvector as far as it was followed, L the mean loss over all T B tokens.  bytes: the most memory that
    autograd held for a way back at one moment.  seconds: for the whole pass.
    """

    gradient: Tensor
    bytes: int
    seconds: float


def cut_after(num_steps: int, length: int) -> list[float]:
    """Factors of regular truncation for T = num_steps: 0 before every `length`-th step, 1 elsewhere."""
    if length < 1:
        raise ValueError(f"truncation needs a length of 1 or more; it is {length}.")
    return [0.0 if t and t % length == 0 else 1.0 for t in range(num_steps)]


def cut_at_random(num_steps: int, length: int, generator: torch.Generator) -> list[float]:
    """Factors of randomised truncation: 0 with probability 1/length, else 1 / (1 - 1/length), so 1 in the mean.

    Tallec and Ollivier 2017; D2L, section 8.7.  length: the mean number of steps between two cuts, at least 2.
    """
    if length < 2:
        raise ValueError(f"randomised truncation needs a mean length of at least 2; it is {length}.")
    keeps = torch.rand(num_steps, generator=generator) >= 1 / length
    return [1.0, *(length / (length - 1) if keep else 0.0 for keep in keeps[1:].tolist())]


def truncated_bptt(
    model: LanguageModel, tokens: Tensor, targets: Tensor, state: Tensor, factors: Sequence[float]
) -> Truncated:
    """Backpropagation through time by autograd, where the gradient from h_t to h_{t-1} is multiplied by factors[t].

    A factor 0 cuts: what came before goes its way back at once, and its memory is free.  tokens, targets (T, B);
    state (B, H); factors (T,).  The forward values never change.  Raises ValueError for another cell than the RNN.
    """
    if model.cell is not RNN:
        raise ValueError(f"truncation is shown for the RNN; this model's cell is {model.cell.name}.")
    T, started = len(tokens), time.perf_counter()
    cuts = [0, *(t for t in range(1, T) if factors[t] == 0), T]
    gradient, memory = torch.zeros_like(model.vector), HeldMemory()
    for first, last in itertools.pairwise(cuts):
        with memory:
            weights = model.weights
            shares = model.input_shares(tokens[first:last])
            h, hidden = state.detach(), []
            for t in range(first, last):
                if t > first:
                    h = h.detach() + factors[t] * (h - h.detach())  # the same value, its gradient times the factor
                h = RNN.step(shares[t - first], h, weights.W_hh)
                hidden.append(h)
            logits = torch.stack(hidden) @ weights.W_hq + weights.b_q
            loss = F.cross_entropy(logits.flatten(0, 1), targets[first:last].flatten(), reduction="sum")
        gradient += torch.autograd.grad(loss / tokens.numel(), model.vector)[0]
        state = h
    return Truncated(gradient, memory.most_bytes, time.perf_counter() - started)
