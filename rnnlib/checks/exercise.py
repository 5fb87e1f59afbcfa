"""An exercise: what a reader's function is to return, on which inputs, and the mistakes that have a name.

Before: verdict.py.  Next: one file of exercises for each notebook.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor

from rnnlib.checks.running import Outcome, Wrong, run
from rnnlib.checks.seeing import Seen, difference, see
from rnnlib.checks.verdict import NOT_FILLED_IN, Verdict, verdict

Function = Callable[..., Any]
Case = tuple[str, tuple[Any, ...]]


class StillOpen(Exception):
    """Nothing was filled in yet."""


def as_called(function: Function, *arguments: Any) -> Any:
    """What a function returns."""
    return function(*arguments)


@dataclass(frozen=True)
class Exercise:
    """A table that checks a reader's function: exercise(function) -> Verdict.  It raises nothing at a reader.

    statement: what is asked, exactly; whatever satisfies it passes.  cases: gives (what it is called, arguments), the
    most general ones first; every call gets a fresh copy.  results: what is to be returned, with its axes.
    answer: one that is right.  mistakes: what is said -> a function that makes this mistake.
    observe: calls a function and gives what is compared, by default what it returns; raises Wrong for what it sees
    itself.  also_right: whether what was found is another right answer.  in_place: whether arguments may be changed.
    to_do: what is said while nothing has been done yet.
    """

    name: str
    statement: str
    cases: Callable[[], Sequence[Case]]
    results: Sequence[str]
    answer: Function
    mistakes: Mapping[str, Function]
    praise: str
    hint: str
    observe: Function = as_called
    also_right: Callable[..., bool] = lambda found, *arguments: False
    in_place: bool = False
    to_do: str = NOT_FILLED_IN

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.statement)

    def __call__(self, function: Function | EllipsisType) -> Verdict:
        """Passed, open or wrong, and why."""
        if function is ...:
            return Verdict("open", self.to_do)
        found: list[Seen] = []
        with torch.device("cpu"):
            cases = self.cases()
            outcome = run(lambda: self._call(function, cases, found))
            if outcome.open or isinstance(outcome.returned, StillOpen):
                return Verdict("open", self.to_do)
            with torch.random.fork_rng(devices=[]):
                mistake = self._mistake(function, cases, found, outcome)
        name = getattr(function, "__name__", "")
        return verdict(
            self.name, mistake, praise=self.praise, hint=self.hint, answer=self.answer, name=str(name),
            printed=outcome.printed,
        )  # fmt: skip

    def _call(self, function: Function, cases: Sequence[Case], found: list[Seen]) -> StillOpen | str | None:
        """Append what a reader's function gives for each case; a sentence on what it did to its arguments."""
        changed = None
        for _, arguments in cases:
            mine = copy.deepcopy(arguments)
            raw = self.observe(function, *mine)
            if raw is ... or (isinstance(raw, tuple) and len(raw) > 0 and all(part is ... for part in raw)):
                return StillOpen()
            found.append(see(raw))
            if not self.in_place and changed is None:
                changed = self._changed(arguments, mine)
        return changed

    def _changed(self, before: Sequence[Any], after: Sequence[Any]) -> str | None:
        for name, one, other in zip(inspect.signature(self.answer).parameters, before, after, strict=False):
            same = (
                a.shape == b.shape and torch.equal(a, b) for a, b in zip(_tensors(one), _tensors(other), strict=True)
            )
            if not all(same):
                return (
                    f"the values are right, but it changed its argument {name} in place, which the caller still needs."
                )
        return None

    def _mistake(self, function: Function, cases: Sequence[Case], found: list[Seen], outcome: Outcome) -> str | None:
        """The first mistake, or None."""
        for number, (seen, (_, arguments)) in enumerate(zip(found, cases, strict=False)):
            expected = self._given_by(self.answer, arguments)
            assert expected is not None, self.name
            differs = None if self.also_right(seen, *arguments) else difference(seen, expected, self.results)
            if differs is not None:
                named = self._named(found, cases) or self._named(found[: number + 1], cases)
                return named or self._in_case(number, cases, differs)
        if outcome.problem and not outcome.called:
            return f"{outcome.problem} It is called as {self.answer.__name__}{_parameters(self.answer)}."
        if outcome.problem:
            return self._in_case(len(found), cases, outcome.problem)
        return outcome.returned

    def _named(self, found: Sequence[Seen], cases: Sequence[Case]) -> str | None:
        """What is said of the mistake that gives all that was found, if there is one."""
        for said, wrong in self.mistakes.items():
            given = (self._given_by(wrong, arguments) for _, arguments in cases)
            if all(its is not None and its.same(mine) for mine, its in zip(found, given, strict=False)):
                return said
        return None

    def _given_by(self, function: Function, arguments: tuple[Any, ...]) -> Seen | None:
        """What one of the library's own functions gives; None where it has nothing to give."""
        try:
            return see(self.observe(function, *copy.deepcopy(arguments)))
        except (Wrong, IndexError, RuntimeError, TypeError, ValueError):
            return None

    @staticmethod
    def _in_case(number: int, cases: Sequence[Case], sentence: str) -> str:
        if number == 0:
            return sentence
        return f"right for {cases[0][0]}; but for {cases[number][0]}, {sentence}"


def _parameters(function: Function) -> str:
    return f"({', '.join(inspect.signature(function).parameters)})"


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
