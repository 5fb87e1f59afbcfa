"""The checks of notebook 04: clipping by norm and by value, one step of an LSTM and of a GRU, three loops to repair.

Before: backpropagation.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.verdict import NOT_FILLED_IN, Verdict, check_function, verdict

Function = Callable[..., Any]


# ---------------------------------------------------------------------------------------- clipping


def _clipping_inputs() -> list[tuple[list[Tensor], float]]:
    """Gradients of several tensors: longer than the threshold, shorter, a single one, far too long."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shapes: tuple[int, ...], size: float = 1.0) -> list[Tensor]:
        return [size * torch.randn(*shape, generator=generator) for shape in shapes]

    return [
        (draw((3, 4), (4,), size=2.0), 1.0), (draw((2, 2), (3,), size=0.1), 5.0),
        (draw((5,)), 0.5), (draw((2, 3), (2,), size=1e4), 0.25),
    ]  # fmt: skip


def _changed(function: Function) -> Function:
    """The gradients after a function has worked on them in place, or what it returned instead."""

    def applied(gradients: list[Tensor], threshold: float) -> Any:
        before = [gradient.clone() for gradient in gradients]
        returned = function(gradients, threshold)
        if returned is ...:
            return ...
        untouched = all(torch.equal(a, b) for a, b in zip(before, gradients, strict=True))
        return list(returned) if untouched and isinstance(returned, list | tuple) else gradients

    return applied


def _scaled(gradients: list[Tensor], scale: Function) -> list[Tensor]:
    return [gradient * scale(gradient) for gradient in gradients]


def _global_norm(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients]).norm()


def clip_by_norm(function: Function) -> Verdict:
    """Check function(gradients, threshold), which shortens a list of tensors in place to a global norm."""
    mistakes: dict[str, Function] = {
        "each tensor was clipped alone, so the direction changes; one norm, of all together.": lambda g, c: _scaled(
            g, lambda one: min(1.0, c / float(one.norm()))
        ),
        "short gradients were made longer: scale by at most 1.": lambda g, c: _scaled(
            g, lambda _: c / float(_global_norm(g))
        ),
        "this is clipping by value; the direction changes.": lambda g, c: [one.clamp(-c, c) for one in g],
        "the norm was not squared, or its root not taken: divided by the sum of squares.": lambda g, c: _scaled(
            g, lambda _: min(1.0, c / float(_global_norm(g)) ** 2)
        ),
        "the norms of the tensors were added; their squares add, and the root comes last.": lambda g, c: _scaled(
            g, lambda _: min(1.0, c / sum(float(one.norm()) for one in g))
        ),
        "the gradients are as they were: change them in place (g *= ...), a new tensor is lost.": lambda g, c: g,
    }
    return check_function(
        "clip_by_norm",
        function,
        as_compared=_changed,
        answer=answers.clip_by_norm,
        mistakes=mistakes,
        inputs=_clipping_inputs(),
        results=["the first gradient", "the second"],
        praise="shorter, never turned, and short ones left alone.",
        hint=(
            "norm = square root of the sum of all squares of all tensors; "
            "multiply each in place by min(1, threshold / norm)."
        ),
    )


def clip_by_value(function: Function) -> Verdict:
    """Check function(gradients, threshold), which clips every component of a list of tensors in place."""
    mistakes: dict[str, Function] = {
        "only large positive components were clipped.": lambda g, c: [one.clamp(max=c) for one in g],
        "only large negative components were clipped.": lambda g, c: [one.clamp(min=-c) for one in g],
        "the signs are lost: clip to [-threshold, threshold].": lambda g, c: [one.abs().clamp(max=c) for one in g],
        "too large components were set to zero; they go to the threshold.": lambda g, c: [
            one * (one.abs() <= c) for one in g
        ],
        "this is clipping by norm.": lambda g, c: _scaled(g, lambda _: min(1.0, c / float(_global_norm(g)))),
        "the gradients are as they were: change them in place, a new tensor is lost.": lambda g, c: g,
    }
    return check_function(
        "clip_by_value",
        function,
        as_compared=_changed,
        answer=answers.clip_by_value,
        mistakes=mistakes,
        inputs=_clipping_inputs(),
        results=["the first gradient", "the second"],
        praise="every component between -threshold and threshold.",
        hint="`torch.clamp_` (or `clamp(..., out=...)`) works in place, component by component.",
    )


