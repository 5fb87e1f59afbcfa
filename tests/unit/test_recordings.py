"""Sessions in files: saved, loaded to go on with, replayed with the same numbers; what cannot be read is told."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.live import checkpoints, recordings
from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.training import Trainer


@pytest.fixture
def session() -> Iterator[Session]:
    with_small_network = Session(Settings(**SMALL_SESSION), name="test")
    yield with_small_network
    with_small_network.stop()


def test_replay_gives_the_same_numbers(session: Session, tmp_path: Path) -> None:
    session.run(15)
    session.set(hidden_size=24)
    session.run(5)
    session.fork()
    session.set(clip_threshold=0.1, learning_rate=3.0)
    session.run(15)
    session.set(hidden_size=20)
    session.set(cell="gru")
    session.run(5)
    recordings.save(session, tmp_path / "saved")
    again = recordings.replay(tmp_path / "saved", name="replay")
    try:
        for name in (MAIN, FORK):
            assert np.array_equal(losses_of(session, name), losses_of(again, name))
        assert again.events == session.events
    finally:
        again.stop()


def test_a_loaded_session_continues_bit_for_bit(session: Session, tmp_path: Path) -> None:
    session.run(10)
    session.set(hidden_size=20)
    session.run(5)
    recordings.save(session, tmp_path / "saved")
    loaded = recordings.load(tmp_path / "saved", name="loaded")
    try:
        for one in (session, loaded):
            one.run(10)
        assert np.array_equal(losses_of(session), losses_of(loaded)) and loaded.steps_made == 25
    finally:
        loaded.stop()


def test_a_loaded_session_that_had_diverged_can_be_rescued_and_replayed(session: Session, tmp_path: Path) -> None:
    session.run(10)
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.run(50)
    recordings.save(session, tmp_path / "diverged")
    loaded = recordings.load(tmp_path / "diverged", name="loaded")
    assert loaded.diverged == session.diverged
    loaded.set(learning_rate=0.1, clip_threshold=1.0)
    loaded.run(10)
    recordings.save(loaded, tmp_path / "rescued")
    again = recordings.replay(tmp_path / "rescued", name="replay")
    for one in (loaded, again):
        one.stop()
    assert np.array_equal(losses_of(loaded), losses_of(again), equal_nan=True) and math.isfinite(losses_of(again)[-1])


def test_a_replay_that_fails_leaves_no_thread(session: Session, tmp_path: Path, monkeypatch) -> None:
    session.run(3)
    recordings.save(session, tmp_path / "saved")
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recordings.replay(tmp_path / "saved", name="replay")
    assert "session replay" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_session_of_so_few_steps_is_saved_and_read(session: Session, tmp_path: Path, steps: int) -> None:
    if steps:
        session.run(steps)
    recordings.save(session, tmp_path / "saved")
    loaded = recordings.load(tmp_path / "saved", name="loaded")
    loaded.stop()
    assert np.array_equal(losses_of(loaded), losses_of(session)) and loaded.steps_made == steps


def test_saving_while_training_goes_on_afterwards(session: Session, tmp_path: Path) -> None:
    session.run(10)
    session.start(400)
    wait_until(lambda: session.steps_made >= 15)
    recordings.save(session, tmp_path / "saved")
    session.wait()
    assert (session.asked_from, session.steps_made, session.asked_to) == (10, 410, 410)


def test_a_loaded_session_writes_from_the_same_prefix_and_its_snapshot_is_trained(tmp_path: Path) -> None:
    saved = Session(Settings(**SMALL_SESSION), name="saved", prefix="a storm")
    saved.run(5)
    recordings.save(saved, tmp_path / "saved")
    for again in (
        recordings.load(tmp_path / "saved", name="again"),
        recordings.replay(tmp_path / "saved", name="replay"),
    ):
        assert again.prefix == "a storm"
        assert torch.equal(again.snapshot.vector, saved.model.vector)
        again.stop()
    saved.stop()


def test_a_file_that_does_not_fit_ends_no_running_session(session: Session, tmp_path: Path, monkeypatch) -> None:
    recordings.save(session, tmp_path / "saved")
    monkeypatch.setattr(recordings, "from_state_dict", lambda content, batches: {}["nothing"])
    with pytest.raises(KeyError):
        recordings.load(tmp_path / "saved", name="test")
    session.run(3)
    assert session.steps_made == 3


def test_replaying_leaves_torchs_number_of_threads_as_it_was(session: Session, tmp_path: Path) -> None:
    session.run(3)
    recordings.save(session, tmp_path / "saved")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        recordings.replay(tmp_path / "saved", name="replay").stop()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="it was not loaded"):
        recordings.replay(tmp_path / "text")


def test_an_older_format_is_told_by_its_number(session: Session, tmp_path: Path) -> None:
    recordings.save(session, tmp_path / "new")
    content = recordings.read(tmp_path / "new")
    for name, sentence in (
        ("rnnlib session 1", "older was saved in format 1; this version reads 5"),
        ("rnnlib checkpoint 1", "is not a file of the kind"),
    ):
        checkpoints.write_file(tmp_path / "older", {**content, "format": name})
        with pytest.raises(ValueError, match=sentence):
            recordings.load(tmp_path / "older")


def test_a_failed_save_stops_no_training(session: Session, tmp_path: Path) -> None:
    session.start()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError):
        recordings.save(session, tmp_path / "file" / "saved")
    reached = session.steps_made
    wait_until(lambda: session.steps_made > reached)


def test_what_was_given_as_a_path_or_as_numbers_of_numpy_can_be_read_again(session: Session, tmp_path: Path) -> None:
    text = tmp_path / "story.txt"
    text.write_text("the lamp burns low and the sea is calm " * 50)
    numbers = {"hidden_size": np.int64(8), "learning_rate": np.float32(0.5), "seed": np.int32(3)}
    mine = Session(Settings(text=text, batch_size=4, num_steps=5, device="cpu", **numbers), name="mine")
    mine.run(3)
    mine.set(hidden_size=np.int64(12), clip_threshold=np.float64(0.25))
    mine.run(3)
    mine.stop()
    recordings.save(mine, tmp_path / "saved")
    again = recordings.replay(tmp_path / "saved", name="again")
    again.stop()
    assert again.settings == mine.settings and again.events == mine.events
    assert np.array_equal(losses_of(again), losses_of(mine))
