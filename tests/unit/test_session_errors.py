"""What goes wrong in a session: refused knobs and settings, divergence, exceptions; nothing of it is lost or harms."""

import math
import threading
from collections.abc import Iterator

import pytest
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.live import experiments
from rnnlib.live.experiments import FORK, MAIN, change_of
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.training import Trainer


@pytest.fixture
def session() -> Iterator[Session]:
    with_small_network = Session(Settings(**SMALL_SESSION), name="test")
    yield with_small_network
    with_small_network.stop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "learning rate must be a number above 0"),
        ({"learning_rate": math.nan}, "learning rate must be a number above 0"),
        ({"clip_threshold": -1}, "clipping threshold must be above 0"),
        ({"hidden_size": 0}, "hidden size must be a whole number, 1 to 4096"),
        ({"cell": "tree"}, "no cell 'tree'"),
        ({"colour": 1}, "no knob 'colour'"),
    ],
)
def test_invalid_knobs_are_refused_at_the_knob(session: Session, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        session.set(**change)
    session.run(2)
    assert session.events == [] and session.steps_made == 2


def test_a_size_that_does_not_fit_in_memory_is_refused_and_training_goes_on(session: Session, monkeypatch) -> None:
    def too_large(*args: object, **kwargs: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nlong trace")

    monkeypatch.setattr(experiments, "resize", too_large)
    session.set(hidden_size=512)
    session.run(3)
    assert session.rejected_change == "hidden_size=512 was refused: DefaultCPUAllocator: can't allocate memory"
    assert session.model.hidden_size == 16 and session.steps_made == 3 and session.events == []


def test_divergence_pauses_keeps_good_weights_and_can_be_rescued(session: Session) -> None:
    session.run(10)
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.run(50)
    assert session.steps_made < 60 and not session.running
    assert "weights are the last that were found good" in session.diverged[MAIN]
    session.set(learning_rate=0.1, clip_threshold=1.0)
    session.run(10)
    assert session.diverged == {} and math.isfinite(losses_of(session)[-1])
    assert "resumed" in [event.knob for event in session.events]


def test_a_diverged_fork_does_not_stop_main(session: Session) -> None:
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork()
    session.set(learning_rate=1.0, clip_threshold=1.0)
    session.run(20)
    assert FORK in session.diverged and MAIN not in session.diverged
    assert session.steps_made == 20 and len(losses_of(session)) == 20


def test_a_rescued_fork_goes_on_from_its_own_step_and_not_faster_than_main(session: Session) -> None:
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork()
    session.set(learning_rate=0.5, clip_threshold=1.0)
    session.run(30)
    fork = session.trainers[FORK]
    broke = fork.steps_made
    assert FORK in session.diverged and broke < 30
    fork.set(learning_rate=0.1, clip_threshold=1.0)
    session.worker.do(change_of("resumed", True))
    session.run(4)
    assert (fork.steps_made, session.steps_made) == (broke + 4, 34)


def test_a_session_that_has_ended_keeps_no_memory_for_steps(session: Session) -> None:
    session.run(3)
    trainer = session.trainers[MAIN]
    assert trainer._engine._workspace is not None
    session.stop()
    assert trainer._engine._workspace is None
    trainer.step()
    assert trainer.steps_made == 4


def test_a_new_fork_trains_although_an_earlier_one_has_diverged(session: Session) -> None:
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork()
    session.set(learning_rate=1.0, clip_threshold=1.0)
    session.start()
    wait_until(lambda: FORK in session.diverged)
    session.fork(FORK)
    session.pause()
    session.wait()
    steps_before = session.steps_made
    session.run(10)
    assert session.diverged == {} and len(losses_of(session, FORK)) == session.steps_made == steps_before + 10


def test_fewer_than_one_step_is_refused(session: Session) -> None:
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"steps must be 1 or more; they are {steps}"):
            session.run(steps)
    assert session.steps_made == 0


def test_an_exception_in_the_thread_is_raised_by_wait_and_leaves_the_session_usable(
    session: Session, monkeypatch
) -> None:
    def fail(trainer: Trainer) -> None:
        raise ZeroDivisionError("a fault in the step")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", fail)
        with pytest.raises(ZeroDivisionError, match="a fault in the step"):
            session.run(5)
        assert not session.running
    session.run(5)
    assert session.steps_made == 5


def test_reset_helps_after_an_exception_in_the_thread(session: Session, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", lambda trainer: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.run(5)
    session.reset()
    assert session.error is None and session.steps_made == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"device": "cpu"}, "a session keeps its device; make a new session"),
        ({"hidden_size": 0}, "the hidden size must be a whole number, 1 to 4096; it is 0"),
        ({"learning_rate": -1.0}, "the learning rate must be a number above 0"),
        ({"batches": "alphabetical"}, "batches must be"),
    ],
)
def test_an_invalid_reset_changes_nothing(session: Session, settings: dict, sentence: str) -> None:
    session.run(5)
    with pytest.raises(ValueError, match=sentence):
        session.reset(**settings)
    assert session.steps_made == 5
    session.reset()
    assert session.steps_made == 0 and session.settings == Settings(**SMALL_SESSION)


def test_waiting_too_long_says_so(session: Session) -> None:
    session.start()
    with pytest.raises(TimeoutError, match="still at work after 0.1 seconds"):
        session.wait(timeout=0.1)


def test_invalid_settings_are_told_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="batches must be"):
        Session(Settings(**{**SMALL_SESSION, "batches": "alphabetical"}), name="bad")
    with pytest.raises(ValueError, match="need at least"):
        Session(Settings(**{**SMALL_SESSION, "max_train_tokens": 50}), name="bad")
    with pytest.raises(ValueError, match="characters the network never saw"):
        Session(Settings(**SMALL_SESSION), name="bad", prefix="42")
    assert "session bad" not in [thread.name for thread in threading.enumerate()]
