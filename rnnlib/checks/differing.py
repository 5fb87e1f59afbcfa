"""Where two results differ, in one sentence: what was done to the right numbers, or the first entry that is wrong.

Before: seeing.py.  Next: verdict.py.
"""

import math
import re
from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from rnnlib.checks.seeing import RELATIVE, Seen, different, same_numbers, verb

AXES = {"T": "step", "B": "sequence", "H": "unit", "V": "token", "N": "batch"}
DIGITS = {torch.float32: 7, torch.float64: 15}
MOST_DECIMALS = 5  # to which somebody may have rounded


def difference(found: Seen, expected: Seen, results: Sequence[str]) -> str | None:
    """Where a result is not as expected, in a sentence or two, or None.

    results: what was to be returned, one for each part, with its axes: "dh (T, B, H)".
    """
    names, axes = zip(*(_name_and_axes(result) for result in results), strict=True)
    if len(expected.parts) == 1 and expected.alone and not found.alone:
        return _too_many(found, expected.parts[0], results[0])
    if len(found.parts) != len(expected.parts):
        things = "1 thing" if len(found.parts) == 1 else f"{len(found.parts)} things"
        return f"it returned {things}; expected {len(expected.parts)}: {', '.join(results)}."
    if len(found.parts) > 1 and found.same(Seen(expected.parts[::-1], alone=False)):
        return f"all that it returned is right, but in the wrong order; expected {', '.join(results)}."
    right: list[str] = []
    for name, letters, a, b in zip(names, axes, found.parts, expected.parts, strict=False):
        wrong = _kind(name, a, b) or _right_but_for(name, letters, a, b) or _shape(name, letters, a, b)
        wrong = wrong or _values(name, letters, a, b)
        if wrong is not None:
            return f"{_and(right)} right; {wrong}" if right else wrong
        right.append(name)
    return None


def _too_many(found: Seen, expected: Tensor, result: str) -> str:
    parts = found.parts
    if len(parts) == 1:
        return f"it returned a tuple or list with one thing in it; return the thing itself: {result}."
    if expected.shape == (len(parts),) and not any(part.dim() for part in parts):
        return f"it returned {len(parts)} numbers; expected one tensor, {result}: `torch.tensor` makes one of a list."
    if all((len(parts), *part.shape) == expected.shape for part in parts):
        return f"it returned {len(parts)} things; expected one tensor, {result}: `torch.stack` makes one of a list."
    right = [str(number) for number, part in enumerate(parts, 1) if same_numbers(part, expected)]
    which = f" Number {right[0]} of them is right: return it alone." if len(right) == 1 else ""
    return f"it returned {len(parts)} things; expected one: {result}.{which}"


def _name_and_axes(result: str) -> tuple[str, tuple[str, ...]]:
    name, axes = re.fullmatch(r"(.*?)(?: \((.*)\))?", result).groups()  # type: ignore[union-attr]
    return name, tuple(axes.replace(" ", "").split(",")) if axes else ()


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {verb(names[0], 'is', 'are') if len(names) == 1 else 'are'}"


def _entry(name: str, index: Sequence[int]) -> str:
    if not index:
        return name
    return f"entry {list(index)} of {name}" if name.startswith("the ") else f"{name}{list(index)}"


def _kind(name: str, found: Tensor, expected: Tensor) -> str | None:
    if not expected.is_floating_point() and found.dtype != expected.dtype:
        return f"{name} must hold {expected.dtype}, as the tokens do; found {found.dtype}."
    if expected.is_floating_point() and not found.is_floating_point():
        holds = f"{name} {verb(name, 'holds', 'hold')} {found.dtype}"
        return f"{holds}; expected {expected.dtype} (`//` and `.long()` throw away what comes behind the point)."
    return None


# ------------------------------------------------------------------------ what was done to the right numbers


