"""The first exercise of notebook 03: backpropagation through time.

Before: structure.py.  Next: truncation.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnnlib.cells import RNN, unroll
from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function


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
    from_direct: bool = False,
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
        da[t] = (direct if from_direct else dh)[t] * slope(h[t], h[t + 1])
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
        "only the last direct term goes back; each step adds its own: dh[t] = direct[t] + later.": (
            lambda h, direct, W_hh: _with()(h, torch.cat([0 * direct[:-1], direct[-1:]]), W_hh)
        ),
        "what comes from the step after is subtracted; it is added.": _with(pass_on=-1.0),
        "the tanh is left out on the way from h_{t+1} to h_t: pass on da, not dh.": _with(from_da=False),
        "da is made of direct[t]; it must be made of dh[t], in which the later steps are.": _with(from_direct=True),
        "the tanh is left out everywhere: da = dh * (1 - h**2).": _with(slope=lambda before, after: 1 + 0 * after),
        "tanh' is taken at h_{t-1}; it belongs to the state of the same step: h[t + 1] in this list.": _with(
            slope=lambda before, after: 1 - before**2
        ),
        "tanh' is 1 - h**2; this is 1 - h.": _with(slope=lambda before, after: 1 - after),
        "a bracket: tanh' is 1 - h**2; this is (1 - h)**2.": _with(slope=lambda before, after: (1 - after) ** 2),
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
        "dW_hh is made of the direct terms alone; da is dh, with the later steps in it, behind the tanh.": (
            lambda h, direct, W_hh: (answers.bptt(h, direct, W_hh)[0], _shared(h[:-1], direct * (1 - h[1:] ** 2)))
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
        "the loop reaches T; the T steps are 0 to T - 1: `reversed(range(len(direct)))`.": lambda h, direct, W_hh: (
            direct[len(h) - 1],
            W_hh,
        ),
        "two (B, H) were multiplied by `@`: `h[t].T @ da` for dW_hh, and `*` for the tanh.": lambda h, direct, W_hh: (
            direct,
            h[0] @ direct[0],
        ),
        "W_hh stands before da; gradients are rows, as states are: `da @ W_hh.T`.": lambda h, direct, W_hh: (
            direct,
            W_hh @ direct[0],
        ),
    },
    praise="term by term what cells.RNN.backward gives.",
    hint=(
        "Go through `t` in `reversed(range(T))` with `later`, at first zero: `dh[t] = direct[t] + later`, "
        "`da = dh[t] * (1 - h[t + 1] ** 2)`, `dW_hh += h[t].T @ da`, `later = da @ W_hh.T`."
    ),
)
