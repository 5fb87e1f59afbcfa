"""Sessions: changes between two steps, events, replay, divergence, and no thread left behind."""

import math
import threading
import time

import numpy as np
import pytest
import torch

from rnnlib import sessions
from rnnlib.sessions import FORK, MAIN, Event, Session, Settings, fresh_trainer, tokens_per_second
from rnnlib.training import Trainer

SMALL = {"hidden_size": 16, "batch_size": 8, "num_steps": 10, "max_train_tokens": 4000, "device": "cpu"}


@pytest.fixture
def session():
    with_small_network = Session(Settings(**SMALL), name="test")
    yield with_small_network
    with_small_network.stop()


def losses(session: Session, name: str = MAIN) -> np.ndarray:
    return session.trainers[name].history.columns()["loss"]


def test_run_makes_the_steps_asked_for_and_learns(session: Session) -> None:
    session.run(150)
    assert session.steps_made == 150 and not session.running
    assert losses(session)[-20:].mean() < losses(session)[0] - 0.3
    assert tokens_per_second(session.trainers[MAIN]) > 1000


def test_a_session_equals_a_trainer_run_by_itself(session: Session) -> None:
    session.run(30)
    trainer = fresh_trainer(session.settings, session.corpus)
    trainer.run(30)
    assert np.array_equal(losses(session), trainer.history.columns()["loss"])


def test_knobs_take_effect_between_two_steps_and_are_remembered(session: Session) -> None:
    session.run(5)
    session.set(learning_rate=0.25, clip_threshold=0.5)
    session.set(hidden_size=24)
    session.run(5)
    assert session.events == [
        Event(5, "learning_rate", 1.0, 0.25), Event(5, "clip_threshold", 1.0, 0.5), Event(5, "hidden_size", 16, 24)
    ]  # fmt: skip
    assert list(session.trainers[MAIN].history.columns()["learning_rate"]) == [1.0] * 5 + [0.25] * 5
    assert session.model.hidden_size == 24


def test_a_change_while_training_takes_effect_within_the_next_step(session: Session) -> None:
    session.start()
    while session.steps_made < 20:
        time.sleep(0.001)
    session.set(learning_rate=0.125)
    asked_at = session.steps_made
    while not session.events:
        time.sleep(0.001)
    session.pause()
    session.wait()
    rates = session.trainers[MAIN].history.columns()["learning_rate"]
    assert int(np.argmax(rates == 0.125)) <= asked_at + 1


