"""What a reader's function returned, as plain tensors that can be compared.

Before: running.py.  Next: differing.py.
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

IT_RETURNED = "it returned"
RETURNED_NONE = f"{IT_RETURNED} None; is `return` missing?"
RELATIVE, ABSOLUTE = 1e-4, 1e-5  # what rounding may do
MOST_PARTS = 1000  # of a list or generator that may have no end


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
            and all(not different(a, b, nan=True).any() for a, b in zip(self.parts, other.parts, strict=True))
        )


def kind_of(thing: Any) -> str:
    """ "a list", "an int"."""
    name = type(thing).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def see(result: Any, results: Sequence[str] = ()) -> Seen:
    """Numbers and tensors, or a tuple or list of them, as they are now.  Raises Wrong, in one sentence, for others.

    results: what was to be returned, as in `difference`.
    """
    if not isinstance(result, tuple | list):
        return Seen((_plain(result, IT_RETURNED),), alone=True)
    parts = list(islice(result, MOST_PARTS))
    if parts and isinstance(parts[0], list) and isinstance(_innermost(parts), int | float):
        raise Wrong(
            f"{IT_RETURNED} lists of numbers; expected a tensor: `torch.tensor` makes one, `.tolist()` unmakes it."
        )
    if len(parts) == len(results):
        called = [f"{name} {verb(name, 'is', 'are')}" for name in results]
    else:
        called = [f"one of the {len(parts)} things that it returned (expected {len(results) or 1}) is"] * len(parts)
    return Seen(tuple(_plain(part, said) for part, said in zip(parts, called, strict=True)), alone=False)


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
        return "a list of numbers; expected a tensor: `torch.tensor` makes one, `.tolist()` unmakes it."
    if isinstance(value, tuple | list) and len(value) == 1:
        return f"{kind_of(value)} with one thing in it; expected the thing itself."
    if isinstance(value, tuple | list):
        stack = ": `torch.stack` makes one of several" if isinstance(value, list) else ""
        return f"{kind_of(value)} of {len(value)}; expected one tensor{stack}."
    if isinstance(value, GeneratorType):
        return "a generator: is `yield` where `return` is meant?"
    if isinstance(value, bool | complex | str | dict | set):
        return f"{kind_of(value)}; expected numbers, or a tensor of them."
    if hasattr(type(value), "__await__"):
        return "something to wait for: it is an `async def`, and a plain `def` is meant."
    if isinstance(value, nn.Module) or callable(value):
        return f"something to be called ({type(value).__name__}); call it, and return what it gives."
    return f"{type(value).__name__}; expected numbers in a tensor."


def _innermost(value: Any) -> Any:
    while isinstance(value, tuple | list) and len(value):
        value = value[0]
    return value


def verb(name: str, of_one: str, of_several: str) -> str:
    """The form that goes with a name: "the loss" has, "the losses" have."""
    return of_several if re.match(r"the \w+[^s\W]s\b", name) else of_one


def same_numbers(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and not bool(different(found, expected).any())


def different(found: Tensor, expected: Tensor, *, nan: bool = False) -> Tensor:
    """Which entries differ by more than rounding.  nan: whether what is not a number is the same as itself."""
    return ~torch.isclose(found.double(), expected.double(), RELATIVE, ABSOLUTE, equal_nan=nan)
