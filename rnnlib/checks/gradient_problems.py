"""Exercises of notebook 04: clipping by norm and by value.

Before: carrying.py.  Next: gates.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function
from rnnlib.checks.running import Wrong

# -------------------------------------------------------------------------------------- clipping


def _gradients() -> list[Case]:
    """Of several tensors: longer than the threshold, shorter, a single one, far too long."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shapes: tuple[int, ...], size: float = 1.0) -> list[Tensor]:
        return [size * torch.randn(*shape, generator=generator) for shape in shapes]

    return [
        ("long gradients", (draw((3, 4), (4,), size=2.0), 1.0)),
        ("gradients below the threshold", (draw((2, 2), (3,), size=0.1), 5.0)),
        ("a single tensor", (draw((5,)), 0.5)),
        ("very long gradients", (draw((2, 3), (2,), size=1e4), 0.25)),
        ("gradients a little below the threshold", ([torch.ones(4)], 3.0)),
        ("a short tensor and a long one", ([*draw((4,), size=0.05), *draw((4,))], 0.4)),
    ]


def _changed(function: Function, gradients: list[Tensor], threshold: float) -> Any:
    """The gradients after a function has worked on them in place.

    Each has a gradient of its own: PyTorch's functions for clipping look there, and leave the tensor itself alone.
    """
    decoys = [torch.full_like(gradient, 1e6) for gradient in gradients]
    for gradient, decoy in zip(gradients, decoys, strict=True):
        gradient.grad = decoy
    before, same_tensors = [gradient.clone() for gradient in gradients], list(gradients)
    returned = function(gradients, threshold)
    untouched = all(torch.equal(a, b) for a, b in zip(before, same_tensors, strict=True))
    if any((decoy != 1e6).any() for decoy in decoys):
        raise Wrong(
            "the `.grad` of the tensors was changed, as PyTorch's `clip_grad_norm_` and `clip_grad_value_` do with a "
            "model's parameters; here the tensors in the list are the gradients themselves."
        )
    if len(gradients) != len(before) or any(a is not b for a, b in zip(gradients, same_tensors, strict=True)):
        raise Wrong(
            "a new tensor was put into the list, and the old one, which the optimizer reads, is as it was: change the "
            "tensor in place (`gradient *= ...`, `gradient.clamp_(...)`)."
        )
    new = isinstance(returned, list | tuple) and any(all(a is not b for b in same_tensors) for a in returned)
    if untouched and (new or isinstance(returned, Tensor)):
        raise Wrong("it returned new tensors and left the gradients as they were: change them in place (`g *= ...`).")
    return tuple(same_tensors)


def _scaled(scale: Callable[[Tensor, list[Tensor], float], Any]) -> Function:
    """In place, each tensor times scale(tensor, all of them, threshold)."""

    def wrong(gradients: list[Tensor], threshold: float) -> None:
        scales = [scale(gradient, gradients, threshold) for gradient in gradients]
        for gradient, factor in zip(gradients, scales, strict=True):
            gradient *= factor

    return wrong


def _each(change: Callable[[Tensor, float], Tensor]) -> Function:
    """In place, each tensor by itself."""

    def wrong(gradients: list[Tensor], threshold: float) -> None:
        for gradient in gradients:
            gradient.copy_(change(gradient, threshold))

    return wrong


def _norm_taken_anew(gradients: list[Tensor], threshold: float) -> None:
    for gradient in gradients:
        gradient *= min(1.0, threshold / norm_of(gradients))


def norm_of(gradients: list[Tensor]) -> float:
    return float(torch.cat([gradient.flatten() for gradient in gradients]).norm())


