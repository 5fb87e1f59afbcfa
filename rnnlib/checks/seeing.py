"""What a reader's function returned, as plain tensors; and where two results differ, in one sentence.

Before: running.py.  Next: verdict.py.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from numbers import Real
from types import GeneratorType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib.checks.running import Wrong

IT_RETURNED = "it returned"
RETURNED_NONE = f"{IT_RETURNED} None; is `return` missing?"
RELATIVE, ABSOLUTE = 1e-4, 1e-5  # what rounding may do
MOST_PARTS = 1000  # of a list or generator that may have no end
AXES = {"T": "step", "B": "sequence", "H": "unit", "V": "token", "N": "batch"}
DIGITS = {torch.float32: 7, torch.float64: 15}


@dataclass(frozen=True)
class Seen:
    """A result that can be compared: tensors on the CPU that belong to no graph.  alone: not in a tuple or list."""

    parts: tuple[Tensor, ...]
    alone: bool

    def same(self, other: "Seen") -> bool:
        """Whether the two cannot be told apart but by rounding."""
        return (
            (self.alone, len(self.parts)) == (other.alone, len(other.parts))
            and all(a.shape == b.shape for a, b in zip(self.parts, other.parts, strict=True))
            and all(not _different(a, b, nan=True).any() for a, b in zip(self.parts, other.parts, strict=True))
        )


def see(result: Any, results: Sequence[str] = ()) -> Seen:
    """Numbers and tensors, or a tuple or list of them, as they are now.  Raises Wrong, in one sentence, for others.

    results: what was to be returned, as in `difference`.
    """
    if not isinstance(result, tuple | list):
        return Seen((_plain(result, IT_RETURNED),), alone=True)
    parts = list(islice(result, MOST_PARTS))
    called = (
        results if len(results) == len(parts) else [f"one of the {len(parts)} things that it returned"] * len(parts)
    )
    return Seen(
        tuple(_plain(part, f"{name} {_verb(name, 'is', 'are')}") for part, name in zip(parts, called, strict=True)),
        alone=False,
    )


def _plain(value: Any, said: str) -> Tensor:
    """said: how a sentence begins that says what it is."""
    if isinstance(value, np.generic):  # a NumPy number is a number
        value = value.item()
    if isinstance(value, Real) and value is not True and value is not False:
        return torch.tensor(float(value), dtype=torch.float64)
    if not isinstance(value, Tensor):
        raise Wrong(RETURNED_NONE if value is None and said == IT_RETURNED else f"{said} {_told(value)}")
    with torch._C.DisableTorchFunctionSubclass():  # what a subclass of Tensor would say of itself does not count
        if value.layout != torch.strided or value.is_nested:
            raise Wrong(f"{said} a sparse or nested tensor; expected an ordinary one: `.to_dense()`.")
        tensor = value.as_subclass(Tensor)
        if tensor.is_meta:
            raise Wrong(f"{said} a tensor on the device 'meta', which has a shape and no values.")
        if tensor.is_quantized or tensor.is_complex():
            raise Wrong(f"{said} a tensor of {tensor.dtype}; expected real numbers of the inputs' kind.")
        if tensor.dtype in (torch.float16, torch.bfloat16):
            raise Wrong(f"{said} a tensor of {tensor.dtype}, which has about three digits; expected torch.float32.")
        return tensor.detach().cpu().clone()


def _told(value: Any) -> str:
    """What a value is that is neither number nor tensor, and what to do about it."""
    if value is None:
        return "None: nothing was put there."
    if value is ...:
        return "still `...`."
    if isinstance(value, np.ndarray):
        return "a NumPy array; expected a tensor, as its inputs are: `torch.from_numpy` makes one of it."
    if isinstance(value, tuple | list) and isinstance(_innermost(value), int | float):
        return "a list of numbers; return the tensor itself, without `.tolist()`, or make one: `torch.tensor`."
    if isinstance(value, tuple | list) and len(value) == 1:
        return f"a {type(value).__name__} with one thing in it; expected the thing itself."
    if isinstance(value, tuple | list):
        stack = ": `torch.stack` makes one of several" if isinstance(value, list) else ""
        return f"a {type(value).__name__} of {len(value)}; expected one tensor{stack}."
    if isinstance(value, GeneratorType):
        return "a generator: is `yield` where `return` is meant?"
    if isinstance(value, bool | complex | str | dict | set):
        return f"a {type(value).__name__}; expected numbers, or a tensor of them."
    if hasattr(type(value), "__await__"):
        return "something to wait for: it is an `async def`, and a plain `def` is meant."
    if isinstance(value, nn.Module) or callable(value):
        return f"something to be called ({type(value).__name__}); call it, and return what it gives."
    return f"{type(value).__name__}; expected numbers in a tensor."


def _innermost(value: Any) -> Any:
    while isinstance(value, tuple | list) and len(value):
        value = value[0]
    return value


# ------------------------------------------------------------------------------- what is different


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
    right = [str(number) for number, part in enumerate(parts, 1) if _same(part, expected)]
    which = f" Number {right[0]} of them is right: return it alone." if len(right) == 1 else ""
    return f"it returned {len(parts)} things; expected one: {result}.{which}"


def _name_and_axes(result: str) -> tuple[str, tuple[str, ...]]:
    name, axes = re.fullmatch(r"(.*?)(?: \((.*)\))?", result).groups()  # type: ignore[union-attr]
    return name, tuple(axes.replace(" ", "").split(",")) if axes else ()


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {_verb(names[0], 'is', 'are') if len(names) == 1 else 'are'}"


def _verb(name: str, of_one: str, of_several: str) -> str:
    """The form that goes with a name: "the loss" has, "the losses" have."""
    return of_several if re.match(r"the \w+[^s\W]s\b", name) else of_one


def _entry(name: str, index: Sequence[int]) -> str:
    if not index:
        return name
    return f"entry {list(index)} of {name}" if name.startswith("the ") else f"{name}{list(index)}"


def _kind(name: str, found: Tensor, expected: Tensor) -> str | None:
    if not expected.is_floating_point() and found.dtype != expected.dtype:
        return f"{name} must hold {expected.dtype}, as the tokens do; found {found.dtype}."
    if expected.is_floating_point() and not found.is_floating_point():
        holds = f"{name} {_verb(name, 'holds', 'hold')} {found.dtype}"
        return f"{holds}; expected {expected.dtype} (`//` and `.long()` throw away what comes behind the point)."
    return None


def _right_but_for(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    """What was done to the right numbers, if they are the right ones and one thing was done to all of them."""
    if found.numel() == 0 or _same(found, expected):
        return None
    wanted = f"expected {_shape_of(axes, expected)}"
    said = f"{name} {_verb(name, 'is', 'are')} right but for"
    for digits in range(1, 5):
        if torch.equal(found.double(), expected.double().round(decimals=digits)):
            return f"{said} rounding to {digits} digits behind the point; expected all of them."
    if expected.numel() < 2:
        return None
    for order in permutations(range(found.dim())) if found.dim() == expected.dim() == len(axes) else ():
        if _same(found.permute(order), expected):
            theirs = ", ".join(axes[order.index(axis)] for axis in range(found.dim()))
            return f"{said} the order of the axes: ({theirs}); {wanted}."
    if found.numel() == expected.numel() and _same(found.flatten(), expected.flatten()):
        return f"{said} the shape: {tuple(found.shape)}; {wanted}."
    if found.dim() == 0 or found.shape[1:] != expected.shape[1:]:
        return None
    one, more = AXES.get(axes[0], "row") if axes else "entry", len(found) - len(expected)
    for where, rest in (("first", slice(1, None)), ("last", slice(None, -1))):
        if more == -1 and _same(found, expected[rest]):
            return f"{said} the {where} {one}, which is missing: there are {len(found)}; {wanted}."
        if more == 1 and _same(found[rest], expected):
            return f"{said} the {where} {one}, which is one too many: there are {len(found)}; {wanted}."
    if more != 0:
        return None
    if _same(found.flip(0), expected):
        return f"{said} the direction: the last {one} comes first; expected the other way round."
    for here, there in ((1, 0), (0, 1)) if len(found) > 2 else ():
        if _same(found[here : here + len(found) - 1], expected[there : there + len(found) - 1]):
            return f"{said} the place: what is found for {one} {here} is expected for {one} {there}, and so on."
    factor = float((found * expected).double().sum() / expected.double().square().sum())
    if expected.is_floating_point() and math.isfinite(factor) and _same(found, factor * expected) and factor:
        what = (
            "the sign"
            if abs(factor + 1) < RELATIVE
            else f"a factor: each number is {factor:.4g} times the one expected"
        )
        return f"{said} {what}."
    return None


def _shape_of(axes: tuple[str, ...], expected: Tensor) -> str:
    return f"({', '.join(axes)}) = {tuple(expected.shape)}" if axes else f"{tuple(expected.shape)}"


def _same(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and not bool(_different(found, expected).any())


def _shape(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    if found.shape == expected.shape:
        return None
    shapes = f"the shape {tuple(found.shape)}; expected {_shape_of(axes, expected)}"
    return f"{name} {_verb(name, 'has', 'have')} {shapes}."


def _values(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    wrong = _different(found, expected)
    if not wrong.any():
        return None
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


def _different(found: Tensor, expected: Tensor, *, nan: bool = False) -> Tensor:
    """Which entries differ by more than rounding.  nan: whether what is not a number is the same as itself."""
    return ~torch.isclose(found.double(), expected.double(), RELATIVE, ABSOLUTE, equal_nan=nan)


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
