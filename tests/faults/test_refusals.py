"""Refused is unchanged: network, state, knobs and whether it trains; and no file is opened because a file says so."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.live import experiments, plain_files, recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings


@pytest.fixture
def session() -> Iterator[Session]:
    small = Session(Settings(**SMALL_SESSION), name="refusals")
    yield small
    small.stop()


# ------------------------------------------------------------------------------------------------ knobs

IMPOSSIBLE = [
    {"learning_rate": 1e-60},
    {"learning_rate": 1e300},
    {"learning_rate": "fast"},
    {"learning_rate": torch.ones(2)},
    {"clip_threshold": 1e-60},
    {"clip_threshold": 1e300},
    {"clip_threshold": None},
    {"clip_by": "taste"},
    {"hidden_size": 4097},
    {"hidden_size": 2.5},
    {"cell": None},
    {"optimizer": 7},
    {"learning_rate": 0.1, "hidden_size": 0},
]


@pytest.mark.parametrize("knobs", IMPOSSIBLE, ids=str)
def test_an_impossible_knob_is_told_in_one_sentence_and_training_goes_on_unchanged(
    session: Session, knobs: dict[str, Any]
) -> None:
    session.start()
    for refuses in (session.set, session.reset):
        with pytest.raises(ValueError) as found:
            refuses(**knobs)
        assert "\n" not in str(found.value) and str(found.value).endswith("."), found.value
    reached = session.steps_made
    wait_until(lambda: session.steps_made > reached)
    assert session.running and session.events == [] and session.trainers[MAIN].knobs.learning_rate == 1.0


@pytest.mark.parametrize("settings", [{"seed": 2**70}, {"batch_size": 0}, {"text": "nowhere"}, {"batch_size": 9999}])
def test_a_reset_that_cannot_be_changes_nothing_while_it_trains(session: Session, settings: dict[str, Any]) -> None:
    session.start()
    wait_until(lambda: session.steps_made > 3)
    with pytest.raises((ValueError, FileNotFoundError)):
        session.reset(**settings)
    assert session.running and session.steps_made > 3 and session.settings == Settings(**SMALL_SESSION)


def test_a_setting_that_is_not_there_is_told(session: Session) -> None:
    with pytest.raises(ValueError, match="there is no setting 'colour'; choose from: text, "):
        session.reset(colour="blue")


@pytest.mark.parametrize(
    "half",
    [np.float64(0.5), np.float32(0.5), np.float16(0.5), np.array(0.5), torch.tensor(0.5), Fraction(1, 2), 0.5],
    ids=lambda half: type(half).__name__,
)
def test_numbers_of_any_library_are_plain_ones_and_can_be_saved_and_read(
    session: Session, tmp_path: Path, half: Any
) -> None:
    session.set(learning_rate=half, clip_threshold=half, hidden_size=torch.tensor(12))
    session.run(2)
    recordings.save(session, tmp_path / "saved")
    content = recordings.read(tmp_path / "saved")
    assert [(event["new"], type(event["new"])) for event in content["events"]] == [
        (0.5, float), (0.5, float), (12, int)
    ]  # fmt: skip


def test_a_number_of_a_library_that_none_here_knows_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="learning rate must be a number above 0"):
        session.set(learning_rate=Decimal("0.5"))


# ------------------------------------------------------------------------------------------------ memory

LARGE = """
import resource
import torch
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

session = Session(Settings(cell={cell!r}, hidden_size=64, batch_size=8, num_steps=10, device="cpu"))
session.run(5)
session.set(hidden_size=80)
session.set(hidden_size=64)
session.run(5)
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + {room} * 2**20,) * 2)
session.set(hidden_size=4096)
session.worker.settle()
grown, refused = session.model.hidden_size, session.rejected_change
assert (grown == 4096) == (refused == ""), (grown, refused)
assert grown == 4096 or "there is not enough memory for 4096 units" in refused, refused
session.set(hidden_size=64)
session.run(5)
assert session.model.hidden_size == 64 and session.steps_made == 15 and session.error is None
print("back from", grown)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says how much memory is mapped")
@pytest.mark.parametrize(("cell", "room"), [("rnn", 60), ("rnn", 700), ("lstm", 600)])
def test_from_4096_units_there_is_a_way_back_where_memory_ends(cell: str, room: int) -> None:
    code = LARGE.format(cell=cell, room=room)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, env=environment)
    assert done.stdout.startswith("back from"), done.stderr[-2000:]


# --------------------------------------------------------------------------------- texts named by files


@pytest.fixture
def of_its_readers(tmp_path: Path) -> Path:
    """The file of a session over a text of its reader's."""
    text = tmp_path / "own.txt"
    text.write_text("the lamp burns low and the sea is calm " * 60)
    session = Session(Settings(text=text, **{**SMALL_SESSION, "max_train_tokens": None}), name="own")
    session.run(3)
    recordings.save(session, tmp_path / "own.session")
    session.stop()
    return tmp_path / "own.session"


def naming(path: Path, text: str) -> Path:
    content = recordings.read(path)
    content["settings"]["text"] = text
    plain_files.write_file(path, content)
    return path


def test_a_text_that_this_process_has_trained_on_is_found_again(of_its_readers: Path) -> None:
    loaded = recordings.load(of_its_readers, name="again")
    loaded.stop()
    assert loaded.steps_made == 3


def test_a_text_of_a_readers_is_opened_where_the_reader_names_it(
    of_its_readers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "_texts_opened_here", set())
    for read in (recordings.load, recordings.replay):
        with pytest.raises(ValueError, match="which is not opened because a file says so; name it: text="):
            read(of_its_readers, name="again")
    elsewhere = of_its_readers.with_name("moved.txt")
    of_its_readers.with_name("own.txt").rename(elsewhere)
    loaded = recordings.load(of_its_readers, name="again", text=elsewhere)
    again = recordings.replay(of_its_readers, name="replay", text=elsewhere)
    for one in (loaded, again):
        one.stop()
    np.testing.assert_array_equal(losses_of(loaded), losses_of(again))
    elsewhere.write_text("another text of somebody else's " * 100)
    with pytest.raises(ValueError, match="it was not loaded"):
        recordings.load(of_its_readers, name="again", text=elsewhere)


OPENED: list[str] = []
sys.addaudithook(lambda event, arguments: OPENED.append(str(arguments[0])) if event == "open" else None)


@pytest.mark.parametrize(
    "text",
    ["/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "~/.ssh/id_rsa", "../../secret", "secret", "pipe",
     "http://127.0.0.1:9/x", "file:///etc/passwd", "a\0b", "x" * 4000, "."],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_nothing_is_opened_because_a_file_says_so(of_its_readers: Path, text: str, monkeypatch) -> None:
    monkeypatch.chdir(of_its_readers.parent)
    Path("secret").write_text("only its owner knows " * 50)
    os.mkfifo("pipe")
    path = naming(of_its_readers, text)
    OPENED.clear()
    began = time.monotonic()
    for read in (recordings.load, recordings.replay):
        with pytest.raises(ValueError, match="is not opened because a file says so"):
            read(path, name="hostile")
    assert [name for name in OPENED if name != str(path)] == [] and time.monotonic() - began < 10
