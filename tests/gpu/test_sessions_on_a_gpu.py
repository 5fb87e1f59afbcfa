"""Sessions, sweeps and races on a GPU, with others looking on from their own threads."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from factories import losses_of

from rnnlib.arguments import choose_device
from rnnlib.engine.gpu import Graph
from rnnlib.live import recordings
from rnnlib.live.sessions import Session, tokens_per_second
from rnnlib.live.settings import Settings
from rnnlib.live.sweeps import sweep
from rnnlib.text import Corpus
from rnnlib.topics.long_memory import CONTESTANTS, learn
from rnnlib.topics.tasks import TASKS


@contextmanager
def looked_at(session: Session) -> Iterator[None]:
    """Another thread reads the curves all the while."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            for trainer in list(session.trainers.values()):
                trainer.history.columns()
                tokens_per_second(trainer)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        ended.set()
        looker.join()


def test_a_session_that_is_looked_at_goes_through_all_its_changes_and_repeats(
    small: dict[str, Any], story: Corpus, tmp_path: Path
) -> None:
    session = Session(Settings(**small), name="on a gpu")
    session.corpus = replace(session.corpus, validation=story.validation)
    changes: list[dict[str, Any]] = [
        {"learning_rate": 0.5}, {"hidden_size": 12}, {"hidden_size": 6}, {"cell": "gru"}, {"clip_by": "value"},
        {"optimizer": "adam", "learning_rate": 0.01},
    ]  # fmt: skip
    with looked_at(session):
        session.keep_evaluating(100)
        session.run(8)
        for change in changes:
            session.set(**change)
            session.run(6)
        session.fork()
        session.run(6)
        session.set(hidden_size=8)  # main's old graph goes, the fork's lives on
        session.run(6)
        session.evaluate_now()
        session.wait()
    assert session.rejected_change == "" and len(session.evaluations) > 1
    recordings.save(session, tmp_path / "session")
    for reopen in (recordings.load, recordings.replay):
        again = reopen(tmp_path / "session", name=f"again by {reopen.__name__}")
        for name, trainer in session.trainers.items():
            assert again.trainers[name].steps_made == trainer.steps_made
            torch.testing.assert_close(
                again.trainers[name].model.state_dict(), trainer.model.state_dict(), rtol=0, atol=0
            )
        again.run(3)
        again.stop()
    session.stop()


def test_two_sessions_train_at_once(small: dict[str, Any]) -> None:
    sessions = [Session(Settings(**small, seed=seed), name=f"one of two: {seed}") for seed in range(2)]
    for session in sessions:
        session.start(12)
    for session in sessions:
        session.wait()
        session.stop()
    assert [session.steps_made for session in sessions] == [12, 12]


def broken_and_rescued(settings: Settings) -> tuple[Session, str]:
    """A session with two forks whose main and whose first fork diverge; main is rescued and goes on."""
    session = Session(settings, name=f"diverging on {settings.device}")
    session.run(5)
    session.fork("healthy")
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork("ill")
    session.run(60)
    told = str(sorted(session.diverged))
    session.set(learning_rate=0.1, clip_threshold=1.0)
    session.run(7)
    return session, told


def test_a_session_that_diverges_has_the_steps_and_weights_that_it_has_on_a_cpu(
    small: dict[str, Any], tmp_path: Path
) -> None:
    (found, told), (expected, as_on_a_cpu) = (
        broken_and_rescued(Settings(**{**small, "device": device})) for device in (small["device"], "cpu")
    )
    assert told == as_on_a_cpu and "main" in told
    assert found.steps_made == expected.steps_made < 40
    assert [(event.step, event.knob) for event in found.events] == [(e.step, e.knob) for e in expected.events]
    for name, trainer in found.trainers.items():
        assert trainer.steps_made == expected.trainers[name].steps_made, name
        np.testing.assert_allclose(losses_of(found, name), losses_of(expected, name), rtol=2e-3)
        torch.testing.assert_close(
            trainer.model.trainable[0].detach().cpu(), expected.trainers[name].model.trainable[0].detach(),
            rtol=2e-3, atol=1e-5,
        )  # fmt: skip
    recordings.save(found, tmp_path / "diverged")
    again = recordings.replay(tmp_path / "diverged")
    for name, trainer in found.trainers.items():
        assert np.array_equal(losses_of(again, name), losses_of(found, name), equal_nan=True)
        assert torch.equal(again.trainers[name].model.trainable[0].cpu(), trainer.model.trainable[0].cpu())


def test_a_session_that_has_ended_keeps_no_graph(cuda: str, small: dict[str, Any]) -> None:
    for end in (lambda session: session.stop(), lambda session: Session(Settings(**small), name=session.name)):
        session = Session(Settings(**small), name="ends")
        session.run(6)
        runner = session.trainers["main"]._runner
        assert isinstance(runner, Graph) and runner._graph is not None
        end(session)
        assert runner._graph is None


class HereAndNow(Executor):
    """An executor that keeps the settings it was given."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []

    def submit(self, function, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.settings.append(args[0])
        future: Future[object] = Future()
        future.set_result(function(*args, **kwargs))
        return future


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_sweep_has_the_numbers_of_the_cpu_and_repeats_bit_for_bit(small: dict[str, Any], cell: str) -> None:
    grid: dict[str, Any] = {"learning_rates": [0.1, 1.0, 3e38], "clip_thresholds": [0.1, math.inf], "steps": 24}
    found, again, expected = (
        list(sweep(Settings(**{**small, "device": device, "cell": cell}), **grid))
        for device in (small["device"], small["device"], "cpu")
    )
    for one, other, on_cpu in zip(found, again, expected, strict=True):
        assert np.array_equal(one.losses, other.losses, equal_nan=True) and one.diverged == on_cpu.diverged
        np.testing.assert_allclose(one.losses, on_cpu.losses, rtol=2e-3)
        assert one.validation_loss == pytest.approx(on_cpu.validation_loss, rel=2e-3)


def test_workers_of_a_sweep_are_not_handed_the_one_gpu(small: dict[str, Any]) -> None:
    workers = HereAndNow()
    settings = Settings(**{**small, "device": "auto"})
    list(sweep(settings, learning_rates=[0.1, 1.0], clip_thresholds=[0.1], steps=3, executor=workers))
    assert {settings.device for settings in workers.settings} == {"cpu"}


def test_auto_takes_cuda_where_it_works_and_never_mps(gpu: str) -> None:
    assert choose_device("auto").type == ("cuda" if gpu == "cuda" else "cpu")


def test_a_gpu_on_which_nothing_works_is_left_alone(cuda: str, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(torch, "ones", fails)
    assert choose_device("auto").type == "cpu"


def test_the_memory_race_runs_beside_it() -> None:
    for kind in CONTESTANTS:
        tests = learn(kind, TASKS["adding"], 3)
        for _ in range(2):
            next(tests)
