"""The exercises of notebook 03: backpropagation through time, and truncation.  carrying.py has the missing detach.

Before: structure.py.  Next: carrying.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.cells import RNN, unroll
from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function

# ------------------------------------------------------------------------------------------ bptt


def _states_and_direct_terms() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    cases: list[Case] = []
    for T, B, H in ((5, 3, 4), (1, 1, 3), (2, 1, 2)):
        W_hh = torch.randn(H, H, generator=generator)
        x_in = torch.randn(T, B, H, generator=generator)
        h = torch.stack([h for (h,) in unroll(RNN, x_in, (torch.randn(B, H, generator=generator).tanh(),), W_hh)])
        cases.append((f"T = {T}, B = {B}, H = {H}", (h, torch.randn(T, B, H, generator=generator), W_hh)))
    return cases


def _back(
    h: Tensor,
    direct: Tensor,
    W_back: Tensor,
    *,
    slope: Callable[[Tensor, Tensor], Tensor] = lambda before, after: 1 - after**2,
    pass_on: float = 1.0,
    from_da: bool = True,
    forwards: bool = False,
    steps: slice = slice(None),
    begins_with_last: bool = False,
    piles_up: bool = False,
) -> tuple[Tensor, Tensor]:
    """dh and da (T, B, H), with the switches by which the known mistakes differ."""
    dh, da = torch.zeros_like(direct), torch.zeros_like(direct)
    later = direct[-1] if begins_with_last else torch.zeros_like(direct[0])
    order = range(len(direct)) if forwards else range(len(direct) - 1, -1, -1)
    for t in order[steps]:
        dh[t] = direct[t] + later
        da[t] = dh[t] * slope(h[t], h[t + 1])
        later = piles_up * later + pass_on * (da[t] if from_da else dh[t]) @ W_back
    return dh, da


def _shared(h: Tensor, da: Tensor) -> Tensor:
    """The sum of all steps' shares of dW_hh."""
    return torch.einsum("tbi,tbj->ij", h, da)


def _with(**switches: Any) -> Function:
    def wrong(h: Tensor, direct: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor]:
        dh, da = _back(h, direct, W_hh.T, **switches)
        return dh, _shared(h[:-1], da)

    return wrong


def _untransposed(h: Tensor, direct: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor]:
    dh, da = _back(h, direct, W_hh)
    return dh, _shared(h[:-1], da)


