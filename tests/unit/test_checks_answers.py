"""The answers that checks show in the end: pasted into a notebook they pass, and they compute what the library does."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlib import checks, optimizers
from rnnlib.cells import GRU, LSTM, RNN, unroll
from rnnlib.checks import answers
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import SequentialBatches
from rnnlib.training import evaluate

EXERCISES: dict[str, Callable[[Any], checks.Verdict]] = {
    **{
        name: getattr(checks, name)
        for name in (
            "perplexity", "smoothed_bigram", "sequential_batches", "rnn_step", "rnn_forward", "unrolled_twice", "bptt",
            "missing_detach", "truncated", "clip_by_norm", "clip_by_value", "lstm_step", "gru_step", "clipped_once",
            "time_stays_time",
        )
    },
    "MyModel": checks.model,
    "my_start": checks.remembers,
}  # fmt: skip


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_every_answer_is_put_to_a_check() -> None:
    named = {name for name, answer in vars(answers).items() if inspect.getmodule(answer) is answers}
    assert named - {"my_rescue", "my_training"} == EXERCISES.keys()  # test_checks_06.py puts these to their checks


@pytest.mark.parametrize("name", EXERCISES)
def test_an_answer_that_is_copied_into_a_notebook_passes(name: str) -> None:
    notebook: dict[str, Any] = {}
    exec("import torch", notebook)
    exec(inspect.getsource(getattr(answers, name)), notebook)
    verdict = EXERCISES[name](notebook[name])
    assert verdict.result == "passed", verdict


@pytest.mark.parametrize("name", [name for name in EXERCISES if name not in ("MyModel", "my_start")])
def test_what_gives_nothing_useful_is_shown_the_answer_of_its_own_exercise(name: str) -> None:
    for _ in range(3):
        verdict = EXERCISES[name](lambda *arguments: "nothing useful")
    assert verdict.result == "wrong" and verdict.answer == inspect.getsource(getattr(answers, name))


def test_an_answer_has_the_name_under_which_the_reader_hands_it_in() -> None:
    def my_perplexity(logits, targets):
        return 0.0

    notebook: dict[str, Any] = {"torch": torch}
    for _ in range(3):
        verdict = checks.perplexity(my_perplexity)
    exec(verdict.answer, notebook)
    assert checks.perplexity(notebook["my_perplexity"]).result == "passed"


# ------------------------------------------------------------------------------ against the library


def test_the_answer_of_bptt_is_the_definition_of_the_cell() -> None:
    x_in, direct, W_hh = draw(6, 3, 4), draw(6, 3, 4) + 1, draw(4, 4)
    states = unroll(RNN, x_in, (draw(3, 4),), W_hh)
    found = RNN.backward(x_in, states, W_hh, direct)
    dh, dW_hh = answers.bptt(torch.stack([h for (h,) in states]), direct, W_hh)
    torch.testing.assert_close((dh, dW_hh), (found.hidden, found.W_hh))


def test_the_steps_of_the_answers_are_those_of_the_cells() -> None:
    h, c = draw(3, 4), draw(3, 4) + 1
    x, W_xh, W_hh, b_h = draw(3, 5), draw(5, 4), draw(4, 4), draw(4)
    torch.testing.assert_close(answers.rnn_step(x, h, W_xh, W_hh, b_h), RNN.step(x @ W_xh + b_h, (h,), W_hh)[0])
    x_in, W_hh = draw(4, 3, 4), draw(4, 4, 4)
    torch.testing.assert_close(answers.lstm_step(x_in, (h, c), W_hh), LSTM.step(x_in, (h, c), W_hh))
    torch.testing.assert_close(answers.gru_step(x_in[:3], h, W_hh[:3]), GRU.step(x_in[:3], (h,), W_hh[:3])[0])


@pytest.mark.parametrize("threshold", [0.5, 100.0])
@pytest.mark.parametrize("name", ["clip_by_norm", "clip_by_value"])
def test_the_answers_clip_as_the_library_does(name: str, threshold: float) -> None:
    mine, its = ([draw(3, 4), draw(4)] for _ in range(2))
    getattr(answers, name)(mine, threshold)
    getattr(optimizers, name)(its, threshold)
    torch.testing.assert_close(mine, its)


def test_the_answer_cuts_batches_as_the_library_does() -> None:
    its = SequentialBatches(torch.arange(50), batch_size=3, num_steps=4)
    mine = answers.sequential_batches(torch.arange(its.num_batches * 12 + 1), 3, 4)
    assert len(mine) == its.num_batches
    for number, (inputs, targets) in enumerate(mine):
        assert torch.equal(inputs, its[number].tokens) and torch.equal(targets, its[number].targets)


def test_the_answer_of_the_bigram_holds_what_add_one_smoothing_says() -> None:
    table = answers.smoothed_bigram(torch.tensor([0, 1, 0, 1, 0, 2]), 3)
    torch.testing.assert_close(table, torch.tensor([[1, 3, 2], [3, 1, 1], [1, 1, 1]]) / torch.tensor([[6], [5], [3]]))


def test_the_answer_of_perplexity_is_that_of_an_evaluation() -> None:
    tokens = torch.randint(5, (41,), generator=torch.Generator().manual_seed(0))
    model = LanguageModel("gru", vocab_size=5, hidden_size=4, generator=torch.Generator().manual_seed(0))
    logits, _ = model(tokens[:-1, None], model.initial_state(1))
    expected = torch.tensor(evaluate(model, tokens, batch_size=1)).exp()
    assert answers.perplexity(logits.detach(), tokens[1:, None]) == pytest.approx(float(expected), rel=1e-5)


def test_the_model_of_the_answer_computes_what_the_librarys_does() -> None:
    mine = answers.MyModel(6, 5)
    its = RNNModel(torch.nn.RNN(6, 5), 6)
    its.rnn.load_state_dict(mine.rnn.state_dict())
    its.output.load_state_dict(mine.output.state_dict())
    tokens, h = torch.randint(6, (4, 3)), torch.rand(1, 3, 5)
    logits, (last,) = its(tokens, (h,))
    torch.testing.assert_close(mine(tokens, h), (logits, last))
