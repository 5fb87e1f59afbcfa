"""The exercises of notebook 02: one step of an RNN, a sequence with its state carried, two steps unrolled by hand.

Before: introduction.py.
"""

import torch
from torch import Tensor

from rnnlib.checks import answers
from rnnlib.checks.answers import rnn_step as step
from rnnlib.checks.exercise import Case, Exercise, Function

SIZES = ((3, 5, 4), (1, 2, 6), (2, 4, 4))  # B, V, H
WEIGHT = 0.3  # of this size, so that no tanh is near 1, where mistakes would hide


def _drawn(*first: int, number: int = 1) -> list[Case]:
    """number inputs (*first, B, V) each, the state (B, H), W_xh (V, H), W_hh (H, H), b_h (H,); first: for each size."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int, size: float = 1.0) -> Tensor:
        return size * torch.randn(*shape, generator=generator)

    cases: list[Case] = []
    for (B, V, H), T in zip(SIZES, first or (0, 0, 0), strict=True):
        inputs = [draw(T, B, V) if T else draw(B, V) for _ in range(number)]
        weights = [draw(*shape, size=WEIGHT) for shape in ((V, H), (H, H), (H,))]
        steps = f"T = {T}, " if T else ""
        cases.append((f"{steps}B = {B}, V = {V}, H = {H}", (*inputs, draw(B, H).tanh(), *weights)))
    return cases


NOTHING_REMEMBERED = "the state h is not used: nothing is remembered."
# A step that is wrong is wrong in all three exercises.
OF_A_STEP: dict[str, Function] = {
    "the tanh is missing: this is the sum before it.": lambda x, h, W, U, b: x @ W + h @ U + b,
    "the bias b_h is missing.": lambda x, h, W, U, b: step(x, h, W, U, 0 * b),
    "the bias was added after the tanh; it belongs into the sum before it.": lambda x, h, W, U, b: (
        torch.tanh(x @ W + h @ U) + b
    ),
    "W_hh is transposed; with states as rows the product is h @ W_hh.": lambda x, h, W, U, b: step(x, h, W, U.T, b),
    NOTHING_REMEMBERED: lambda x, h, W, U, b: step(x, 0 * h, W, U, b),
    "the input x is not used: nothing is read.": lambda x, h, W, U, b: step(0 * x, h, W, U, b),
    "the state was added as it is; it is multiplied by W_hh first.": lambda x, h, W, U, b: torch.tanh(x @ W + h + b),
    "the tanh was taken of each part; it is one tanh, of the sum.": lambda x, h, W, U, b: (
        torch.tanh(x @ W) + torch.tanh(h @ U + b)
    ),
    "the tanh was taken of each product; it is one tanh, of the whole sum.": lambda x, h, W, U, b: (
        torch.tanh(x @ W) + torch.tanh(h @ U) + b
    ),
    "only the part of the input went through the tanh; it is one tanh, of the sum.": lambda x, h, W, U, b: (
        torch.tanh(x @ W) + h @ U + b
    ),
    "only the part of the state went through the tanh; it is one tanh, of the sum.": lambda x, h, W, U, b: (
        x @ W + torch.tanh(h @ U + b)
    ),
    "the tanh was taken of each part, b_h too; it is one tanh, of the sum.": lambda x, h, W, U, b: (
        torch.tanh(x @ W) + torch.tanh(h @ U) + torch.tanh(b)
    ),
    "only b_h went through the tanh: put brackets around the whole sum.": lambda x, h, W, U, b: (
        x @ W + h @ U + b.tanh()
    ),
    "x and h were put side by side in another order than W_xh and W_hh.": lambda x, h, W, U, b: torch.tanh(
        torch.cat([h, x], 1) @ torch.cat([W, U]) + b
    ),
    "the tanh was taken twice.": lambda *a: torch.tanh(step(*a)),
    "this is a sigmoid; the cell of this notebook has a tanh.": lambda x, h, W, U, b: torch.sigmoid(x @ W + h @ U + b),
    "this is a ReLU; the cell of this notebook has a tanh.": lambda x, h, W, U, b: torch.relu(x @ W + h @ U + b),
    "the parts were multiplied with each other; they are added.": lambda x, h, W, U, b: torch.tanh(
        (x @ W) * (h @ U) + b
    ),
    "the old state was added to the new one; the new one replaces it.": lambda x, h, *w: h + step(x, h, *w),
    "the bias was subtracted; it is added.": lambda x, h, W, U, b: step(x, h, W, U, -b),
}

ROWS = "inputs and states are rows, which stand before the weights: `x @ W_xh`, `h @ W_hh`."
SWAPPED: dict[str, Function] = {  # these raise
    f"W_xh stands before x; {ROWS}": lambda x, h, W, U, b: W @ x,
    f"W_hh stands before h; {ROWS}": lambda x, h, W, U, b: U @ h,
}

rnn_step = Exercise(
    name="rnn_step",
    statement=(
        "function(x (B, V), h (B, H), W_xh (V, H), W_hh (H, H), b_h (H,)) -> the next state (B, H), "
        "tanh(x W_xh + h W_hh + b_h)."
    ),
    cases=_drawn,
    results=["the state (B, H)"],
    answer=answers.rnn_step,
    mistakes=OF_A_STEP | SWAPPED,
    praise="one time step, for any batch size, vocabulary and number of hidden units.",
    hint="Two matrix products, `x @ W_xh` and `h @ W_hh`, and `b_h`; then one `torch.tanh` of their sum.",
)


# ----------------------------------------------------------------------------------- rnn_forward


def _never_carried(xs: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
    return torch.stack([step(x, h, *weights) for x in xs])


def _one_early(xs: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    states, last = right(xs, h, *weights)
    return torch.cat([h[None], states[:-1]]), last


def _with(wrong_step: Function) -> Function:
    """Every step wrong in the same way."""

    def forward(xs: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        states = []
        for x in xs:
            h = wrong_step(x, h, *weights)
            states.append(h)
        return torch.stack(states), h

    return forward


right = answers.rnn_forward
rnn_forward = Exercise(
    name="rnn_forward",
    statement=(
        "function(xs (T, B, V), h (B, H), W_xh (V, H), W_hh (H, H), b_h (H,)) -> the states h_1 to h_T in one tensor "
        "(T, B, H), and the last of them (B, H).  h is the state before the first step."
    ),
    cases=lambda: _drawn(4, 1, 3),
    results=["the states (T, B, H)", "the last state (B, H)"],
    answer=right,
    mistakes={
        "the state given was not used: the first step began with zeros, so nothing is carried from batch to batch.": (
            lambda xs, h, *w: right(xs, 0 * h, *w)
        ),
        "every step began with the state given; it must begin with the one that the step before left.": (
            lambda *a: (_never_carried(*a), _never_carried(*a)[-1])
        ),
        "h never changes: every step began with the state given. Keep each new state in h: `h = torch.tanh(...)`.": (
            lambda xs, h, *w: (_never_carried(xs, h, *w), h)
        ),
        "it ends after the first step: does `return` stand inside the loop?": lambda xs, *a: right(xs[:1], *a),
        "the last step is missing: T inputs, T steps.": lambda xs, *a: right(xs[:-1], *a),
        "the first input was not read: T inputs, T steps.": lambda xs, *a: right(xs[1:], *a),
        "the loop begins with step 1; the first one is step 0: `range(len(xs))`.": lambda xs, h, *w: (
            torch.cat([0 * h[None], right(xs[1:], h, *w)[0]]),
            right(xs[1:], h, *w)[1],
        ),
        "every step read all of xs; step t reads xs[t].": lambda xs, h, *w: _with(step)(
            xs.expand(len(xs), *xs.shape), h, *w
        ),
        "every step read the first input; step t reads xs[t].": lambda xs, *a: right(xs[:1].expand_as(xs), *a),
        "the states are h_0 to h_{T-1}: keep each state after its step, not before.": _one_early,
        "the states are h_0 to h_T; the one that came in is none of them.": lambda xs, h, *w: (
            torch.cat([h[None], right(xs, h, *w)[0]]),
            right(xs, h, *w)[1],
        ),
        "the state returned is the one that came in; return the one after the last step.": lambda xs, h, *w: (
            right(xs, h, *w)[0],
            h,
        ),
        "the state returned is the first one; return the one after the last step.": lambda xs, h, *w: (
            right(xs, h, *w)[0],
            right(xs, h, *w)[0][0],
        ),
        "all states are the last one: one tensor was kept T times and changed in place. Make a new one each step.": (
            lambda *a: (right(*a)[1].expand_as(right(*a)[0]), right(*a)[1])
        ),
        "only the last state was kept; all T are needed, stacked.": lambda *a: (right(*a)[1],) * 2,
        "only the last state was kept: `append` belongs into the loop.": lambda *a: (right(*a)[1][None], right(*a)[1]),
        "the batch comes first: (B, T, H); here time does: (T, B, H).": lambda *a: (
            right(*a)[0].transpose(0, 1),
            right(*a)[1],
        ),
        "the states hang together in one long tensor (T B, H): `torch.stack`, not `torch.cat`.": lambda *a: (
            right(*a)[0].flatten(0, 1),
            right(*a)[1],
        ),
        "only one thing was returned; expected the states and the last one.": lambda *a: right(*a)[0],
        "the two are returned in the wrong order: first all states, then the last one.": lambda *a: right(*a)[::-1],
        "the sequence was read from its end.": lambda xs, h, *w: right(xs.flip(0), h, *w),
        "the loop goes through the rows of the batch; the first axis is time: `for x in xs`.": lambda xs, h, *w: right(
            xs.transpose(0, 1), h, *w
        ),
        **{said: _with(wrong) for said, wrong in (OF_A_STEP | SWAPPED).items()},
    },
    praise="T steps from the state given, and the state to go on with.",
    hint=(
        "Keep a list. For each `x` in `xs`: `h = rnn_step(x, h, ...)`, append `h`. In the end `torch.stack` the list."
    ),
)


# -------------------------------------------------------------------------------- unrolled twice


def _twice(inner: Function = step, outer: Function = step) -> Function:
    return lambda x_1, x_2, h, *w: outer(x_2, inner(x_1, h, *w), *w)


twice = answers.unrolled_twice
unrolled_twice = Exercise(
    name="unrolled_twice",
    statement=(
        "function(x_1 (B, V), x_2 (B, V), h_0 (B, H), W_xh (V, H), W_hh (H, H), b_h (H,)) -> h_2 (B, H), the state "
        "after two steps."
    ),
    cases=lambda: _drawn(number=2),
    results=["h_2 (B, H)"],
    answer=twice,
    mistakes={
        "x_1 and x_2 are swapped: the inner step reads x_1.": lambda x_1, x_2, *rest: twice(x_2, x_1, *rest),
        "a bracket: the inner tanh must end before `@ W_hh`, which multiplies all of it.": (
            lambda x_1, x_2, h, W, U, b: torch.tanh(x_2 @ W + torch.tanh((x_1 @ W + h @ U + b) @ U) + b)
        ),
        "a bracket: `@ W_hh` multiplies b_h alone, inside the inner tanh; it multiplies all of that tanh.": (
            lambda x_1, x_2, h, W, U, b: torch.tanh(x_2 @ W + torch.tanh(x_1 @ W + h @ U + b @ U) + b)
        ),
        "a bracket: the inner tanh ends before its b_h, so that W_hh multiplies b_h alone.": (
            lambda x_1, x_2, h, W, U, b: torch.tanh(x_2 @ W + torch.tanh(x_1 @ W + h @ U) + b @ U + b)
        ),
        "this is h_1; go one step further.": lambda x_1, x_2, h, *w: step(x_1, h, *w),
        "the outer step begins with h_0; it must begin with h_1.": lambda x_1, x_2, h, *w: step(x_2, h, *w),
        "both steps read x_2; the inner one reads x_1.": lambda x_1, x_2, h, *w: twice(x_2, x_2, h, *w),
        "both steps read x_1; the outer one reads x_2.": lambda x_1, x_2, h, *w: twice(x_1, x_1, h, *w),
        "h_1 was returned, too; h_2 alone is asked for.": lambda x_1, x_2, h, *w: (
            step(x_1, h, *w),
            twice(x_1, x_2, h, *w),
        ),
        **{said: _twice(wrong, wrong) for said, wrong in (OF_A_STEP | SWAPPED).items()},
        **{f"in the inner step: {said}": _twice(inner=wrong) for said, wrong in OF_A_STEP.items()},
        **{
            f"in the outer step: {said}": _twice(outer=wrong)
            for said, wrong in OF_A_STEP.items()
            if said != NOTHING_REMEMBERED
        },  # with it, what the inner step does is lost
    },
    praise="the same three weights, twice.",
    hint=(
        "Write h_2 with h_1 in it: `torch.tanh(x_2 @ W_xh + h_1 @ W_hh + b_h)`. Then put the formula of h_1 in "
        "its place."
    ),
)
