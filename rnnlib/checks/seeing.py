"""What a reader's function returned, as plain tensors; and where two results differ, in one sentence.

Before: running.py.  Next: verdict.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Real
from types import GeneratorType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib.checks.running import Wrong

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


def see(result: Any) -> Seen:
    """Numbers and tensors, or a tuple or list of them, as they are now.  Raises Wrong, in one sentence, for others."""
    if isinstance(result, tuple | list):
        return Seen(tuple(_plain(part) for part in islice(result, MOST_PARTS)), alone=False)
    return Seen((_plain(result),), alone=True)


def _plain(value: Any) -> Tensor:
    if isinstance(value, np.generic):  # a NumPy number is a number
        value = value.item()
    if isinstance(value, Real) and value is not True and value is not False:
        return torch.tensor(float(value), dtype=torch.float64)
    if not isinstance(value, Tensor):
        raise Wrong(_told(value))
    with torch._C.DisableTorchFunctionSubclass():  # what a subclass of Tensor would say of itself does not count
        if value.layout != torch.strided or value.is_nested:
            raise Wrong("it returned a sparse or nested tensor; expected an ordinary one: `.to_dense()`.")
        tensor = value.as_subclass(Tensor)
        if tensor.is_meta:
            raise Wrong("it returned a tensor on the device 'meta', which has a shape and no values.")
        if tensor.is_quantized or tensor.is_complex():
            raise Wrong(f"it returned numbers of the kind {tensor.dtype}; expected real numbers of the inputs' kind.")
        if tensor.dtype in (torch.float16, torch.bfloat16):
            raise Wrong(f"it returned {tensor.dtype}, which has about three digits; expected torch.float32.")
        return tensor.detach().cpu().clone()


def _told(value: Any) -> str:
    """What a value is that is neither number nor tensor, and what to do about it."""
    if value is None:
        return "it returned None; is `return` missing?"
    if value is ...:
        return "one of the things that it returned is still `...`."
    if isinstance(value, np.ndarray):
        return "it returned a NumPy array; expected a tensor, as its inputs are: `torch.from_numpy` makes one of it."
    if isinstance(value, tuple | list) and isinstance(_innermost(value), int | float):
        return (
            "it returned numbers in lists; return the tensor itself, without `.tolist()`, or make one: `torch.tensor`."
        )
    if isinstance(value, tuple | list):
        return f"it returned a {type(value).__name__} in a tuple or list; `torch.stack` makes one tensor of several."
    if isinstance(value, GeneratorType):
        return "it returned a generator: is `yield` where `return` is meant?"
    if isinstance(value, bool | complex | str | dict | set):
        return f"it returned a {type(value).__name__}; expected numbers, or a tensor of them."
    if hasattr(type(value), "__await__"):
        return "it is an `async def`; a plain `def` is meant."
    if isinstance(value, nn.Module) or callable(value):
        return f"it returned something to be called ({type(value).__name__}); call it, and return what it gives."
    return f"it returned {type(value).__name__}; expected numbers in a tensor."


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
    right: list[str] = []
    for name, letters, a, b in zip(names, axes, found.parts, expected.parts, strict=False):
        wrong = _kind(name, a, b) or _shape(name, letters, a, b) or _values(name, letters, a, b)
        if wrong is not None:
            return f"{_and(right)} right. {wrong[0].upper()}{wrong[1:]}" if right else wrong
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
    return f"it returned {len(parts)} things; expected one: {result}."


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
        return f"{name} {_verb(name, 'holds', 'hold')} {found.dtype}; expected {expected.dtype}."
    return None


def _shape(name: str, axes: tuple[str, ...], found: Tensor, expected: Tensor) -> str | None:
    if found.shape == expected.shape:
        return None
    letters = f"({', '.join(axes)}) = " if axes else ""
    shapes = f"the shape {tuple(found.shape)}; expected {letters}{tuple(expected.shape)}"
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