# ------------------------------------------------------------------------------------------- gates


def _gate_inputs(blocks: int, *, cell: bool) -> list[tuple[Any, ...]]:
    """x_in (blocks, B, H), state, W_hh (blocks, H, H)."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return [
        (draw(blocks, B, H), (draw(B, H), draw(B, H)) if cell else draw(B, H), draw(blocks, H, H))
        for B, H in ((3, 4), (1, 2), (2, 1))
    ]


def lstm_step(function: Function) -> Verdict:
    """Check function(x_in (4, B, H), (h, c), W_hh (4, H, H)) -> (h, c).  Gates in the order i, f, g, o."""

    def step(x_in: Tensor, state: tuple[Tensor, Tensor], W_hh: Tensor, **how: Any) -> tuple[Tensor, Tensor]:
        h, c = state
        a = x_in + h @ W_hh
        i, f, g, o = (a[place] for place in how.get("order", (0, 1, 2, 3)))
        candidate = torch.sigmoid(g) if how.get("sigmoid_candidate") else torch.tanh(g)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * candidate
        return torch.sigmoid(o) * (c if how.get("bare") else torch.tanh(c)), c

    def variant(**how: Any) -> Function:
        return lambda x_in, state, W_hh: step(x_in, state, W_hh, **how)

    def without_old_cell(x_in: Tensor, state: tuple[Tensor, Tensor], W_hh: Tensor) -> tuple[Tensor, Tensor]:
        return step(x_in, (state[0], torch.zeros_like(state[1])), W_hh)

    mistakes: dict[str, Function] = {
        "input and forget gate are swapped: the order is i, f, g, o.": variant(order=(1, 0, 2, 3)),
        "candidate and output gate are swapped: the order is i, f, g, o.": variant(order=(0, 1, 3, 2)),
        "the candidate has a sigmoid; it is a tanh.": variant(sigmoid_candidate=True),
        "h is o times c; it is o times tanh(c).": variant(bare=True),
        "the old c is not used: c = f * c + i * g.": without_old_cell,
        "h and c are returned in the wrong order.": lambda *a: step(*a)[::-1],
        "W_hh is transposed.": lambda x_in, state, W_hh: step(x_in, state, W_hh.mT),
        "only h was returned; the state is the pair (h, c).": lambda *a: step(*a)[0],
    }
    return check_function(
        "lstm_step",
        function,
        answer=answers.lstm_step,
        mistakes=mistakes,
        inputs=_gate_inputs(4, cell=True),
        results=["h", "c"],
        praise="forget a little, add a little, show a part of it.",
        hint="`a_i, a_f, a_g, a_o = x_in + h @ W_hh`; sigmoid for i, f, o, tanh for g; then the two formulas.",
    )


def gru_step(function: Function) -> Verdict:
    """Check function(x_in (3, B, H), h, W_hh (3, H, H)) -> h.  Gates in the order r, z, n."""

    def step(x_in: Tensor, h: Tensor, W_hh: Tensor, **how: Any) -> Tensor:
        x_r, x_z, x_n = x_in
        h_r, h_z, h_n = h @ W_hh
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        if how.get("swapped"):
            r, z = z, r
        reset = (r * h) @ W_hh[2] if how.get("before") else h_n if how.get("no_reset") else r * h_n
        n = torch.tanh(x_n + reset)
        return z * n + (1 - z) * h if how.get("other_way") else (1 - z) * n + z * h

    def variant(**how: Any) -> Function:
        return lambda x_in, h, W_hh: step(x_in, h, W_hh, **how)

    mistakes: dict[str, Function] = {
        "reset and update gate are swapped: the order is r, z, n.": variant(swapped=True),
        "z keeps the candidate here; it must keep the old state: (1 - z) * n + z * h.": variant(other_way=True),
        "the reset gate is not used.": variant(no_reset=True),
        "the reset gate acts before the product with W_hn; in this course, as in PyTorch, it acts after.": variant(
            before=True
        ),
        "W_hh is transposed.": lambda x_in, h, W_hh: step(x_in, h, W_hh.mT),
        "this is the candidate n; it still has to be mixed with the old state.": lambda x_in, h, W_hh: torch.tanh(
            x_in[2] + torch.sigmoid(x_in[0] + h @ W_hh[0]) * (h @ W_hh[2])
        ),
    }
    return check_function(
        "gru_step",
        function,
        answer=answers.gru_step,
        mistakes=mistakes,
        inputs=_gate_inputs(3, cell=False),
        results=["h"],
        praise="a mixture of the old state and a candidate, unit by unit.",
        hint="`x_r, x_z, x_n = x_in` and `h_r, h_z, h_n = h @ W_hh`; the reset gate multiplies `h_n`.",
    )


# ---------------------------------------------------------------------------------- loops to repair


def clipped_once(train: Function) -> Verdict:
    """Check train(parameters, gradients_of, learning_rate, threshold), with parameters a generator.

    It is to set each parameter p to p - learning_rate * (its gradient, clipped by global norm).
    """
    weights = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0, -4.0]])]
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0]])]
    start = [weight.clone() for weight in weights]
    try:
        if train((weight for weight in weights), lambda number: gradients[number].clone(), 0.5, 1.0) is ...:
            return Verdict("open", NOT_FILLED_IN)
        mistake = _mistake_in_moving(start, weights, gradients)
    except Exception as error:
        mistake = f"it raised {type(error).__name__}: {error}"
    return verdict(
        "clipped_once",
        mistake,
        praise="a generator can be gone through once; a list as often as you like.",
        hint="`parameters = list(parameters)` as the first line.",
        answer=answers.clipped_once,
    )


def _mistake_in_moving(start: list[Tensor], end: list[Tensor], gradients: list[Tensor]) -> str | None:
    """What is wrong with where the weights of `clipped_once` are; the norm of its gradients is 5."""
    before, after, gradient = (torch.cat([part.flatten() for part in parts]) for parts in (start, end, gradients))
    right = before - 0.5 * gradient / 5
    if torch.equal(after, before):
        return (
            "no weight has changed: the norm has consumed the generator, and the second loop found it empty. "
            "Make a list of it first."
        )
    if torch.allclose(after, before - 0.5 * gradient):
        return "the weights moved, but nothing was clipped: the norm of these gradients is 5, the threshold 1."
    if torch.allclose(after, right):
        return None
    written = [", ".join(f"{weight:.2f}" for weight in weights.tolist()) for weights in (after, right)]
    return f"the weights are {written[0]}; expected {written[1]}."


def time_stays_time(to_targets: Function) -> Verdict:
    """Check function(logits (T, B, V), targets (B, T)) -> the mean cross-entropy, ()."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.randn(T, B, V, generator=generator), torch.randint(V, (B, T), generator=generator))
        for T, B, V in ((5, 3, 4), (1, 2, 3), (4, 1, 2))
    ]

    mistakes: dict[str, Function] = {
        "batch and time are mixed: reshape keeps the order in memory, it does not swap axes. Transpose the targets.": (
            lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        ),
        "only the last step counts.": lambda logits, targets: F.cross_entropy(logits[-1], targets[:, -1]),
        "the losses were added up; expected their mean.": lambda logits, targets: F.cross_entropy(
            logits.flatten(0, 1), targets.T.flatten(), reduction="sum"
        ),
        "the logits were reshaped to the targets' order without swapping their axes.": lambda logits, targets: (
            F.cross_entropy(logits.reshape(targets.shape[0], targets.shape[1], -1).flatten(0, 1), targets.flatten())
        ),
    }
    return check_function(
        "time_stays_time",
        to_targets,
        answer=answers.time_stays_time,
        mistakes=mistakes,
        inputs=inputs,
        results=["the loss"],
        praise="logits[t, b] is compared with targets[b, t].",
        hint="`targets.T` is (T, B), as the first two axes of the logits are.",
    )
