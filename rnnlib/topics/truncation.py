"""Full, truncated and randomised truncated backpropagation through time, and the memory that each of them holds."""

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.cells import RNN, State
from rnnlib.models import LanguageModel, detach, embed


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
    """Factors of randomised truncation: 0 with probability 1/length, else 1 / (1 - 1/length), so 1 on average.

    Tallec and Ollivier 2017; D2L, section 9.7.  length: the mean number of steps between two cuts, at least 2.
    """
    if length < 2:
        raise ValueError(f"randomised truncation needs a mean length of at least 2; it is {length}.")
    keeps = torch.rand(num_steps, generator=generator) >= 1 / length
    return [1.0, *(length / (length - 1) if keep else 0.0 for keep in keeps[1:].tolist())]


def truncated_bptt(
    model: LanguageModel, tokens: Tensor, targets: Tensor, state: State, factors: Sequence[float]
) -> Truncated:
    """Backpropagation through time by autograd, where the gradient from h_t to h_{t-1} is multiplied by factors[t].

    A factor 0 cuts: what came before goes its way back at once, and its memory is free.  tokens, targets (T, B);
    state ((B, H),); factors (T,).  The forward values never change.  Raises ValueError for another cell than the RNN.
    """
    if model.cell is not RNN:
        raise ValueError(f"truncation is shown for the RNN; this model's cell is {model.cell.name}.")
    T, started = len(tokens), time.perf_counter()
    cuts = [0, *(t for t in range(1, T) if factors[t] == 0), T]
    gradient, memory = torch.zeros_like(model.vector), HeldMemory()
    for first, last in itertools.pairwise(cuts):
        with memory, torch.enable_grad():
            W_xh, W_hh, b_h, W_hq, b_q = model.weights
            x_in = embed(tokens[first:last], W_xh, b_h)
            (h,), hidden = detach(state), []
            for t in range(first, last):
                if t > first:
                    h = h.detach() + factors[t] * (h - h.detach())  # the same value, its gradient times the factor
                (h,) = RNN.step(x_in[t - first], (h,), W_hh)
                hidden.append(h)
            logits = torch.stack(hidden) @ W_hq + b_q
            loss = (
                F.cross_entropy(logits.flatten(0, 1), targets[first:last].flatten(), reduction="sum") / tokens.numel()
            )
        gradient += torch.autograd.grad(loss, model.vector)[0]
        state = (h,)
    return Truncated(gradient, memory.most_bytes, time.perf_counter() - started)
