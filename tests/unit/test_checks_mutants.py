"""Every small change of every answer is the same function or told in a sentence; none of another value passes."""

import copy

import pytest
import torch
from mutants import mutants_of
from test_checks_every_exercise import EXERCISES

from rnnlib.checks import Exercise, running
from rnnlib.checks.running import Wrong
from rnnlib.checks.seeing import Seen, see


def values(exercise: Exercise, function) -> list[Seen | None]:
    """What a function gives on inputs of this test's own, not those of the check."""
    found: list[Seen | None] = []
    for seed, (_, arguments) in enumerate(exercise.cases()):
        generator = torch.Generator().manual_seed(100 + seed)
        mine = copy.deepcopy(arguments)
        for tensor in tensors(mine):
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 1.5)
        given = copy.deepcopy(mine)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                found.append(see(exercise.observe(function, *given)))
        except (Wrong, ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError):
            found.append(None)
    return found


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)


def same(one: Seen | None, other: Seen | None) -> bool:
    return one is not None and other is not None and one.same(other)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize("name", EXERCISES)
def test_no_mutant_that_changes_a_value_passes_and_each_is_told_in_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SECONDS", 3.0)
    exercise = EXERCISES[name]
    expected, wrong = values(exercise, exercise.answer), 0
    mutants = mutants_of(exercise.answer)
    for what, mutant in mutants:
        verdict = exercise(mutant)
        if verdict.result == "passed":
            pairs = zip(values(exercise, mutant), expected, strict=True)
            assert all(same(mine, its) for mine, its in pairs), f"passed: {what}"
        else:
            wrong += 1
            assert verdict.result == "wrong" and verdict.message[-1] in ".?)`", what
    assert wrong >= 2 and wrong >= len(mutants) // 2  # most changes are no other way to write the same


def test_mutants_differ_from_one_another_in_one_place() -> None:
    def double(W_hh):
        return 2 * W_hh + 1

    found = [what for what, _ in mutants_of(double)]
    assert "line 2: Add -> Sub" in found and "line 2: W_hh transposed" in found and "line 2: 2 -> 3" in found
    assert len(found) == len(set(found)) + 2  # the left and the right term are missing twice, once for each operator
