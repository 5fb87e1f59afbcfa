"""The checks of notebook 02: one step of an RNN, a sequence with its state carried, two steps unrolled by hand.

Before: introduction.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnnlib.checks import answers
from rnnlib.checks.answers import rnn_step as step
from rnnlib.checks.verdict import Verdict, check_function

Function = Callable[..., Any]
SIZES = ((3, 5, 4), (1, 2, 6), (2, 1, 3))  # B, V, H


def _weights(generator: torch.Generator, V: int, H: int) -> tuple[Tensor, Tensor, Tensor]:
    """W_xh (V, H), W_hh (H, H), b_h (H)."""
    return tuple(torch.randn(*shape, generator=generator) for shape in ((V, H), (H, H), (H,)))  # type: ignore[return-value]


def rnn_step(function: Function) -> Verdict:
    """Check function(x (B, V), h (B, H), W_xh, W_hh, b_h) -> the next state (B, H)."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.randn(B, V, generator=generator), torch.randn(B, H, generator=generator), *_weights(generator, V, H))
        for B, V, H in SIZES
    ]
    mistakes: dict[str, Function] = {
        "the tanh is missing: this is the sum before it.": lambda x, h, W_xh, W_hh, b: x @ W_xh + h @ W_hh + b,
        "the bias b_h is missing.": lambda x, h, W_xh, W_hh, b: torch.tanh(x @ W_xh + h @ W_hh),
        "W_hh is transposed; with states as rows the product is h @ W_hh.": lambda x, h, W_xh, W_hh, b: step(
            x, h, W_xh, W_hh.T, b
        ),
        "the state h is not used: this step remembers nothing.": lambda x, h, W_xh, W_hh, b: torch.tanh(x @ W_xh + b),
        "the tanh was taken of each part; it is one tanh, of the sum.": lambda x, h, W_xh, W_hh, b: (
            torch.tanh(x @ W_xh) + torch.tanh(h @ W_hh + b)
        ),
        "this is a sigmoid; the cell of this notebook has a tanh.": lambda x, h, W_xh, W_hh, b: torch.sigmoid(
            x @ W_xh + h @ W_hh + b
        ),
    }
    return check_function(
        "rnn_step",
        function,
        answer=answers.rnn_step,
        mistakes=mistakes,
        inputs=inputs,
        results=["the state"],
        praise="one time step, for any batch size, vocabulary and number of hidden units.",
        hint="Two matrix products, `x @ W_xh` and `h @ W_hh`, and `b_h`; then one `torch.tanh` of their sum.",
    )


def rnn_forward(function: Function) -> Verdict:
    """Check function(xs (T, B, V), h (B, H), W_xh, W_hh, b_h) -> all states (T, B, H) and the last one (B, H)."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.randn(T, B, V, generator=generator), torch.randn(B, H, generator=generator), *_weights(generator, V, H))
        for T, (B, V, H) in zip((4, 1, 3), SIZES, strict=True)
    ]

    right = answers.rnn_forward

    def from_zero(xs: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        return right(xs, torch.zeros_like(h), *weights)

    def never_carried(xs: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        states = [step(x, h, *weights) for x in xs]
        return torch.stack(states), states[-1]

    def one_early(xs: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        states, last = right(xs, h, *weights)
        return torch.cat([h[None], states[:-1]]), last

    mistakes: dict[str, Function] = {
        "the state given was not used: the first step began with zeros, so nothing is carried from batch to batch.": (
            from_zero
        ),
        "every step began with the state given; it must begin with the one that the step before left.": never_carried,
        "the states are h_0 to h_{T-1}: keep each state after its step, not before.": one_early,
        "the state returned is the one that came in; return the one after the last step.": lambda xs, h, *w: (
            right(xs, h, *w)[0],
            h,
        ),
        "only the last state was kept; all T are needed, stacked.": lambda xs, h, *w: (right(xs, h, *w)[1],) * 2,
        "the batch comes first: (B, T, H); here time does: (T, B, H).": lambda xs, h, *w: (
            right(xs, h, *w)[0].transpose(0, 1),
            right(xs, h, *w)[1],
        ),
        "only one thing was returned; expected the states and the last one.": lambda *a: right(*a)[0],
    }
    return check_function(
        "rnn_forward",
        function,
        answer=answers.rnn_forward,
        mistakes=mistakes,
        inputs=inputs,
        results=["the states", "the last state"],
        praise="T steps from the state given, and the state to go on with.",
        hint=(
            "Keep a list. For each `x` in `xs`: `h = rnn_step(x, h, ...)`, append `h`. In the end `torch.stack` "
            "the list."
        ),
    )


def unrolled_twice(function: Function) -> Verdict:
    """Check function(x_1, x_2 (B, V), h_0 (B, H), W_xh, W_hh, b_h) -> h_2 (B, H), in one expression."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (*torch.randn(2, B, V, generator=generator), torch.randn(B, H, generator=generator), *_weights(generator, V, H))
        for B, V, H in SIZES
    ]

    def without_inner_tanh(x_1: Tensor, x_2: Tensor, h_0: Tensor, *w: Tensor) -> Tensor:
        W_xh, W_hh, b_h = w
        return step(x_2, x_1 @ W_xh + h_0 @ W_hh + b_h, *w)

    def without_inner_bias(x_1: Tensor, x_2: Tensor, h_0: Tensor, *w: Tensor) -> Tensor:
        W_xh, W_hh, _ = w
        return step(x_2, torch.tanh(x_1 @ W_xh + h_0 @ W_hh), *w)

    mistakes: dict[str, Function] = {
        "x_1 and x_2 are swapped: the inner step reads x_1.": lambda x_1, x_2, *rest: answers.unrolled_twice(
            x_2, x_1, *rest
        ),
        "the inner tanh is missing.": without_inner_tanh,
        "the inner step has no b_h; every step has it.": without_inner_bias,
        "this is h_1; go one step further.": lambda x_1, x_2, h_0, *w: step(x_1, h_0, *w),
        "the outer step begins with h_0; it must begin with h_1.": lambda x_1, x_2, h_0, *w: step(x_2, h_0, *w),
    }
    return check_function(
        "unrolled_twice",
        function,
        answer=answers.unrolled_twice,
        mistakes=mistakes,
        inputs=inputs,
        results=["h_2"],
        praise="the same three weights, twice.",
        hint=(
            "Write h_2 with h_1 in it: `torch.tanh(x_2 @ W_xh + h_1 @ W_hh + b_h)`. Then put the formula of h_1 in its "
            "place."
        ),
    )
