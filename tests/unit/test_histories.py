"""A history of any length: bounded, exact over its last steps, and no step is missing from its curves."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import small_batches, small_trainer

from rnnlib.live import checkpoints, histories
from rnnlib.live.curves import MOST_POINTS, Curves
from rnnlib.live.histories import LongHistory, long_history_of
from rnnlib.text import Corpus
from rnnlib.training import StepResult


@pytest.fixture(autouse=True)
def few_steps_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "STEPS_KEPT", 100)


def filled(steps: int, *, looks_at: tuple[int, ...] = ()) -> LongHistory:
    """A history of so many steps; somebody looks at its curves after some of them."""
    history = LongHistory()
    for step in range(1, steps + 1):
        clipped = float(step % 3 == 0)
        history.append(StepResult(*map(torch.tensor, (float(step), 1000.0 + step, clipped))), 0.5, math.inf, step / 10)
        if step in looks_at:
            history.curves()
    return history


@pytest.mark.parametrize("steps", [1, 99, 100, 199, 200, 201, 299, 300, 301, 1234])
def test_the_last_steps_are_exact(steps: int) -> None:
    history = filled(steps)
    columns = history.columns()
    kept = np.arange(history.steps_dropped + 1, steps + 1)
    assert len(history) == steps and min(steps, 100) <= len(kept) <= 200
    np.testing.assert_array_equal(columns["loss"], kept)
    np.testing.assert_allclose(columns["seconds"], kept / 10)
    np.testing.assert_array_equal(history.columns(steps - 1)["loss"], [steps])
    np.testing.assert_array_equal(history.columns(steps)["loss"], [])


@pytest.mark.parametrize("looks_at", [(), (1, 2, 3), (150, 199, 200, 201, 555), (700,)])
def test_every_step_is_in_the_curves_once(looks_at: tuple[int, ...]) -> None:
    curves, steps = filled(700, looks_at=looks_at).curves(), np.arange(1, 701)
    expected = Curves(3)
    expected.extend(steps, [steps, 1000 + steps, np.where(steps % 3 == 0, 1000 + steps, np.nan)])
    for curve, points in zip(curves.values(), expected.points, strict=True):
        np.testing.assert_array_equal(curve, points)


def test_steps_that_are_taken_back_were_never_drawn() -> None:
    history = filled(20)
    nothing = StepResult(*(torch.tensor(math.nan) for _ in range(2)), torch.tensor(0.0))
    for _ in range(7):
        history.append(nothing, 0.5, math.inf, 3.0)
        history.curves()
    history.forget_after(21)
    history.append(StepResult(*map(torch.tensor, (5.0, 6.0, 0.0))), 0.5, math.inf, 3.1)
    x, y = history.curves()["loss"].T
    np.testing.assert_array_equal(x, np.arange(1, 23))
    assert np.isnan(y[20]) and y[21] == 5 and len(history) == 22 == len(history.columns()["loss"])


def test_what_is_in_memory_does_not_grow() -> None:
    history = filled(5000)
    rows = len(history._on_device) + len(history._on_host)
    assert rows <= 2 * 1024 and len(history.curves()["loss"]) <= MOST_POINTS + 2


@pytest.mark.parametrize("steps", [0, 5, 250])
def test_a_saved_history_goes_on_as_if_it_had_not_been_saved(corpus: Corpus, tmp_path: Path, steps: int) -> None:
    trainer = small_trainer(corpus)
    trainer.history = LongHistory()
    trainer.run(steps)
    checkpoints.save(trainer, tmp_path / "checkpoint")
    again = checkpoints.load(tmp_path / "checkpoint", small_batches(corpus))
    for each in (trainer, again):
        each.run(120)
    mine, theirs = long_history_of(trainer.history), long_history_of(again.history)
    assert (len(mine), mine.steps_dropped) == (len(theirs), theirs.steps_dropped)
    np.testing.assert_array_equal(mine.columns()["loss"], theirs.columns()["loss"])
    for name, curve in mine.curves().items():
        np.testing.assert_array_equal(curve, theirs.curves()[name])


def test_a_plain_history_becomes_a_long_one(corpus: Corpus) -> None:
    trainer = small_trainer(corpus)
    trainer.run(30)
    long = long_history_of(trainer.history)
    np.testing.assert_array_equal(long.columns()["loss"], trainer.history.columns()["loss"])
    assert len(long.curves()["loss"]) == 30 and long_history_of(long) is long