def _right_but_for(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    """What was done to the right numbers, if they are the right ones and one thing was done to all of them."""
    if found.numel() == 0 or same_numbers(found, expected):
        return None
    what = _rounding(found, expected)
    if what is None and len(found.unique()) > 1 < expected.numel():  # numbers that are all the same tell little
        what = _order(axes, found, expected) or _along_an_axis(axes, found, expected)
        what = what or _along_the_first_axis(axes, found, expected) or _factor(found, expected)
    return what and f"{name} {verb(name, 'is', 'are')} right but for {what}"


def _rounding(found: Tensor, expected: Tensor) -> str | None:
    for digits in range(1, MOST_DECIMALS):
        if torch.equal(found.double(), expected.double().round(decimals=digits)):
            return f"rounding to {digits} digits behind the point; expected all of them."
    return None


def _order(axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    wanted = f"expected {_shape_of(axes, expected)}."
    for order in permutations(range(found.dim())) if found.dim() == expected.dim() == len(axes) else ():
        if same_numbers(found.permute(order), expected):
            theirs = ", ".join(axes[order.index(axis)] for axis in range(found.dim()))
            return f"the order of the axes: ({theirs}); {wanted}"
    if found.numel() == expected.numel() and same_numbers(found.flatten(), expected.flatten()):
        return f"the shape: {tuple(found.shape)}; {wanted}"
    return None


def _along_an_axis(axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    for axis, letter in enumerate(axes) if found.dim() == expected.dim() - 1 else ():
        reduced = {"sum": expected.sum(axis), "mean": expected.double().mean(axis)}
        reduced |= {"first": expected.select(axis, 0), "last": expected.select(axis, -1)}
        for what, one in reduced.items():
            if same_numbers(found, one):
                return f"the axis {letter}: this is the {what} along it; expected {_shape_of(axes, expected)}."
    return None


def _along_the_first_axis(axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    if found.dim() == 0 or found.shape[1:] != expected.shape[1:]:
        return None
    one, more = AXES.get(axes[0], "row") if axes else "entry", len(found) - len(expected)
    number = f"there are {len(found)}; expected {_shape_of(axes, expected)}."
    for where, rest in (("first", slice(1, None)), ("last", slice(None, -1))):
        if more == -1 and same_numbers(found, expected[rest]):
            return f"the {where} {one}, which is missing: {number}"
        if more == 1 and same_numbers(found[rest], expected):
            return f"the {where} {one}, which is one too many: {number}"
    if more == 0 and same_numbers(found.flip(0), expected):
        return f"the direction: the last {one} comes first; expected the other way round."
    for here, there in ((1, 0), (0, 1)) if more == 0 and len(found) > 2 else ():
        length = len(found) - 1
        if same_numbers(found[here : here + length], expected[there : there + length]):
            return f"the place: what is found for {one} {here} is expected for {one} {there}, and so on."
    return None


def _factor(found: Tensor, expected: Tensor) -> str | None:
    if found.shape != expected.shape or not expected.is_floating_point():
        return None
    factor = float((found * expected).double().sum() / expected.double().square().sum())
    if not (factor and math.isfinite(factor) and same_numbers(found, factor * expected)):
        return None
    if abs(factor + 1) < RELATIVE:
        return "the sign."
    return f"a factor: each number is {factor:.4g} times the one expected."


# ----------------------------------------------------------------------------- the first entry that is wrong


def _shape_of(axes: tuple[str, ...], expected: Tensor) -> str:
    return f"({', '.join(axes)}) = {tuple(expected.shape)}" if axes else f"{tuple(expected.shape)}"


def _shape(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    if found.shape == expected.shape:
        return None
    shapes = f"the shape {tuple(found.shape)}; expected {_shape_of(axes, expected)}"
    return f"{name} {verb(name, 'has', 'have')} {shapes}."


def _values(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    wrong = different(found, expected)
    if not wrong.any():
        return None
    if found.numel() > 1 and not found.any():
        return f"{name} {verb(name, 'is', 'are')} zero everywhere: nothing was put there; expected other numbers."
    steps = [bool(step.any()) for step in wrong] if axes[:1] == ("T",) and len(wrong) > 1 else []
    which, said = 0, ""
    if any(steps) and not all(steps):  # nearest to what is right lies what goes wrong first
        which = steps.index(True) if not steps[0] else len(steps) - 1 - steps[::-1].index(True)
        which = which if steps[which] else steps.index(True)
        fine = [str(step) for step, bad in enumerate(steps) if not bad]
        listed = f"step {fine[0]} is" if len(fine) == 1 else f"steps {', '.join(fine[:-1])} and {fine[-1]} are"
        said = f"of the steps 0 to {len(steps) - 1}, {listed} right; "
        first = (which, *wrong[which].nonzero()[0].tolist())
    else:
        first = tuple(wrong.nonzero()[0].tolist())
    words = [f"{AXES[axis]} {index}" for axis, index in zip(axes, first, strict=False) if axis in AXES]
    place = _entry(name, first) + (f" ({', '.join(words)}; counted from 0)" if words else "")
    mine, its = _in_digits(found[first], expected[first])
    return f"{'right shape, wrong values: ' if found.dim() else ''}{said}{place} is {mine}; expected {its}."


def _in_digits(found: Tensor, expected: Tensor) -> tuple[str, str]:
    """Two numbers in as many digits as it takes to tell them apart, and not in more than their kind has."""
    if not expected.is_floating_point():
        return str(int(found)), str(int(expected))
    most = min(DIGITS.get(found.dtype, 7), DIGITS.get(expected.dtype, 7))
    for digits in range(4, most + 1):
        mine, its = f"{float(found):#.{digits}g}", f"{float(expected):#.{digits}g}"
        if mine != its:
            break
    return mine, its