clip_by_norm = Exercise(
    name="clip_by_norm",
    statement=(
        "function(gradients, threshold): if the norm of all the tensors in the list together is above the threshold, "
        "multiply each in place by threshold / norm; otherwise leave them as they are."
    ),
    cases=_gradients,
    results=["the first gradient", "the second"],
    observe=_changed,
    in_place=True,
    answer=answers.clip_by_norm,
    mistakes={
        "the gradients are as they were: change them in place (`g *= ...`); `g = g * ...` makes a new tensor, which is "
        "lost.": _each(lambda g, c: g),
        "each tensor was clipped alone, so the direction changes; one norm, of all together.": _scaled(
            lambda one, g, c: min(1.0, c / float(one.norm()))
        ),
        "short gradients were made longer: scale by at most 1.": _scaled(lambda one, g, c: c / norm_of(g)),
        "the comparison is the wrong way round: short gradients were made longer, and long ones left.": _scaled(
            lambda one, g, c: max(1.0, c / norm_of(g))
        ),
        "this is clipping by value; the direction changes.": _each(lambda g, c: g.clamp(-c, c)),
        "the root is missing: divided by the sum of squares, not by the norm.": _scaled(
            lambda one, g, c: min(1.0, c / norm_of(g) ** 2)
        ),
        "the root is missing where the norm is compared; it is there where the gradients are divided.": _scaled(
            lambda one, g, c: c / norm_of(g) if norm_of(g) ** 2 > c else 1.0
        ),
        "the norms of the tensors were added; their squares add, and the root comes last.": _scaled(
            lambda one, g, c: min(1.0, c / sum(float(each.norm()) for each in g))
        ),
        "the largest of the tensors' norms decides; it is one norm, of all together.": _scaled(
            lambda one, g, c: min(1.0, c / max(float(each.norm()) for each in g))
        ),
        "the components were added up before they were squared; each is squared first.": _scaled(
            lambda one, g, c: min(1.0, c / sum(float(each.sum()) ** 2 for each in g) ** 0.5)
        ),
        "`** 1 / 2` is the half of the square; the root is `** 0.5` or `.sqrt()`.": _scaled(
            lambda one, g, c: min(1.0, c / (norm_of(g) ** 2 / 2))
        ),
        "the norm of the first tensor alone decides; it is one norm, of all together.": _scaled(
            lambda one, g, c: min(1.0, c / norm_of(g[:1]))
        ),
        "the norm of the last tensor alone decides; it is one norm, of all together.": _scaled(
            lambda one, g, c: min(1.0, c / norm_of(g[-1:]))
        ),
        "this is the sum of absolute values; the norm is the root of the sum of squares.": _scaled(
            lambda one, g, c: min(1.0, c / sum(float(each.abs().sum()) for each in g))
        ),
        "this is the largest component; the norm is the root of the sum of squares.": _scaled(
            lambda one, g, c: min(1.0, c / max(float(each.abs().max()) for each in g))
        ),
        "divided upside down: norm / threshold; it is threshold / norm.": _scaled(lambda one, g, c: norm_of(g) / c),
        "only the first tensor was shortened: does `return` stand inside the loop?": lambda g, c: g[0].mul_(
            min(1.0, c / norm_of(g))
        ),
        "the norm was taken anew after the first tensor had been shortened; take it once, before.": _norm_taken_anew,
        "the squares were averaged; they are added.": _scaled(
            lambda one, g, c: min(1.0, c / (norm_of(g) / sum(each.numel() for each in g) ** 0.5))
        ),
        "the gradients have the length 1 now; the threshold is missing above the line.": _scaled(
            lambda one, g, c: 1 / norm_of(g) if norm_of(g) > c else 1.0
        ),
    },
    praise="shorter, never turned, and short ones left alone.",
    hint=(
        "norm = square root of the sum of all squares of all tensors; multiply each in place by "
        "min(1, threshold / norm)."
    ),
)


clip_by_value = Exercise(
    name="clip_by_value",
    statement=(
        "function(gradients, threshold): in each tensor in the list, in place, components above the threshold become "
        "the threshold, and those below -threshold become -threshold."
    ),
    cases=_gradients,
    results=["the first gradient", "the second"],
    observe=_changed,
    in_place=True,
    answer=answers.clip_by_value,
    mistakes={
        "the gradients are as they were: change them in place; `clamp` makes a new tensor, which is lost, and `clamp_` "
        "does not.": _each(lambda g, c: g),
        "only large positive components were clipped.": _each(lambda g, c: g.clamp(max=c)),
        "only large negative components were clipped.": _each(lambda g, c: g.clamp(min=-c)),
        "the signs are lost: clip to [-threshold, threshold].": _each(lambda g, c: g.abs().clamp(max=c)),
        "negative components became zero: clip to [-threshold, threshold].": _each(lambda g, c: g.clamp(0, c)),
        "large negative components became +threshold; they keep their sign.": _each(
            lambda g, c: torch.where(g.abs() > c, torch.tensor(c), g)
        ),
        "too large components were set to zero; they go to the threshold.": _each(lambda g, c: g * (g.abs() <= c)),
        "this is clipping by norm.": _scaled(lambda one, g, c: min(1.0, c / norm_of(g))),
        "each tensor was clipped by its norm; clip component by component.": _scaled(
            lambda one, g, c: min(1.0, c / float(one.norm()))
        ),
        "each tensor was scaled so that its largest component fits; only what is too large changes.": _scaled(
            lambda one, g, c: min(1.0, c / float(one.abs().max()))
        ),
        "all that is below the threshold became -threshold; that is for what is below -threshold.": _each(
            lambda g, c: torch.where(g >= c, c, -c)
        ),
        "the first number that clamp takes is the lower bound: `clamp(-threshold, threshold)`.": _each(
            lambda g, c: g.clamp(c)
        ),
        "the bounds have changed places: `clamp(-threshold, threshold)`.": _each(lambda g, c: g.clamp(c, -c)),
        "only the first tensor was clipped: does `return` stand inside the loop?": lambda g, c: g[0].clamp_(-c, c),
        "all components became plus or minus the threshold; only what is too large changes.": _each(
            lambda g, c: c * g.sign()
        ),
        "clipped at 1; the threshold is an argument.": _each(lambda g, c: g.clamp(-1, 1)),
    },
    praise="every component between -threshold and threshold.",
    hint="`torch.clamp_` (or `clamp(..., out=...)`) works in place, component by component.",
)
