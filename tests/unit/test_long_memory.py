"""Tasks as they are defined, contestants as they are named, a race that ends and leaves no thread."""

import threading
from collections.abc import Iterator

import pytest
import torch
from factories import wait_until
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnlib import checks
from rnnlib.topics import initialisation, long_memory
from rnnlib.topics.long_memory import CONTESTANTS, Contestant, learn, steps_to_success
from rnnlib.topics.tasks import TASKS, adding, copying, noisy_sine, temporal_order
from rnnlib.widgets import MemoryRace


def threads_of(name: str) -> list[str]:
    """The threads that work for whatever has this name."""
    return [thread.name for thread in threading.enumerate() if name in thread.name]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(delay=st.integers(1, 30), B=st.integers(1, 5), seed=st.integers(0, 99))
def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum(delay: int, B: int, seed: int) -> None:
    inputs, targets = adding(delay, B, generator(seed))
    assert inputs.shape == (2 * delay, B, 2) and targets.shape == (1, B)
    numbers, marks = inputs.unbind(-1)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert (marks[:delay].sum(0) == 1).all() and (marks[delay:].sum(0) == 1).all() and (marks * (1 - marks) == 0).all()
    torch.testing.assert_close(targets[0], torch.stack([numbers[:, b][marks[:, b] == 1].sum() for b in range(B)]))


@given(delay=st.integers(2, 30), B=st.integers(1, 5), seed=st.integers(0, 99))
def test_temporal_order_asks_for_both_symbols_in_their_order(delay: int, B: int, seed: int) -> None:
    inputs, targets = temporal_order(delay, B, generator(seed))
    assert inputs.shape == (delay + 1, B, 6) and targets.shape == (1, B)
    symbols = inputs.argmax(-1)
    assert (inputs.sum(-1) == 1).all()
    for b in range(B):
        told = [int(symbol) for symbol in symbols[:, b] if symbol < 2]
        assert len(told) == 2 and int(targets[0, b]) == 2 * told[0] + told[1]
    assert (symbols[0] < 2).all()


@given(delay=st.integers(1, 20), B=st.integers(1, 4), length=st.integers(1, 5), seed=st.integers(0, 99))
def test_copying_asks_for_the_first_symbols_after_the_sign(delay: int, B: int, length: int, seed: int) -> None:
    inputs, targets = copying(delay, B, generator(seed), length=length)
    symbols = inputs.argmax(-1)
    assert torch.equal(symbols[:length], targets) and (targets < 8).all()
    assert (symbols[length + delay - 1] == 9).all() and ((symbols == 9).sum(0) == 1).all()
    assert (symbols[-length:] == 8).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_chance_line_is_what_the_best_constant_answer_reaches(task) -> None:
    _, targets = task.draw(10, 20_000, generator())
    if task.classes:
        best = min(float((targets != answer).float().mean()) for answer in range(task.output_size))
    else:
        best = float(targets.var(correction=0))
    assert best == pytest.approx(task.chance, abs=0.01)


def test_the_noisy_sine_is_a_sine_with_noise() -> None:
    series = noisy_sine(5000, generator())
    rest = series - torch.sin(0.01 * torch.arange(5000))
    assert float(rest.std()) == pytest.approx(0.2, rel=0.05) and abs(float(rest.mean())) < 0.01
    assert torch.equal(noisy_sine(50, generator(3)), noisy_sine(50, generator(3)))


def test_bad_sizes_and_names_are_told_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="delay and batch_size must be at least 1; they are 0 and 2"):
        adding(0, 2, generator())
    with pytest.raises(ValueError, match="there is no contestant 'MLP'"):
        Contestant("MLP", TASKS["adding"], generator())
    with pytest.raises(ValueError, match="the delay must be one of"):
        MemoryRace(delay=7)


