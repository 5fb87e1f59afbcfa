"""The second exercise of notebook 03: a gradient that is cut every k steps.

Before: backpropagation.py.  Next: carrying.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function


def _sequences_with_losses() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    cases: list[Case] = []
    for T, B, H, k in ((8, 2, 3, 3), (4, 1, 2, 1), (3, 2, 2, 5), (6, 1, 3, 2)):
        targets = torch.randn(T, B, H, generator=generator)

        def loss_of(t: int, h: Tensor, targets: Tensor = targets) -> Tensor:
            return F.mse_loss(h, targets[t], reduction="sum")

        xs, state = torch.randn(T, B, H, generator=generator), torch.randn(B, H, generator=generator)
        cases.append((f"T = {T}, k = {k}", (xs, state, torch.randn(H, H, generator=generator), loss_of, k)))
    return cases


def _gradient(
    xs: Tensor,
    h: Tensor,
    W_hh: Tensor,
    loss_of: Function,
    k: int,
    *,
    cuts: Callable[[int, int], Any],
    cut: Function = Tensor.detach,
    counted: Callable[[int, int], Any] = lambda T, k: range(T),
    scale: Callable[[int], float] = lambda T: 1.0,
    step: Function = lambda x, h, W: torch.tanh(x + h @ W),
    shown: Callable[[Tensor, Tensor], Tensor] = lambda before, after: after,
) -> Tensor:
    """dL/dW_hh.  cuts, counted: before which steps the state is cut, and which losses count, of T and k."""
    T, W = len(xs), W_hh.detach().requires_grad_()
    total = torch.zeros(())
    for t, x in enumerate(xs):
        if t in cuts(T, k):
            h = cut(h)
        before, h = h, step(x, h, W)
        if t in counted(T, k):
            total = total + scale(T) * loss_of(t, shown(before, h))
    return torch.autograd.grad(total, W)[0]


def _sliding(xs: Tensor, h: Tensor, W_hh: Tensor, loss_of: Function, k: int) -> Tensor:
    """dL/dW_hh with each loss reaching back over its own last k steps."""
    W, total, before = W_hh.detach().requires_grad_(), torch.zeros(()), [h]
    for t in range(len(xs)):
        state = before[max(0, t - k + 1)].detach()
        for x in xs[max(0, t - k + 1) : t + 1]:
            state = torch.tanh(x + state @ W)
        before.append(state)
        total = total + loss_of(t, state)
    return torch.autograd.grad(total, W)[0]


def _every(T: int, k: int) -> range:
    """Where the cuts belong."""
    return range(k, T, k)


def _cutting(cuts: Callable[[int, int], Any] = _every, **how: Any) -> Function:
    return lambda *arguments: _gradient(*arguments, cuts=cuts, **how)


truncated = Exercise(
    name="truncated",
    statement=(
        "function(xs (T, B, H), h (B, H), W_hh (H, H), loss_of, k) -> dL/dW_hh (H, H).  Step t, counted from 0: "
        "h = tanh(xs[t] + h W_hh), and its loss is loss_of(t, h), a number.  L is the sum over all T steps.  Before "
        "steps k, 2k, 3k, ... the state is detached."
    ),
    cases=_sequences_with_losses,
    results=["dL/dW_hh (H, H)"],
    answer=answers.truncated,
    mistakes={
        "nothing is cut: this is the whole gradient. (`h.detach()` gives a new tensor: `h = h.detach()`.)": _cutting(
            lambda T, k: ()
        ),
        "the state is set to zero at a cut; only its gradient is to go: detach it.": _cutting(cut=torch.zeros_like),
        "the state is set to zero at step 0 and at every cut; it begins with h, and is detached at a cut.": _cutting(
            lambda T, k: range(0, T, k), cut=torch.zeros_like
        ),
        "the state is detached at every step.": _cutting(lambda T, k: range(T)),
        "the cuts come one step late: after k + 1 steps, not k.": _cutting(lambda T, k: range(k + 1, T, k + 1)),
        "the cuts come one step late: before steps k + 1, 2k + 1 and so on.": _cutting(
            lambda T, k: range(1 if k == 1 else k + 1, T, k)
        ),
        "the cuts come one step early: before steps k - 1, 2k - 1 and so on.": _cutting(
            lambda T, k: range(max(k - 1, 0), T, k)
        ),
        "the cuts come before steps 1, k + 1, 2k + 1 and so on; they come before steps k, 2k and so on.": _cutting(
            lambda T, k: range(1, T, k)
        ),
        "the state was detached after its tanh, and its own loss lost with it; detach before the step.": _cutting(
            lambda T, k: range(k + 1, T, k), counted=lambda T, k: [t for t in range(T) if t == 0 or t % k]
        ),
        "the state was detached after its tanh, at step 0, too; detach before steps k, 2k and so on.": _cutting(
            lambda T, k: range(1, T, k), counted=lambda T, k: [t for t in range(T) if t % k]
        ),
        "each loss reaches back over its own last k steps; here the cuts stand still, before steps k, 2k and so on.": (
            _sliding
        ),
        "the last steps are missing: after the last whole piece of k steps there may be some more.": _cutting(
            counted=lambda T, k: range(T // k * k)
        ),
        "loss_of was given t counted anew from each cut; it is counted from the beginning.": (
            lambda xs, h, W_hh, loss_of, k: answers.truncated(xs, h, W_hh, lambda t, h: loss_of(t % k, h), k)
        ),
        "there is one cut, before step k; they go on every k steps.": _cutting(lambda T, k: (k,)),
        "there is one cut, k steps before the end; the cuts are counted from the beginning, every k steps.": _cutting(
            lambda T, k: (T - k,)
        ),
        "only the losses since the last cut count; every step has one.": _cutting(
            counted=lambda T, k: range((T - 1) // k * k, T)
        ),
        "only the loss of the last step counts; every step has one.": _cutting(counted=lambda T, k: (T - 1,)),
        "only the losses up to the first cut count; every step has one.": _cutting(
            counted=lambda T, k: range(min(k, T))
        ),
        "this is the mean over the steps; L is their sum.": _cutting(scale=lambda T: 1 / T),
        "the state given was not used: the first step began with zeros.": lambda xs, h, *rest: answers.truncated(
            xs, 0 * h, *rest
        ),
        "the tanh is missing: h = tanh(xs[t] + h @ W_hh).": _cutting(step=lambda x, h, W: x + h @ W),
        "W_hh is transposed in the step: h = tanh(xs[t] + h @ W_hh).": _cutting(
            step=lambda x, h, W: torch.tanh(x + h @ W.T)
        ),
        "the state was put back to the one given at each cut; it goes on with its values, detached.": (
            lambda xs, h, *rest: _gradient(xs, h, *rest, cuts=_every, cut=lambda now: h)
        ),
        "W_hh stands before h; states are rows: `h @ W_hh`.": lambda xs, h, W_hh, loss_of, k: W_hh @ h,
        "loss_of was given the state before its step; it takes the one after.": _cutting(
            shown=lambda before, after: before
        ),
        "this is W_hh itself; its gradient is in W_hh.grad after a `backward`.": lambda xs, h, W_hh, *rest: W_hh,
        "the gradient is transposed.": lambda *a: answers.truncated(*a).T,
        "the sign is wrong: this is the way down, and the gradient points up.": lambda *a: -answers.truncated(*a),
    },
    praise="each loss reaches back to the last cut, and no further.",
    hint=(
        "In the loop over t, before the step: `if t > 0 and t % k == 0: h = h.detach()`. Add up the losses, and "
        "ask `torch.autograd.grad(total, W_hh)` for the gradient."
    ),
)
