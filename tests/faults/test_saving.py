"""A save that cannot be, is cut off or is disturbed: the old file or the new one, and training goes on."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib import files
from rnnlib.live import recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings


@pytest.fixture
def session() -> Iterator[Session]:
    small = Session(Settings(**SMALL_SESSION), name="saving")
    yield small
    small.stop()


KILLED = """
import os, random, signal, sys, time
import torch
from rnnlib.live import plain_files
path, chance = sys.argv[1], random.Random(0)
contents = [{"format": "rnnlib session 5", "weights": torch.full((300_000,), float(k))} for k in range(2)]
plain_files.write_file(path, contents[0])
for _ in range(25):
    child = os.fork()
    if child == 0:
        while True:
            for content in contents:
                plain_files.write_file(path, content)
    time.sleep(chance.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert plain_files.read_file(path, "rnnlib session 5")["weights"].unique().numel() == 1
print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_process_killed_at_any_moment_of_a_save_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout.strip() == "whole", done.stderr[-2000:]


def test_what_a_killed_process_left_is_removed_by_a_later_save(tmp_path: Path) -> None:
    left, young, other = (tmp_path / name for name in (".file.1.tmp", ".file.2.tmp", ".another file.3.tmp"))
    for path in (left, young, other):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))
    os.utime(other, (0, 0))
    files.write_atomically(tmp_path / "file", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".another file.3.tmp", ".file.2.tmp", "file"]


@contextmanager
def no_room_for_more_than(size: int) -> Iterator[None]:
    """Inside, the system lets no file grow further: a full disk, as far as a program sees it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_in_one_sentence_and_training_goes_on(session: Session, tmp_path: Path) -> None:
    recordings.save(session, tmp_path / "saved")
    before = (tmp_path / "saved").read_bytes()
    session.start()
    with no_room_for_more_than(5_000), pytest.raises(OSError) as found:
        recordings.save(session, tmp_path / "saved")
    told = str(found.value)
    assert told.startswith(f"{tmp_path / 'saved'} could not be written (") and told.endswith("it is left as it was.")
    assert (tmp_path / "saved").read_bytes() == before and list(tmp_path.iterdir()) == [tmp_path / "saved"]
    reached = session.steps_made
    wait_until(lambda: session.steps_made > reached)


@pytest.mark.parametrize("place", ["a folder", "file/below", "\0", "x" * 300])
def test_an_impossible_place_is_told_in_one_sentence_and_training_goes_on(
    session: Session, tmp_path: Path, place: str
) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "file").write_text("in the way")
    session.start()
    with pytest.raises((OSError, ValueError)) as found:
        recordings.save(session, tmp_path / place)
    assert "\n" not in str(found.value)
    reached = session.steps_made
    wait_until(lambda: session.steps_made > reached)


def test_a_file_saved_while_others_turn_the_knobs_is_whole_and_replays(session: Session, tmp_path: Path) -> None:
    stopped = threading.Event()

    def turn(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not stopped.wait(0.02):
            session.set(learning_rate=float(chance.uniform(0.1, 1)), hidden_size=int(chance.integers(8, 20)))
            session.start()

    threads = [threading.Thread(target=turn, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            recordings.save(session, tmp_path / f"saved {number}")
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    session.pause()
    session.wait()
    for number in range(3):
        loaded = recordings.load(tmp_path / f"saved {number}", name="loaded")
        again = recordings.replay(tmp_path / f"saved {number}")
        np.testing.assert_array_equal(losses_of(loaded), losses_of(again))
        assert loaded.trainers[MAIN].steps_made == again.steps_made and loaded.events == again.events


def test_who_waits_for_steps_gets_them_while_another_saves(session: Session, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: [recordings.save(session, tmp_path / "saved") for _ in range(10)])
    session.start(300)
    thread.start()
    session.wait()
    assert session.steps_made == 300
    thread.join()
