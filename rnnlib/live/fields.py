"""What may stand in a field: a whole number from here to there, one of some words, an array of some shape.

Before: plain_files.py.  Next: settings.py and checkpoints.py have tables of what is kept in a file.

A check is called with a value and the name of its place; it returns what is wrong, in a sentence, or None.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Check = Callable[[Any, str], str | None]

LONGEST_QUOTE = 60


def told(where: str, what: str, value: object) -> str:
    """The sentence."""
    if isinstance(value, Tensor):
        shown = f"an array {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    elif isinstance(value, dict | list | tuple):  # which may be large
        shown = f"a {type(value).__name__} of {len(value)}"
    else:
        shown = repr(value[: LONGEST_QUOTE + 1] if isinstance(value, str) else value)
    return f"{where} must be {what}; it is {shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE] + '...'}."


def whole(least: int, most: int) -> Check:
    """A whole number."""
    what = f"a whole number from {least} to {most}"
    return lambda value, where: None if type(value) is int and least <= value <= most else told(where, what, value)


def word(longest: int, *, least: int = 1) -> Check:
    """Any characters, so many at most."""
    what = f"a text of {least} to {longest} characters"
    return lambda value, where: (
        None if isinstance(value, str) and least <= len(value) <= longest else told(where, what, value)
    )


def one_of(*choices: str | bool | None) -> Check:
    """One of some words."""
    what = " or ".join(map(repr, choices))
    return lambda value, where: (
        None if any(type(value) is type(choice) and value == choice for choice in choices) else told(where, what, value)
    )


def optional(check: Check) -> Check:
    """That, or None."""
    return lambda value, where: None if value is None else check(value, where)


def as_for(function: Callable[[Any], object], kind: type) -> Check:
    """What `function` takes, which raises ValueError with a sentence for what it does not take."""

    def check(value: Any, where: str) -> str | None:
        if type(value) is not kind or len(str(value)) > LONGEST_QUOTE:
            return told(where, f"a {kind.__name__}", value)
        try:
            function(value)
        except ValueError as error:
            return f"{where}: {error}"
        return None

    return check


def array(dtype: torch.dtype | None = None, *shape: int | None) -> Check:
    """An array of a data type and shape; None stands for any length, and without a dtype for any array."""
    lengths = ", ".join("any" if length is None else str(length) for length in shape)
    what = f"an array ({lengths}) of {str(dtype).removeprefix('torch.')}" if dtype else "an array"

    def check(value: Any, where: str) -> str | None:
        if isinstance(value, Tensor) and dtype is None:
            return None
        fits = isinstance(value, Tensor) and value.dtype == dtype and value.dim() == len(shape)
        if fits and all(wanted in (None, found) for wanted, found in zip(shape, value.shape, strict=True)):
            return None
        return told(where, what, value)

    return check


def many(check: Check, most: int) -> Check:
    """A list of so many at most."""

    def each(value: Any, where: str) -> str | None:
        if not isinstance(value, list | tuple) or len(value) > most:
            return told(where, f"a list of {most} at most", value)
        return first_wrong(check(part, f"{where}[{number}]") for number, part in enumerate(value))

    return each


def by_name(check: Check, most: int, *, longest_name: int = 100) -> Check:
    """Parts with names, so many at most."""

    def each(value: Any, where: str) -> str | None:
        if not isinstance(value, dict) or len(value) > most or any(len(name) > longest_name for name in value):
            return told(where, f"{most} parts with names at most", value)
        return first_wrong(check(part, f"{where}.{name}") for name, part in value.items())

    return each


def record(**fields: Check) -> Check:
    """Exactly these parts."""

    def each(value: Any, where: str) -> str | None:
        if not isinstance(value, dict) or value.keys() != fields.keys():
            names = ", ".join(sorted(value))[:200] if isinstance(value, dict) else type(value).__name__
            return f"{where} must have the parts {', '.join(sorted(fields))}; it has {names or 'none'}."
        return first_wrong(check(value[name], f"{where}.{name}") for name, check in fields.items())

    return each


def either(key: str, **checks: Check) -> Check:
    """The check whose name is that of a part that the value has; `key` names the last resort."""

    def chosen(value: Any, where: str) -> str | None:
        names = [name for name in checks if isinstance(value, dict) and name in value]
        return checks[names[0] if names else key](value, where)

    return chosen


def first_wrong(found: Any) -> str | None:
    """The first sentence of some."""
    return next((sentence for sentence in found if sentence is not None), None)


def raise_if_wrong(check: Check, value: Any, where: str) -> None:
    """Raises ValueError with what is wrong."""
    wrong = check(value, where)
    if wrong is not None:
        raise ValueError(wrong)
