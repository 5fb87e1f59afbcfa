"""Sessions: changes between two steps, events, replay, divergence, and no thread left behind."""

import math
import threading

import numpy as np
import pytest
import torch
from factories import wait_until

from rnnlib.live import checkpoints, experiments, recordings
from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session, tokens_per_second
from rnnlib.live.settings import Event, Settings, build_trainer
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
    trainer = build_trainer(session.settings, session.corpus)
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
    wait_until(lambda: session.steps_made >= 20)
    session.set(learning_rate=0.125)
    asked_at = session.steps_made
    wait_until(lambda: session.events)
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
    recordings.save(session, tmp_path / "saved")
    again = recordings.replay(tmp_path / "saved", name="replay")
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
    recordings.save(session, tmp_path / "saved")
    loaded = recordings.load(tmp_path / "saved", name="loaded")
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
    recordings.save(session, tmp_path / "diverged")
    loaded = recordings.load(tmp_path / "diverged", name="loaded")
    assert loaded.diverged == session.diverged
    loaded.set(learning_rate=0.1, clip_threshold=1.0)
    loaded.run(10)
    recordings.save(loaded, tmp_path / "rescued")
    again = recordings.replay(tmp_path / "rescued", name="replay")
    for one in (loaded, again):
        one.stop()
    assert np.array_equal(losses(loaded), losses(again), equal_nan=True) and math.isfinite(losses(again)[-1])


def test_a_replay_that_fails_leaves_no_thread(session: Session, tmp_path, monkeypatch) -> None:
    session.run(3)
    recordings.save(session, tmp_path / "saved")
    monkeypatch.setattr(Trainer, "step", lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recordings.replay(tmp_path / "saved", name="replay")
    assert "session replay" not in [thread.name for thread in threading.enumerate()]


def test_saving_while_training_goes_on_afterwards(session: Session, tmp_path) -> None:
    session.run(10)
    session.start(400)
    wait_until(lambda: session.steps_made >= 15)
    recordings.save(session, tmp_path / "saved")
    session.wait()
    assert (session.asked_from, session.steps_made, session.asked_to) == (10, 410, 410)


def test_a_loaded_session_writes_from_the_same_prefix_and_its_snapshot_is_trained(tmp_path) -> None:
    saved = Session(Settings(**SMALL), name="saved", prefix="a storm")
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


def test_a_file_that_does_not_fit_ends_no_running_session(session: Session, tmp_path, monkeypatch) -> None:
    recordings.save(session, tmp_path / "saved")
    monkeypatch.setattr(recordings, "from_state_dict", lambda content, batches: {}["nothing"])
    with pytest.raises(KeyError):
        recordings.load(tmp_path / "saved", name="test")
    session.run(3)
    assert session.steps_made == 3


def test_replaying_leaves_torchs_number_of_threads_as_it_was(session: Session, tmp_path) -> None:
    session.run(3)
    recordings.save(session, tmp_path / "saved")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        recordings.replay(tmp_path / "saved", name="replay").stop()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="it was not loaded"):
        recordings.replay(tmp_path / "text")


def test_an_older_format_is_told_by_its_number(session: Session, tmp_path) -> None:
    recordings.save(session, tmp_path / "new")
    content = recordings.read(tmp_path / "new")
    for name, sentence in (
        ("rnnlib session 1", "older was saved in format 1; this version reads 3"),
        ("rnnlib checkpoint 1", "is not a file of the kind"),
    ):
        checkpoints.write_file(tmp_path / "older", {**content, "format": name})
        with pytest.raises(ValueError, match=sentence):
            recordings.load(tmp_path / "older")


def test_a_failed_save_stops_no_training(session: Session, tmp_path) -> None:
    session.start()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError):
        recordings.save(session, tmp_path / "file" / "saved")
    reached = session.steps_made
    wait_until(lambda: session.steps_made > reached)


def test_a_slider_on_its_way_is_one_event(session: Session) -> None:
    between, go_on = threading.Event(), threading.Event()

    def wait_between_two_steps() -> None:
        between.set()
        go_on.wait(60)

    session.on_change = wait_between_two_steps
    session.start(1)
    assert between.wait(60)
    for rate in (0.9, 0.8, 0.7):
        session.set(learning_rate=rate)
    session.set(hidden_size=17)
    session.set(hidden_size=18)
    go_on.set()
    session.wait()
    assert [(event.knob, event.old, event.new) for event in session.events] == [
        ("learning_rate", 1.0, 0.7), ("hidden_size", 16, 18)
    ]  # fmt: skip


