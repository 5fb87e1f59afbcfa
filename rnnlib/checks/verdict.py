"""What a check says, and how it finds it: the right answer, the named mistakes, the first difference.

Before: answers.py.  Next: one file of checks for each notebook.
"""

import copy
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TRIES_BEFORE_HINT, TRIES_BEFORE_ANSWER = 2, 3
TOLERANCE = 1e-4
NOT_FILLED_IN = "replace the `...` by your lines; this cell then checks them."
_tries: Counter[str] = Counter()


@dataclass(frozen=True)
class Verdict:
    """What a check found: "passed", "open" (nothing filled in yet) or "wrong", and why.

    hint: shown, folded, from the second wrong try on.  answer: the source of one, from the third.
    """

    result: str
    message: str
    hint: str = ""
    answer: str = ""

    def __repr__(self) -> str:
        return f"{ {'passed': 'Passed', 'open': 'Not yet', 'wrong': 'Not right yet'}[self.result] }: {self.message}"

    def _repr_markdown_(self) -> str:
        folds = [("A hint", self.hint), ("An answer", f"```python\n{self.answer}```")]
        shown = [(title, body) for title, body in folds[: 1 + bool(self.answer)] if self.hint]
        details = "".join(f"\n\n<details><summary>{title}</summary>\n\n{body}\n\n</details>" for title, body in shown)
        return f"**{repr(self).replace(':', '**:', 1)}{details}"


def verdict(
    exercise: str, mistake: str | None, *, praise: str, hint: str, answer: Callable[..., Any] | None = None
) -> Verdict:
    """Passed if there is no mistake; otherwise wrong, with more help from try to try.

    answer: the class or function whose source is shown in the end; a contest has none.
    """
    if mistake is None:
        _tries[exercise] = 0
        return Verdict("passed", praise)
    _tries[exercise] += 1
    shown_hint = hint if _tries[exercise] >= TRIES_BEFORE_HINT else ""
    shown_answer = inspect.getsource(answer) if answer and _tries[exercise] >= TRIES_BEFORE_ANSWER else ""
    return Verdict("wrong", mistake, shown_hint, shown_answer)


def check_function(
    exercise: str,
    function: Callable[..., Any],
    *,
    answer: Callable[..., Any],
    mistakes: Mapping[str, Callable[..., Any]],
    inputs: Sequence[tuple[Any, ...]],
    results: Sequence[str],
    praise: str,
    hint: str,
    as_compared: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
) -> Verdict:
    """Compare a reader's function with the answer on several inputs, the most general ones first.

    exercise: under which name wrong tries are counted.  as_compared: makes of the reader's function, and of the answer,
    one that returns what is to be compared.
    mistakes: what is said -> a function that makes this mistake; the first that gives what the reader's gives is named.
    results: what the function returns, one name for each thing.  Every call gets a fresh copy of its input.
    """
    mistake, found_by, right = None, as_compared(function), as_compared(answer)
    for arguments in inputs:
        try:
            found = found_by(*copy.deepcopy(arguments))
        except Exception as error:
            mistake = f"it raised {type(error).__name__}: {error}"
            break
        if found is ... or found is None or (isinstance(found, tuple) and any(part is ... for part in found)):
            return Verdict("open", NOT_FILLED_IN)
        expected = right(*copy.deepcopy(arguments))
        if not _same(found, expected):
            makers = (said for said, wrong in mistakes.items() if _same(found, wrong(*copy.deepcopy(arguments))))
            mistake = next(makers, None) or _first_difference(found, expected, results)
            break
    return verdict(exercise, mistake, praise=praise, hint=hint, answer=answer)


def _tensors(result: Any) -> tuple[Tensor, ...]:
    """What a function returned, as a tuple of tensors; raises for what cannot be one."""
    parts = result if isinstance(result, tuple | list) else (result,)
    return tuple(torch.as_tensor(part).detach().double() for part in parts)


def _same(found: Any, expected: Any) -> bool:
    try:
        pairs = list(zip(_tensors(found), _tensors(expected), strict=True))
    except (TypeError, ValueError, RuntimeError):
        return False
    return all(a.shape == b.shape and torch.allclose(a, b, TOLERANCE, TOLERANCE, equal_nan=True) for a, b in pairs)


def _first_difference(found: Any, expected: Any, names: Sequence[str]) -> str:
    """Where the first difference between two unequal results lies, in one sentence."""
    try:
        mine = _tensors(found)
    except (TypeError, ValueError, RuntimeError):
        return f"it returned {type(found).__name__}; expected {', '.join(names)}."
    theirs = _tensors(expected)
    if len(mine) != len(theirs):
        return f"it returned {len(mine)} things; expected {len(theirs)}: {', '.join(names)}."
    for name, a, b in zip(names, mine, theirs, strict=True):
        if a.shape != b.shape:
            return f"{name} has the shape {tuple(a.shape)}; expected {tuple(b.shape)}."
        different = ~torch.isclose(a, b, TOLERANCE, TOLERANCE, equal_nan=True)
        if different.any():
            place = tuple(different.nonzero()[0].tolist())
            where = f"{name}{list(place) if place else ''}"
            return (
                f"right shape, wrong values: {where} is {float(a[place]):.4f}; the library has {float(b[place]):.4f}."
            )
    raise AssertionError("two results that are the same")