def test_changing_the_cell_begins_with_fresh_weights_and_keeps_the_curve(session: Session) -> None:
    session.run(60)
    session.set(cell="lstm")
    session.run(1)
    assert session.model.cell.name == "lstm" and len(losses(session)) == 61
    assert losses(session)[-1] > losses(session)[-2] + 0.2


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
def test_knobs_that_cannot_be_are_refused_at_the_knob(session: Session, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        session.set(**change)
    session.run(2)
    assert session.events == [] and session.steps_made == 2


def test_a_size_that_does_not_fit_in_memory_is_refused_and_training_goes_on(session: Session, monkeypatch) -> None:
    def too_large(*args: object, **kwargs: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nlong trace")

    monkeypatch.setattr(sessions, "resize", too_large)
    session.set(hidden_size=512)
    session.run(3)
    assert session.refusal == "hidden_size=512 was refused: DefaultCPUAllocator: can't allocate memory"
    assert session.model.hidden_size == 16 and session.steps_made == 3 and session.events == []


def test_a_fork_starts_from_the_same_weights_and_keeps_its_knobs(session: Session) -> None:
    session.run(20)
    session.fork()
    session.set(learning_rate=0.01)
    session.run(20)
    main, fork = session.trainers[MAIN], session.trainers[FORK]
    assert np.array_equal(losses(session)[:20], losses(session, FORK)[:20])
    assert losses(session)[20] == losses(session, FORK)[20]  # the loss of the step that first differs
    assert not np.array_equal(losses(session)[21:], losses(session, FORK)[21:])
    assert fork.knobs.learning_rate == 1.0 and main.knobs.learning_rate == 0.01


def test_replay_gives_the_same_numbers(session: Session, tmp_path) -> None:
    session.run(15)
    session.set(hidden_size=24)
    session.run(5)
    session.fork()
    session.set(clip_threshold=0.1, learning_rate=3.0)
    session.run(15)
    session.set(hidden_size=20)
    session.set(cell="gru")
    session.run(5)
    session.save(tmp_path / "saved")
    again = Session.replay(tmp_path / "saved", name="replay")
    try:
        for name in (MAIN, FORK):
            assert np.array_equal(losses(session, name), losses(again, name))
        assert again.events == session.events
    finally:
        again.stop()


def test_a_loaded_session_continues_bit_for_bit(session: Session, tmp_path) -> None:
    session.run(10)
    session.set(hidden_size=20)
    session.run(5)
    session.save(tmp_path / "saved")
    loaded = Session.load(tmp_path / "saved", name="loaded")
    try:
        for one in (session, loaded):
            one.run(10)
        assert np.array_equal(losses(session), losses(loaded)) and loaded.steps_made == 25
    finally:
        loaded.stop()


def test_a_loaded_session_that_had_diverged_can_be_rescued_and_replayed(session: Session, tmp_path) -> None:
    session.run(10)
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.run(50)
    session.save(tmp_path / "diverged")
    loaded = Session.load(tmp_path / "diverged", name="loaded")
    assert loaded.diverged == session.diverged
    loaded.set(learning_rate=0.1, clip_threshold=1.0)
    loaded.run(10)
    loaded.save(tmp_path / "rescued")
    again = Session.replay(tmp_path / "rescued", name="replay")
    for one in (loaded, again):
        one.stop()
    assert np.array_equal(losses(loaded), losses(again), equal_nan=True) and math.isfinite(losses(again)[-1])


def test_a_replay_that_fails_leaves_no_thread(session: Session, tmp_path, monkeypatch) -> None:
    session.run(3)
    session.save(tmp_path / "saved")
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Session.replay(tmp_path / "saved", name="replay")
    assert "session replay" not in [thread.name for thread in threading.enumerate()]


def test_saving_while_training_goes_on_afterwards(session: Session, tmp_path) -> None:
    session.run(10)
    session.start(400)
    while session.steps_made < 15:
        time.sleep(0.001)
    session.save(tmp_path / "saved")
    session.wait()
    assert (session.asked_from, session.steps_made, session.asked_to) == (10, 410, 410)


def test_a_loaded_session_writes_from_the_same_prefix_and_its_snapshot_is_trained(tmp_path) -> None:
    saved = Session(Settings(**SMALL), name="saved", prefix="a storm")
    saved.run(5)
    saved.save(tmp_path / "saved")
    for again in (Session.load(tmp_path / "saved", name="again"), Session.replay(tmp_path / "saved", name="replay")):
        assert again.prefix == "a storm"
        assert torch.equal(again.snapshot.vector, saved.model.vector)
        again.stop()
    saved.stop()


def test_a_file_that_does_not_fit_ends_no_running_session(session: Session, tmp_path, monkeypatch) -> None:
    session.save(tmp_path / "saved")
    monkeypatch.setattr(Trainer, "from_content", lambda content, batches: {}["nothing"])
    with pytest.raises(KeyError):
        Session.load(tmp_path / "saved", name="test")
    session.run(3)
    assert session.steps_made == 3


def test_replaying_leaves_torchs_number_of_threads_as_it_was(session: Session, tmp_path) -> None:
    session.run(3)
    session.save(tmp_path / "saved")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Session.replay(tmp_path / "saved", name="replay").stop()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="it was not loaded"):
        Session.replay(tmp_path / "text")


def test_divergence_pauses_keeps_good_weights_and_can_be_rescued(session: Session) -> None:
    session.run(10)
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.run(50)
    assert session.steps_made < 60 and not session.running
    assert "weights are the last that were found good" in session.diverged[MAIN]
    session.set(learning_rate=0.1, clip_threshold=1.0)
    session.run(10)
    assert session.diverged == {} and math.isfinite(losses(session)[-1])
    assert "resumed" in [event.knob for event in session.events]


def test_a_diverged_fork_does_not_stop_main(session: Session) -> None:
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork()
    session.set(learning_rate=1.0, clip_threshold=1.0)
    session.run(20)
    assert FORK in session.diverged and MAIN not in session.diverged
    assert session.steps_made == 20 and len(losses(session)) == 20


def test_a_new_fork_trains_although_an_earlier_one_has_diverged(session: Session) -> None:
    session.set(learning_rate=3e38, clip_threshold=math.inf)
    session.fork()
    session.set(learning_rate=1.0, clip_threshold=1.0)
    session.start()
    while FORK not in session.diverged:
        time.sleep(0.001)
    session.fork()
    session.pause()
    session.wait()
    steps_before = session.steps_made
    session.run(10)
    assert session.diverged == {} and len(losses(session, FORK)) == session.steps_made == steps_before + 10


def test_a_start_during_the_last_look_is_heard(session: Session, monkeypatch) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def slow_look() -> None:
        looking.set()
        go_on.wait(5)

    session.want_look(60)
    monkeypatch.setattr(session, "_look", slow_look)
    monkeypatch.setattr(session, "_look_is_due", lambda ends_now: ends_now)
    session.start(3)
    assert looking.wait(5) and not session.running
    session.start(4)
    go_on.set()
    session.wait()
    assert session.steps_made == 7


def test_fewer_than_one_step_is_refused(session: Session) -> None:
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"steps must be 1 or more; they are {steps}"):
            session.run(steps)
    assert session.steps_made == 0


