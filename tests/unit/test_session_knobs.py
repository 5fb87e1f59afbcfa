"""What a reader may do with a session beside its training knobs: forks, optimizer, pace, another text."""

import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.live import recordings, sessions
from rnnlib.live.experiments import MAIN, MOST_FORKS
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings


@pytest.fixture
def session():
    small = Session(Settings(**SMALL_SESSION), name="test")
    yield small
    small.stop()


def replayed(session: Session, tmp_path: Path) -> Session:
    recordings.save(session, tmp_path / "saved")
    return recordings.replay(tmp_path / "saved")


# ------------------------------------------------------------------------------------------------ forks


def test_four_forks_each_keep_the_knobs_they_began_with(session: Session, tmp_path: Path) -> None:
    for rate in (1.0, 0.5, 0.25, 0.125):
        session.set(learning_rate=rate)
        session.fork(f"at {rate:g}")
        session.run(3)
    session.set(learning_rate=2.0)
    session.run(3)
    rates = {name: trainer.knobs.learning_rate for name, trainer in session.trainers.items()}
    assert rates == {MAIN: 2.0, "at 1": 1.0, "at 0.5": 0.5, "at 0.25": 0.25, "at 0.125": 0.125}
    again = replayed(session, tmp_path)
    loaded = recordings.load(tmp_path / "saved", name="loaded")
    for name in session.trainers:
        np.testing.assert_array_equal(losses_of(session, name), losses_of(again, name))
        np.testing.assert_array_equal(losses_of(session, name), losses_of(loaded, name))


def test_forks_get_names_of_their_own_however_quickly_they_are_asked_for(session: Session) -> None:
    session.start()
    for _ in range(MOST_FORKS):
        session.fork()
    with pytest.raises(ValueError, match="there are 4 forks; name one of fork, fork 2, fork 3, fork 4 to replace it"):
        session.fork()
    session.worker.settle()
    assert list(session.trainers) == [MAIN, "fork", "fork 2", "fork 3", "fork 4"]


def test_a_fork_of_the_same_name_is_replaced_and_one_that_is_dropped_is_gone(session: Session, tmp_path: Path) -> None:
    session.fork("a")
    session.run(5)
    session.fork("a")
    session.fork("b")
    session.worker.settle()
    assert torch.equal(session.trainers["a"].model.trainable[0], session.trainers[MAIN].model.trainable[0])
    session.drop_fork("a")
    session.run(2)
    assert list(session.trainers) == [MAIN, "b"]
    assert [(event.knob, event.new) for event in session.events[-2:]] == [("fork", "b"), ("fork dropped", "a")]
    assert list(replayed(session, tmp_path).trainers) == [MAIN, "b"]


@pytest.mark.parametrize("name", ["", "   ", "main", "x" * 25])
def test_a_name_that_cannot_be_is_refused(session: Session, name: str) -> None:
    with pytest.raises(ValueError, match="a fork's name has 1 to 24 characters and is not 'main'"):
        session.fork(name)
    with pytest.raises(ValueError, match="there is no fork 'x'; there are: none"):
        session.drop_fork("x")
    assert session.events == [] and list(session.trainers) == [MAIN]


# ------------------------------------------------------------------------------------------- optimizer


def test_another_optimizer_keeps_weights_and_state_and_replays(session: Session, tmp_path: Path) -> None:
    session.run(5)
    main = session.trainers[MAIN]
    weights, state = main.model.trainable[0].clone(), [part.clone() for part in main.state]
    session.set(optimizer="adam", learning_rate=0.01)
    session.worker.settle()
    assert main.optimizer.name == "adam" and torch.equal(main.model.trainable[0], weights)
    assert all(torch.equal(part, before) for part, before in zip(main.state, state, strict=True))
    session.run(5)
    session.set(cell="gru", hidden_size=12)
    session.run(5)
    assert session.trainers[MAIN].optimizer.name == "adam"
    np.testing.assert_array_equal(losses_of(session), losses_of(replayed(session, tmp_path)))
    session.reset()
    assert session.trainers[MAIN].optimizer.name == session.settings.optimizer == "adam"


def test_an_optimizer_that_does_not_exist_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="there is no optimizer 'rprop'; choose from: sgd, adam"):
        session.set(optimizer="rprop", learning_rate=0.5)
    session.run(1)
    assert session.events == []


# ------------------------------------------------------------------------------------------------ pace


def test_a_slow_pace_is_kept_and_heard_at_once(session: Session) -> None:
    session.steps_per_second = 0.01  # the second step would come after 100 seconds
    session.start()
    wait_until(lambda: session.steps_made == 1)
    session.set(learning_rate=0.5)  # knobs are obeyed while it rests
    wait_until(lambda: session.events)
    assert session.steps_made == 1 and session.running
    session.steps_per_second = math.inf
    wait_until(lambda: session.steps_made > 20)
    session.steps_per_second = 0.01
    started = time.monotonic()
    session.pause()
    session.wait()
    assert time.monotonic() - started < 50


def test_steps_are_as_far_apart_as_the_pace_says(session: Session) -> None:
    session.steps_per_second = 50.0
    started = time.monotonic()
    session.run(11)
    assert time.monotonic() - started >= 10 / 50


def test_the_pace_changes_no_number_and_a_bad_one_is_refused(session: Session) -> None:
    fast = Session(Settings(**SMALL_SESSION), name="fast")
    fast.run(6)
    session.steps_per_second = 100.0
    session.run(6)
    fast.stop()
    np.testing.assert_array_equal(losses_of(session), losses_of(fast))
    for pace in (0, -1, math.nan):
        with pytest.raises(ValueError, match="the pace must be above 0 steps a second"):
            session.steps_per_second = pace
    assert session.steps_per_second == 100.0


# ---------------------------------------------------------------------------------- reset, evaluations


def test_a_reset_takes_another_text_whole_or_not_at_all(session: Session, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("one two three four five six seven " * 200)
    session.run(3)
    with pytest.raises(FileNotFoundError):
        session.reset(text=str(tmp_path / "missing.txt"))
    with pytest.raises(ValueError, match="the hidden size must be"):
        session.reset(text=str(tmp_path / "own.txt"), hidden_size=0)
    assert session.steps_made == 3 and session.settings.text == "story" and session.prefix != "one two"
    session.reset(text=str(tmp_path / "own.txt"), batch_size=4, num_steps=7)
    session.run(3)
    assert session.prefix == "one two" and len(session.corpus.vocab) == 15  # 13 letters, the space, <unk>
    batches = session.trainers[MAIN].batches
    assert (batches.batch_size, batches.num_steps) == (4, 7)


def test_evaluations_of_a_long_run_are_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_EVALUATIONS", 8)
    for _ in range(30):
        session.run(1)
        session.evaluate_now()
        session.worker.settle()
    steps = [evaluation.step for evaluation in session.evaluations]
    assert len(steps) <= 8 and steps[0] == 1 and steps[-1] == 30 and steps == sorted(steps)


def test_a_replay_tells_the_first_change_that_was_refused(session: Session, tmp_path: Path) -> None:
    session.run(3)
    session.set(learning_rate=0.5)
    session.run(3)
    recordings.save(session, tmp_path / "saved")
    content = recordings.read(tmp_path / "saved")
    forged = {"step": 2, "knob": "fork dropped", "old": None, "new": "nobody"}
    recordings.write_file(tmp_path / "forged", {**content, "events": [forged, *content["events"]]})
    again = recordings.replay(tmp_path / "forged")
    assert "fork dropped=nobody was refused: there is no fork 'nobody'" in again.rejected_change
