"""What is true of every exercise: right answers pass, mistakes are named, and nothing a function does goes further."""

import sys
import threading
import time

import numpy as np
import pytest
import torch
from readers_answers import RIGHT, UNRELATED
from students_answers import ALSO_RIGHT, WRONG, answer
from torch import nn

from rnnlib import checks
from rnnlib.checks import Exercise, running
from rnnlib.checks.differing import difference
from rnnlib.checks.seeing import see

EXERCISES = {name: check for name in checks.__all__ if isinstance(check := getattr(checks, name), Exercise)}
MISTAKES = [(name, said) for name, exercise in EXERCISES.items() for said in exercise.mistakes]


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 30.0)  # a slow machine may need some for an import


def test_every_exercise_is_looked_at() -> None:
    assert RIGHT.keys() == UNRELATED.keys() == EXERCISES.keys()


@pytest.mark.parametrize("name", EXERCISES)
def test_the_library_s_own_answer_passes(name: str) -> None:
    assert EXERCISES[name](EXERCISES[name].answer).result == "passed"


@pytest.mark.parametrize(("name", "number"), [(name, number) for name in RIGHT for number in range(3)])
def test_other_right_answers_pass(name: str, number: int) -> None:
    verdict = EXERCISES[name](RIGHT[name][number])
    assert verdict.result == "passed", verdict


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, codes in ALSO_RIGHT.items() for code in codes])
def test_whatever_satisfies_the_statement_passes(name: str, code: str) -> None:
    verdict = EXERCISES[name](answer(name, code))
    assert verdict.result == "passed", verdict


@pytest.mark.parametrize(
    ("name", "code", "said"), [(name, *wrong) for name, answers in WRONG.items() for wrong in answers]
)
def test_students_are_told_what_is_wrong(name: str, code: str, said: str) -> None:
    verdict = EXERCISES[name](answer(name, code))
    assert verdict.result == "wrong" and said in verdict.message, verdict


def test_each_exercise_has_ten_wrong_answers_and_six_right_ones() -> None:
    for name in EXERCISES:
        assert len(WRONG[name]) >= 10 and len(RIGHT[name]) + len(ALSO_RIGHT[name]) >= 6, name


@pytest.mark.parametrize(("name", "said"), MISTAKES)
def test_every_mistake_is_told_by_its_own_sentence(name: str, said: str) -> None:
    verdict = EXERCISES[name](EXERCISES[name].mistakes[said])
    assert verdict.result == "wrong"
    assert verdict.message == said or ("it raised" in verdict.message and f" Perhaps {said}" in verdict.message)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_unrelated_mistake_is_shown_its_first_difference(name: str) -> None:
    verdict = EXERCISES[name](UNRELATED[name])
    assert verdict.result == "wrong" and verdict.message not in EXERCISES[name].mistakes
    assert "expected" in verdict.message and any(digit in verdict.message for digit in "0123456789")


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_says_what_is_asked(name: str) -> None:
    assert EXERCISES[name].__doc__ == EXERCISES[name].statement and "->" in f"{EXERCISES[name].statement}->"


# ------------------------------------------------------------------------------------ what is hostile


class Subclass(torch.Tensor):
    def __repr__(self) -> str:
        raise ValueError("no")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def raises(error):
    def function(*arguments):
        raise error

    return function


def calls_itself(*arguments):
    return calls_itself(*arguments)


def yields(*arguments):
    yield torch.zeros(2)


async def waits(*arguments):
    return torch.zeros(2)


HOSTILE = {
    "None": lambda *a: str(a)[:0] or None,
    "NumPy": lambda *a: np.zeros((3, 4)),
    "list of numbers": lambda *a: [[1.0, 2.0], [3.0]],
    "list of tensors": lambda *a: [torch.zeros(3), torch.ones(3)],
    "dict": lambda *a: {"h": torch.zeros(3)},
    "string": lambda *a: "a state",
    "bool": lambda *a: True,
    "complex number": lambda *a: 1j,
    "huge number": lambda *a: 10**400,
    "set": lambda *a: {1, 2},
    "sparse": lambda *a: torch.eye(3).to_sparse(),
    "compressed": lambda *a: torch.eye(3).to_sparse_csr(),
    "meta": lambda *a: torch.zeros(3, 4, device="meta"),
    "nested": lambda *a: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    "complex": lambda *a: torch.zeros(3, 4, dtype=torch.complex64),
    "half": lambda *a: torch.zeros(3, 4, dtype=torch.float16),
    "bfloat": lambda *a: torch.zeros(3, 4, dtype=torch.bfloat16),
    "booleans": lambda *a: torch.zeros(3, 4, dtype=torch.bool),
    "quantized": lambda *a: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
    "not a number": lambda *a: torch.full((3, 4), torch.nan),
    "nothing in it": lambda *a: torch.zeros(0),
    "an empty tuple": lambda *a: (),
    "an empty list": lambda *a: [],
    "a tuple of None": lambda *a: (None, None),
    "half open": lambda *a: (torch.zeros(2), ...),
    "far too large": lambda *a: torch.zeros(1).expand(10**12),
    "subclass": lambda *a: torch.zeros(3, 4).as_subclass(Subclass),
    "parameter": lambda *a: nn.Parameter(torch.zeros(3, 4)),
    "layer": lambda *a: nn.Linear(2, 2),
    "function": lambda *a: torch.tanh,
    "its first argument": lambda first, *a: first,
    "exception": raises(ValueError("this is wrong")),
    "exception without words": raises(ValueError()),
    "exception that cannot speak": raises(Unspeakable()),
    "exit": lambda *a: sys.exit(1),
    "interrupt": raises(KeyboardInterrupt()),
    "recursion": calls_itself,
    "generator": yields,
    "coroutine": waits,
    "wrong number of arguments": lambda: 3,
    "no function": 3,
}