def test_on_change_is_called_for_steps_changes_evaluations_resets_and_the_end(session: Session) -> None:
    called = []
    session.on_change = lambda: called.append(1)
    for act in (lambda: session.run(3), lambda: session.set(learning_rate=0.5), session.evaluate_now,
                session.reset, session.stop):  # fmt: skip
        before = len(called)
        act()
        session.wait()
        assert len(called) > before


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
    wait_until(lambda: FORK in session.diverged)
    session.fork()
    session.pause()
    session.wait()
    steps_before = session.steps_made
    session.run(10)
    assert session.diverged == {} and len(losses(session, FORK)) == session.steps_made == steps_before + 10


def test_a_start_during_the_last_evaluation_is_heard(session: Session, monkeypatch) -> None:
    evaluating, go_on = threading.Event(), threading.Event()

    def slow_evaluation() -> None:
        evaluating.set()
        go_on.wait(60)

    monkeypatch.setattr(session, "_evaluate", slow_evaluation)
    session._evaluation_pace.spent(math.inf)  # none is due but the last
    session.keep_evaluating(600)
    session.start(3)
    assert evaluating.wait(60) and not session.running
    session.start(4)
    go_on.set()
    session.wait()
    assert session.steps_made == 7


def test_fewer_than_one_step_is_refused(session: Session) -> None:
    for steps in (0, -3):
        with pytest.raises(ValueError, match=f"steps must be 1 or more; they are {steps}"):
            session.run(steps)
    assert session.steps_made == 0


def test_evaluations_take_no_random_numbers_from_the_reader(session: Session) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    session.keep_evaluating(600)
    session.run(20)
    session.set(hidden_size=24)
    session.set(hidden_size=12)
    session.fork()
    session.run(20)
    assert session.evaluations and torch.equal(torch.rand(4), expected)


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
def test_an_invalid_reset_changes_nothing(session: Session, settings: dict, sentence: str) -> None:
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
    wait_until(lambda: session.steps_made > 0)
    session.reset(cell="gru", hidden_size=8)
    assert session.steps_made == 0 and not session.running
    assert session.model.cell.name == "gru" and session.model.hidden_size == 8


def test_a_session_of_the_same_name_replaces_the_earlier_one(session: Session) -> None:
    session.start()
    newer = Session(Settings(**SMALL), name="test")
    try:
        assert not session.alive and "session test" not in [thread.name for thread in threading.enumerate()]
        newer.run(3)
        assert newer.steps_made == 3
    finally:
        newer.stop()
    assert "session test" not in [thread.name for thread in threading.enumerate()]


def test_a_session_that_has_ended_stays_ended(session: Session) -> None:
    session.stop()
    with pytest.raises(RuntimeError, match="session test has ended; run the cell that made it again"):
        session.start()
    session.reset()
    assert not session.alive and not session.running


def test_networks_are_evaluated_while_somebody_watches_and_at_the_end(session: Session) -> None:
    session.run(30)
    assert session.evaluations == []
    session.keep_evaluating(600)
    session.run(100)
    evaluation = session.evaluations[-1]
    assert evaluation.step == 130
    assert evaluation.text.startswith(session.prefix) and len(evaluation.text) == len(session.prefix) + 90
    assert 0 < evaluation.held_out_loss < 4 and 0 < evaluation.spectral_radius < 10


def test_a_pause_is_followed_by_an_evaluation_if_somebody_watches(session: Session) -> None:
    for seconds, evaluations in ((0, 0), (600, 1)):
        session.keep_evaluating(seconds)
        session._evaluation_pace.spent(math.inf)  # none is due
        before = session.steps_made
        session.start()
        wait_until(lambda before=before: session.steps_made > before)
        session.pause()
        session.wait()
        assert len(session.evaluations) == evaluations
    assert session.evaluations[-1].step == session.steps_made


def test_an_lstm_shows_its_norms_over_time_too(session: Session) -> None:
    session.set(cell="lstm")
    session.keep_evaluating(600)
    session.run(3)
    norms = session.evaluations[-1].norms_over_time
    assert len(norms) == 10 and min(norms) > 0


def test_waiting_too_long_says_so(session: Session) -> None:
    session.start()
    with pytest.raises(TimeoutError, match="still at work after 0.1 seconds"):
        session.wait(timeout=0.1)


def test_invalid_settings_are_told_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="batches must be"):
        Session(Settings(**{**SMALL, "batches": "alphabetical"}), name="bad")
    with pytest.raises(ValueError, match="need at least"):
        Session(Settings(**{**SMALL, "max_train_tokens": 50}), name="bad")
    with pytest.raises(ValueError, match="characters the network never saw"):
        Session(Settings(**SMALL), name="bad", prefix="42")
    assert "session bad" not in [thread.name for thread in threading.enumerate()]