@pytest.mark.parametrize("kind", CONTESTANTS)
def test_contestants_take_no_random_numbers_from_the_reader(kind: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    Contestant(kind, TASKS["adding"], generator())
    assert torch.equal(torch.rand(4), expected)


def test_contestants_begin_as_their_names_say() -> None:
    networks = {kind: Contestant(kind, TASKS["adding"], generator()).rnn for kind in CONTESTANTS}
    W = networks["orthogonal RNN"].weight_hh_l0.detach()
    torch.testing.assert_close(W @ W.T, torch.eye(32), atol=1e-5, rtol=0)
    assert torch.equal(networks["IRNN"].weight_hh_l0.detach(), torch.eye(32))
    assert networks["IRNN"].mode == "RNN_RELU" and networks["RNN"].mode == "RNN_TANH"
    assert (networks["LSTM"].bias_ih_l0[32:64] == 1).all()


def test_a_short_task_is_learnt_and_an_impossible_budget_is_not_met() -> None:
    task = TASKS["temporal order"]
    assert steps_to_success("LSTM", task, 5, seed=0, most_steps=400) is not None
    assert steps_to_success("LSTM", task, 5, seed=0, most_steps=10) is None


def test_learning_repeats_itself_bit_for_bit() -> None:
    first, second = (learn("GRU", TASKS["adding"], 5, seed=1) for _ in range(2))
    assert [next(first) for _ in range(4)] == [next(second) for _ in range(4)]


class TestMemoryRace:
    @pytest.fixture
    def race(self):
        race = MemoryRace(name="test race", delay=5, most_steps=40)
        yield race
        race.pause()

    def test_everybody_runs_until_the_end_and_no_thread_stays(self, race: MemoryRace) -> None:
        race.buttons["Start"].click()
        race.wait()
        assert not race.running
        wait_until(lambda: not threads_of("test race"))
        wait_until(lambda: "not running" in race.text)
        chart = race.compute()
        for kind, curve in race.curves.items():
            assert curve[-1].step == 40 or f"{kind}: solved after" in race.text
            assert chart.series[kind][:, 0].tolist() == [test.step for test in curve]

    def test_pause_keeps_and_reset_forgets(self, race: MemoryRace) -> None:
        race.most_steps = 100_000
        race.start()
        wait_until(lambda: race.curves["LSTM"])
        race.buttons["Pause"].click()
        race.wait()
        kept = {kind: list(curve) for kind, curve in race.curves.items()}
        assert any(kept.values()) and not race.running
        race.start()
        wait_until(lambda: race.curves != kept)
        assert all(race.curves[kind][: len(curve)] == curve for kind, curve in kept.items())
        race.buttons["Reset"].click()
        assert not any(race.curves.values())

    def test_another_task_or_delay_begins_anew_and_goes_on(self, race: MemoryRace) -> None:
        race.most_steps = 100_000
        race.start()
        race.delay.value = 10
        assert race.running
        race.task.value = "adding"
        assert race.running
        wait_until(lambda: "Adding, delay 10" in race.text)
        race.pause()

    def test_the_same_name_replaces_the_earlier_race(self, race: MemoryRace) -> None:
        race.most_steps = 100_000
        race.start()
        newer = MemoryRace(name="test race", delay=5)
        assert not race.running and not threads_of("race test race")
        newer.stop()

    def test_an_exception_in_the_thread_is_told(self, race: MemoryRace) -> None:
        def fail() -> Iterator[long_memory.Test]:
            raise ZeroDivisionError("a fault in the training")
            yield

        race.learners["RNN"] = fail()
        race.start()
        with pytest.raises(ZeroDivisionError, match="a fault in the training"):
            race.wait()
        wait_until(lambda: "The training ended: a fault in the training" in race.news)
        assert not race.running


# ----------------------------------------------------------------------------------- the challenge


def rotate(rnn: nn.RNN) -> None:
    rnn.weight_hh_l0.copy_(initialisation.orthogonal(32, generator(5)))


def test_a_rotation_to_begin_with_passes() -> None:
    assert checks.remembers(rotate).result == "passed"


def test_other_beginnings_are_told_how_they_end() -> None:
    assert checks.remembers(lambda rnn: None).result == "open"
    shrunk = checks.remembers(lambda rnn: rnn.weight_hh_l0.mul_(0.1), steps=60)
    assert shrunk.result == "wrong" and "of the sequences are wrong" in shrunk.message
    broken = checks.remembers(lambda rnn: rnn.weight_hh_l0.fill_(float("nan")))
    assert "not finite" in broken.message
    assert "it raised AttributeError" in checks.remembers(lambda rnn: rnn.W_hh.zero_()).message