@pytest.mark.filterwarnings("ignore:.*never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*prototype stage|.*beta state|.*quantize")
@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("name", EXERCISES)
def test_whatever_a_function_does_is_answered_in_a_sentence(name: str, what: str) -> None:
    verdict = EXERCISES[name](HOSTILE[what])
    assert verdict.result == "wrong", verdict
    assert verdict.message.endswith((".", "?", ")", "`")) and len(verdict.message) < 600


def loops(*arguments):
    while True:
        pass


def loops_whatever_comes(*arguments):
    number = 0
    while True:
        try:
            number += 1
        except BaseException:
            number = 0


@pytest.mark.parametrize("endless", [loops, loops_whatever_comes, lambda *a: time.sleep(60)])
@pytest.mark.parametrize("name", EXERCISES)
def test_a_loop_without_an_end_is_ended(name: str, endless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.05)
    verdict = EXERCISES[name](endless)
    assert "it was still running after 0.05 seconds (line " in verdict.message


def test_it_is_ended_in_another_thread_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.05)
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(checks.rnn_step(loops)))
    thread.start()
    thread.join(30)
    assert "it was still running after 0.05 seconds" in verdicts[0].message
    assert "time limit of a check" not in [each.name for each in threading.enumerate()]


def test_what_is_told_of_the_usual_ones() -> None:
    told = {what: checks.rnn_step(HOSTILE[what]).message for what in HOSTILE}
    assert told["None"] == "it returned None; is `return` missing?"
    assert "NumPy array" in told["NumPy"] and "it returned 2 things; expected one: " in told["list of tensors"]
    assert "it returned lists of numbers; expected a tensor" in told["list of numbers"]
    assert told["exception"].startswith("it raised ValueError: this is wrong (line ")
    assert "`raise error`" in told["exception"] and "is nan; expected" in told["not a number"]
    assert "called as rnn_step(x, h, W_xh, W_hh, b_h)" in told["wrong number of arguments"]


def test_none_behind_a_return_is_told_apart_from_a_missing_return() -> None:
    def appended(*arguments):
        return [].append(arguments)

    def nothing(*arguments):
        str(arguments)

    assert "that is what stands behind `return`, as `.grad`" in checks.rnn_step(appended).message
    assert "it returned None; is `return` missing?" in checks.rnn_step(nothing).message


def test_what_printed_and_returned_nothing_is_told_so() -> None:
    assert "`print` shows a value, and `return` hands it over" in checks.rnn_step(lambda *a: print(a[0])).message


def stub(*arguments):
    """To be written."""
    ...


@pytest.mark.parametrize("empty", [..., stub, lambda *a: None, lambda *a: ..., lambda *a: (..., ...)])
@pytest.mark.parametrize("name", EXERCISES)
def test_what_does_nothing_is_still_open(name: str, empty) -> None:
    assert EXERCISES[name](empty).result == "open"


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (torch.zeros(2), "hand in the function itself; this is something else, a Tensor"),
        (None, "hand in the function itself; this is something else, a NoneType"),
        (Subclass, "this is a class; a function is asked for, `def Subclass(x, h, W_xh, W_hh, b_h):`"),
        (lambda x: x, "It is called as rnn_step(x, h, W_xh, W_hh, b_h)."),
    ],
)
def test_what_is_handed_in_is_a_function_that_takes_its_arguments(thing, said: str) -> None:
    assert said in checks.rnn_step(thing).message


def test_a_model_that_was_made_is_no_class() -> None:
    assert "hand in the class itself, `RNN`" in checks.model(nn.RNN(2, 3)).message