def test_looks_take_no_random_numbers_from_the_reader(session: Session) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    session.want_look(60)
    session.run(20)
    session.set(hidden_size=24)
    session.set(hidden_size=12)
    session.fork()
    session.run(20)
    assert session.looks and torch.equal(torch.rand(4), expected)


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
        ({"text": "time machine"}, "a session keeps its text; make a new session"),
        ({"hidden_size": 0}, "the hidden size must be a whole number, 1 to 4096; it is 0"),
        ({"learning_rate": -1.0}, "the learning rate must be a number above 0"),
        ({"batches": "alphabetical"}, "batches must be"),
    ],
)
def test_a_reset_that_cannot_be_changes_nothing(session: Session, settings: dict, sentence: str) -> None:
    session.run(5)
    with pytest.raises(ValueError, match=sentence):
        session.reset(**settings)
    assert session.steps_made == 5
    session.reset()
    assert session.steps_made == 0 and session.settings == Settings(**SMALL)


def test_reset_goes_back_to_the_same_first_steps(session: Session) -> None:
    session.run(10)
    first = losses(session)
    session.set(learning_rate=0.5)
    session.reset()
    assert session.steps_made == 0 and session.events == [] and len(losses(session)) == 0
    session.set(learning_rate=1.0)
    session.run(10)
    assert np.array_equal(losses(session), first)


def test_reset_while_training_stops_it(session: Session) -> None:
    session.start()
    time.sleep(0.05)
    session.reset(cell="gru", hidden_size=8)
    assert session.steps_made == 0 and not session.running
    assert session.model.cell.name == "gru" and session.model.hidden_size == 8


def test_a_session_of_the_same_name_replaces_the_earlier_one(session: Session) -> None:
    session.start()
    newer = Session(Settings(**SMALL), name="test")
    try:
        assert not session.alive and not session._thread.is_alive()
        newer.run(3)
        assert [thread.name for thread in threading.enumerate()].count("session test") == 1
    finally:
        newer.stop()
    assert "session test" not in [thread.name for thread in threading.enumerate()]


def test_a_session_that_has_ended_stays_ended(session: Session) -> None:
    session.stop()
    with pytest.raises(RuntimeError, match="this session has ended"):
        session.start()
    session.reset()
    assert not session.alive and not session.running


def test_an_interrupt_pauses_the_session(session: Session, monkeypatch) -> None:
    session.start()

    def interrupted(timeout: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session._condition, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.wait()
    assert not session.running


def test_looks_are_taken_while_somebody_watches_and_at_the_end(session: Session) -> None:
    session.run(30)
    assert session.looks == []
    session.want_look(60)
    session.run(100)
    look = session.looks[-1]
    assert look.step == 130
    assert look.text.startswith(session.prefix) and len(look.text) == len(session.prefix) + 90
    assert 0 < look.held_out_loss < 4 and 0 < look.spectral_radius < 10


def test_a_pause_is_followed_by_a_look_if_somebody_watches(session: Session) -> None:
    for seconds, looks in ((0, 0), (60, 1)):
        session.want_look(seconds)
        session._next_look = math.inf  # none is due
        session.start()
        time.sleep(0.05)
        session.pause()
        session.wait()
        assert len(session.looks) == looks
    assert session.looks[-1].step == session.steps_made


def test_an_lstm_shows_its_norms_over_time_too(session: Session) -> None:
    session.set(cell="lstm")
    session.want_look(60)
    session.run(3)
    norms = session.looks[-1].norms_over_time
    assert len(norms) == 10 and min(norms) > 0


def test_waiting_too_long_says_so(session: Session) -> None:
    session.start()
    with pytest.raises(TimeoutError, match="still training after 0.1 seconds"):
        session.wait(timeout=0.1)


def test_settings_that_cannot_be_are_told_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="batches must be"):
        Session(Settings(**{**SMALL, "batches": "alphabetical"}), name="bad")
    with pytest.raises(ValueError, match="need at least"):
        Session(Settings(**{**SMALL, "max_train_tokens": 50}), name="bad")
    with pytest.raises(ValueError, match="characters the network never saw"):
        Session(Settings(**SMALL), name="bad", prefix="42")
    assert "session bad" not in [thread.name for thread in threading.enumerate()]