def _weights_from(make: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Function:
    """dh as it must be, and dW_hh made of h (T + 1, B, H), dh and da."""

    def wrong(h: Tensor, direct: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor]:
        dh, da = _back(h, direct, W_hh.T)
        return dh, make(h, dh, da)

    return wrong


bptt = Exercise(
    name="bptt",
    statement=(
        "function(h (T + 1, B, H), direct (T, B, H), W_hh (H, H)) -> dh (T, B, H), dW_hh (H, H).  h: the states h_0 to "
        "h_T, of h_t = tanh(x_t + h_{t-1} W_hh); h[0] is h_0.  direct[t], counted from 0, belongs to h[t + 1]: it is "
        "the direct term, the partial derivative of L by h[t + 1].  dh[t]: the total derivative of L by h[t + 1].  "
        "dW_hh: that of L by W_hh, the sum over all T steps and B rows.  The arguments stay as they are."
    ),
    cases=_states_and_direct_terms,
    results=["dh (T, B, H)", "dW_hh (H, H)"],
    answer=answers.bptt,
    mistakes={
        "the gradient goes back through W_hh as it is; it must be W_hh.T.": _untransposed,
        "nothing comes from the step after: these are the direct terms alone.": _with(pass_on=0.0),
        "what comes from the step after is subtracted; it is added.": _with(pass_on=-1.0),
        "the tanh is left out on the way from h_{t+1} to h_t: pass on da, not dh.": _with(from_da=False),
        "the tanh is left out everywhere: da = dh * (1 - h**2).": _with(slope=lambda before, after: 1 + 0 * after),
        "tanh' is taken at h_{t-1}; it belongs to the state of the same step: h[t + 1] in this list.": _with(
            slope=lambda before, after: 1 - before**2
        ),
        "tanh' is 1 - h**2; this is 1 - h.": _with(slope=lambda before, after: 1 - after),
        "the slope is that of a sigmoid, h (1 - h); that of tanh is 1 - h**2.": _with(
            slope=lambda before, after: after * (1 - after)
        ),
        "the tanh was taken of h again; h is behind the tanh already: 1 - h**2.": _with(
            slope=lambda before, after: 1 - after.tanh() ** 2
        ),
        "`later` begins with the last direct term, which then counts twice; after the last step there is nothing: 0.": (
            _with(begins_with_last=True)
        ),
        "`later` adds up from step to step; each step replaces it: `later = da @ W_hh.T`.": _with(piles_up=True),
        "the loop runs forwards; the gradient comes from the last step: `reversed(range(T))`.": _with(forwards=True),
        "the loop does not reach t = 0: `reversed(range(T))`, or `range(T - 1, -1, -1)`.": _with(steps=slice(None, -1)),
        "the loop begins one step too early in time: the last step, T - 1, is left out.": _with(steps=slice(1, None)),
        "dW_hh is made of h_t; the weights multiplied h_{t-1}: h[:-1].": _weights_from(
            lambda h, dh, da: _shared(h[1:], da)
        ),
        "dW_hh has only the first step's share (the last one of your loop); all T add up.": _weights_from(
            lambda h, dh, da: _shared(h[:1], da[:1])
        ),
        "dW_hh has only the last step's share; all T add up.": _weights_from(
            lambda h, dh, da: _shared(h[-2:-1], da[-1:])
        ),
        "dW_hh is made of dh; it must be made of da, behind the tanh.": _weights_from(
            lambda h, dh, da: _shared(h[:-1], dh)
        ),
        "the two are returned in the wrong order: first dh, then dW_hh.": lambda *a: answers.bptt(*a)[::-1],
        "dW_hh is transposed.": _weights_from(lambda h, dh, da: _shared(h[:-1], da).T),
        "dW_hh is the mean over the steps; it is their sum.": _weights_from(
            lambda h, dh, da: _shared(h[:-1], da) / len(da)
        ),
        "dW_hh is the mean over the rows of the batch; it is their sum.": _weights_from(
            lambda h, dh, da: _shared(h[:-1], da) / da.shape[1]
        ),
        "dW_hh has the share of the first row alone; all B rows add up.": _weights_from(
            lambda h, dh, da: _shared(h[:-1, :1], da[:, :1])
        ),
        "the first thing is da, behind the tanh; dh is asked for.": lambda *a: (
            _back(a[0], a[1], a[2].T)[1],
            answers.bptt(*a)[1],
        ),
        "dh stands in the order in which the loop finds it; dh[t] belongs to step t: turn it round.": lambda *a: (
            answers.bptt(*a)[0].flip(0),
            answers.bptt(*a)[1],
        ),
    },
    praise="term by term what cells.RNN.backward gives.",
    hint=(
        "Go through `t` in `reversed(range(T))` with `later`, at first zero: `dh[t] = direct[t] + later`, "
        "`da = dh[t] * (1 - h[t + 1] ** 2)`, `dW_hh += h[t].T @ da`, `later = da @ W_hh.T`."
    ),
)


# ------------------------------------------------------------------------------------- truncated


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
) -> Tensor:
    """dL/dW_hh.  cuts, counted: before which steps the state is cut, and which losses count, of T and k."""
    T, W = len(xs), W_hh.detach().requires_grad_()
    total = torch.zeros(())
    for t, x in enumerate(xs):
        if t in cuts(T, k):
            h = cut(h)
        h = torch.tanh(x + h @ W)
        if t in counted(T, k):
            total = total + scale(T) * loss_of(t, h)
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
        "the gradient is transposed.": lambda *a: answers.truncated(*a).T,
        "the sign is wrong: this is the way down, and the gradient points up.": lambda *a: -answers.truncated(*a),
    },
    praise="each loss reaches back to the last cut, and no further.",
    hint=(
        "In the loop over t, before the step: `if t > 0 and t % k == 0: h = h.detach()`. Add up the losses, and "
        "ask `torch.autograd.grad(total, W_hh)` for the gradient."
    ),
)
