"""An exercise: what a reader's function is to return, on which inputs, and the mistakes that have a name.

Before: verdict.py.  Next: one file of exercises for each notebook.
"""

import copy
import dis
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from rnnlib.checks.differing import difference
from rnnlib.checks.exceptions import words_of
from rnnlib.checks.running import Outcome, run
from rnnlib.checks.seeing import RETURNED_NONE, Seen, kind_of, see
from rnnlib.checks.verdict import NOT_FILLED_IN, Verdict, verdict

Function = Callable[..., Any]
Case = tuple[str, tuple[Any, ...]]
PRINTED = "it printed something and returned None; `print` shows a value, and `return` hands it over."
BEHIND_RETURN = (
    "it returned None: that is what stands behind `return`, as `.grad` of a tensor that has got no gradient, or what a "
    "method gives that changes its object, as `append`."
)
NOTHING = {"RESUME", "NOP", "LOAD_CONST", "POP_TOP", "RETURN_CONST", "RETURN_VALUE"}  # what such a body consists of


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

    def __call__(self, function: Any) -> Verdict:
        """Passed, open or wrong, and why."""
        if does_nothing(function):
            return Verdict("open", self.to_do)
        found: list[Seen] = []
        with torch.device("cpu"):
            cases = self.cases()
            outcome = run(lambda: self._call(function, cases, found))
            if outcome.open or isinstance(outcome.returned, StillOpen):
                return Verdict("open", self.to_do)
            with torch.random.fork_rng(devices=[]):
                mistake = no_function(function, self.answer) or self._mistake(function, cases, found, outcome)
        name = str(getattr(function, "__name__", ""))
        return verdict(
            self.name, mistake, praise=self.praise, hint=self.hint, answer=self.answer, name=name,
            printed=outcome.printed,
        )  # fmt: skip

    def _call(self, function: Function, cases: Sequence[Case], found: list[Seen]) -> StillOpen | str | None:
        """Append what a reader's function gives for each case; a sentence on what it did to its arguments."""
        changed = None
        for _, arguments in cases:
            mine = copy.deepcopy(arguments)
            raw = self.observe(function, *mine)
            if _is_to_do(raw):
                return StillOpen()
            found.append(see(raw, self.results))
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
            assert isinstance(expected, Seen), self.name
            differs = None if self.also_right(seen, *arguments) else difference(seen, expected, self.results)
            if differs is not None:
                named = self._named(found, cases, number, expected)
                return named or self._in_case(number, cases, differs + _other_order(function, self.answer))
        if outcome.raised.startswith("TypeError") and not outcome.called:
            return f"{outcome.problem} {_how_called(function, self.answer)}"
        if outcome.problem == RETURNED_NONE:
            why = PRINTED if outcome.printed else BEHIND_RETURN if _returns_something(function) else RETURNED_NONE
            return self._in_case(len(found), cases, why)
        if outcome.raised:
            return self._why_it_raised(function, cases, found, outcome)
        if outcome.problem:
            return self._in_case(len(found), cases, outcome.problem)
        return outcome.returned

    def _why_it_raised(self, function: Function, cases: Sequence[Case], found: list[Seen], outcome: Outcome) -> str:
        case, arguments = cases[len(found)]
        raised = [
            said
            for said, wrong in self.mistakes.items()
            if self._given_by(wrong, arguments) == outcome.raised and self._gives(wrong, found, cases)
        ]
        more = f" Perhaps {raised[0]}" if raised else _other_order(function, self.answer)
        return self._in_case(len(found), cases, f"{outcome.problem}{more}{'' if found else f' The case: {case}.'}")

    def _named(self, found: Sequence[Seen], cases: Sequence[Case], number: int, expected: Seen) -> str | None:
        """What is said of the mistake that gives all that was found, or at least all up to the first wrong case."""
        here = cases[number : number + 1]
        wrong = {said: each for said, each in self.mistakes.items() if not self._gives(each, [expected], here)}
        for some in (found, found[: number + 1]):
            for said, each in wrong.items():
                if self._gives(each, some, cases):
                    return said
        return None

    def _gives(self, function: Function, found: Sequence[Seen], cases: Sequence[Case]) -> bool:
        """Whether one of the library's own functions gives what was found."""
        given = (self._given_by(function, arguments) for _, arguments in cases)
        return all(isinstance(its, Seen) and its.same(mine) for mine, its in zip(found, given, strict=False))

    def _given_by(self, function: Function, arguments: tuple[Any, ...]) -> Seen | str:
        """What one of the library's own functions gives; where it has nothing to give, the words of its exception."""
        try:
            return see(self.observe(function, *copy.deepcopy(arguments)))
        except Exception as error:
            return words_of(error)

    @staticmethod
    def _in_case(number: int, cases: Sequence[Case], sentence: str) -> str:
        if number == 0:
            return sentence
        return f"right for {cases[0][0]}; but for {cases[number][0]}, {sentence}"


# ------------------------------------------------------------------------ what was handed in, and how it is called


def does_nothing(function: Any) -> bool:
    """Whether a function is still to be written: it is `...`, or has nothing in it but `...`, `pass`, `return None`."""
    if not isinstance(function, FunctionType):
        return function is ...
    instructions = list(dis.get_instructions(function))
    constants = [one.argval for one in instructions if one.opname in ("LOAD_CONST", "RETURN_CONST")]
    return {one.opname for one in instructions} <= NOTHING and all(one is None or _is_to_do(one) for one in constants)


def _returns_something(function: Any) -> bool:
    """Whether something that is no constant stands behind a `return`."""
    instructions = list(dis.get_instructions(function)) if isinstance(function, FunctionType) else []
    return any(
        (before.opname, one.opname) != ("LOAD_CONST", "RETURN_VALUE") and one.opname == "RETURN_VALUE"
        for before, one in pairwise(instructions)
    )


def _is_to_do(returned: Any) -> bool:
    """Whether it is `...`, once or for each of several things."""
    several = returned if isinstance(returned, tuple) and returned else (returned,)
    return all(part is ... for part in several)


def no_function(handed_in: Any, answer: Function) -> str | None:
    """What is wrong with handing this in where a function like the answer is asked for, or None."""
    wanted = "class" if isinstance(answer, type) else "function"
    if wanted == "class" and isinstance(handed_in, nn.Module):
        return f"hand in the class itself, `{type(handed_in).__name__}`; this is a model made of it."
    if wanted == "function" and isinstance(handed_in, type):
        return f"this is a class; a function is asked for, `def {handed_in.__name__}{_parameters(answer)}:`."
    if not callable(handed_in):
        made = f"was the {wanted} called already, with brackets behind its name?"
        return f"hand in the {wanted} itself; this is something else, {kind_of(handed_in)}: {made}"
    return None


def _how_called(function: Function, answer: Function) -> str:
    name = str(getattr(function, "__name__", ""))
    return f"It is called as {name if name.isidentifier() else answer.__name__}{_parameters(answer)}."


def _other_order(function: Function, answer: Function) -> str:
    """A sentence for whoever has the right parameters in another order; otherwise nothing."""
    try:
        mine = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ""
    wanted = list(inspect.signature(answer).parameters)
    moved = mine != wanted and sorted(mine) == sorted(wanted)
    return f" Its parameters stand in another order. {_how_called(function, answer)}" if moved else ""


def _parameters(function: Function) -> str:
    return f"({', '.join(inspect.signature(function).parameters)})"


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