def test_parameters_in_another_order_are_told() -> None:
    def my_step(h, x, W_xh, W_hh, b_h):
        return torch.zeros_like(x)

    said = "Its parameters stand in another order. It is called as my_step(x, h, W_xh, W_hh, b_h)."
    assert said in checks.rnn_step(my_step).message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h.T, "the state is right but for the order of the axes: (H, B); expected (B, H) = (3, 4)."),
        (lambda h: h[None], "the state is right but for the shape: (1, 3, 4); expected (B, H) = (3, 4)."),
        (lambda h: h[1:], "right but for the first sequence, which is missing: there are 2; expected (B, H) = (3, 4)."),
        (lambda h: h[:-1], "right but for the last sequence, which is missing"),
        (lambda h: torch.cat([h, h]), "the state has the shape (6, 4)"),
        (lambda h: torch.cat([h, h[:1]]), "right but for the last sequence, which is one too many: there are 4"),
        (lambda h: torch.cat([h[:1], h]), "right but for the first sequence, which is one too many: there are 4"),
        (lambda h: h.flip(0), "right but for the direction: the last sequence comes first"),
        (lambda h: torch.cat([h[:1] * 0, h[:-1]]), "what is found for sequence 1 is expected for sequence 0"),
        (lambda h: torch.cat([h[1:], h[:1] * 0]), "what is found for sequence 0 is expected for sequence 1"),
        (
            lambda h: h.sum(0),
            "the state is right but for the axis B: this is the sum along it; expected (B, H) = (3, 4).",
        ),
        (lambda h: h.mean(1), "the state is right but for the axis H: this is the mean along it"),
        (lambda h: h[0], "the state is right but for the axis B: this is the first along it"),
        (lambda h: h[:, -1], "the state is right but for the axis H: this is the last along it"),
        (lambda h: 0 * h[0], "the state has the shape (4,); expected (B, H) = (3, 4)"),
        (lambda h: 0 * h, "the state is zero everywhere: nothing was put there"),
        (lambda h: -h, "the state is right but for the sign."),
        (lambda h: h / 7, "right but for a factor: each number is 0.1429 times the one expected"),
        (lambda h: h.double().round(decimals=3), "right but for rounding to 3 digits"),
        (lambda h: h + 1, "right shape, wrong values: entry [0, 0] of the state"),
    ],
)
def test_what_was_done_to_the_right_numbers_is_told(change, said: str) -> None:
    assert said in checks.rnn_step(lambda *a: change(checks.rnn_step.answer(*a))).message


def test_right_things_in_the_wrong_order_are_told() -> None:
    found = difference(see((torch.ones(2), torch.zeros(2))), see((torch.zeros(2), torch.ones(2))), ["a (B)", "b (B)"])
    assert found == "all that it returned is right, but in the wrong order; expected a (B), b (B)."


def test_the_right_one_of_several_things_is_told() -> None:
    verdict = checks.rnn_step(lambda *a: (a[1], checks.rnn_step.answer(*a)))
    assert "it returned 2 things; expected one: the state (B, H). Number 2 of them is right" in verdict.message


def test_a_sentence_is_no_other_mistake_that_is_right_where_the_answer_is_not() -> None:
    def of_floats(tokens, batch_size, num_steps):
        return [(x.float(), y.float()) for x, y in checks.sequential_batches.answer(tokens, batch_size, num_steps)]

    assert "the inputs must hold torch.int64" in checks.sequential_batches(of_floats).message


def test_not_implemented_is_open() -> None:
    def to_be_written(*arguments):
        raise NotImplementedError

    assert checks.rnn_step(to_be_written).result == "open"


# ----------------------------------------------------------------------------------- what stays as it was


def test_a_check_leaves_threads_random_numbers_alarms_and_modes_as_they_were() -> None:
    import random
    import signal

    def everything() -> tuple:
        return (
            torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state().tolist(), random.getstate(),
            signal.getsignal(signal.SIGALRM), sys.gettrace(), threading.active_count(), sys.stdout, sys.stderr,
        )  # fmt: skip

    before = everything()
    for function in (RIGHT["rnn_step"][0], lambda *a: torch.rand(3), lambda *a: torch.set_grad_enabled(False)):
        checks.rnn_step(function)
    assert everything() == before


def test_prints_are_kept_apart_and_shown_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = checks.rnn_step(lambda *a: print("x has <b>", len(a)))
    assert capsys.readouterr().out == ""
    assert verdict.printed == "x has <b> 5\n" and "<pre>x has &lt;b&gt; 5" in verdict._repr_markdown_()


def test_a_message_is_shown_as_it_stands() -> None:
    def of(error: Exception) -> str:
        return checks.rnn_step(raises(error))._repr_markdown_()

    assert r"Tanh.\_\_init\_\_() takes \*args" in of(TypeError("Tanh.__init__() takes *args"))
    assert r"got \<class 'int'\> \[1, 2\] \$x\$" in of(TypeError("got <class 'int'> [1, 2] $x$"))
    markdown = checks.rnn_step(lambda x, h, W_xh, W_hh, b_h: W_xh @ x)._repr_markdown_()
    assert markdown.startswith("**Not right yet") and "`x @ W_xh`, `h @ W_hh`" in markdown
    assert "Perhaps W\\_xh stands before x" in markdown


def test_what_is_printed_without_an_end_is_cut() -> None:
    assert len(checks.rnn_step(lambda *a: print("x" * 10**6)).printed) == running.MOST_PRINTED


def test_a_second_try_is_counted_and_helped() -> None:
    first, second = (checks.gru_step(lambda *a: "nothing") for _ in range(2))
    assert repr(first).startswith("Not right yet: ") and repr(second).startswith("Not right yet (try 2): ")
    assert not first.hint and second.hint
