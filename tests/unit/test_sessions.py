"""Sessions: changes between two steps, events, evaluations, and no thread left behind."""

import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session, tokens_per_second
from rnnlib.live.settings import Event, Settings, build_trainer


@pytest.fixture
def session() -> Iterator[Session]:
    with_small_network = Session(Settings(**SMALL_SESSION), name="test")
    yield with_small_network
    with_small_network.stop()


def test_run_makes_the_steps_asked_for_and_learns(session: Session) -> None:
    session.run(150)
    assert session.steps_made == 150 and not session.running
    assert losses_of(session)[-20:].mean() < losses_of(session)[0] - 0.3
    seconds = session.trainers[MAIN].history.columns()["seconds"]
    assert tokens_per_second(session.trainers[MAIN]) == pytest.approx(8 * 10 * 49 / (seconds[-1] - seconds[-50]))


def test_a_session_equals_a_trainer_run_by_itself(session: Session) -> None:
    session.run(30)
    trainer = build_trainer(session.settings, session.corpus)
    trainer.run(30)
    assert np.array_equal(losses_of(session), trainer.history.columns()["loss"])


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
    assert session.model.cell.name == "lstm" and len(losses_of(session)) == 61
    assert losses_of(session)[-1] > losses_of(session)[-2] + 0.2


def test_a_fork_starts_from_the_same_weights_and_keeps_its_knobs(session: Session) -> None:
    session.run(20)
    session.fork()
    session.set(learning_rate=0.01)
    session.run(20)
    main, fork = session.trainers[MAIN], session.trainers[FORK]
    assert np.array_equal(losses_of(session)[:20], losses_of(session, FORK)[:20])
    assert losses_of(session)[20] == losses_of(session, FORK)[20]  # the loss of the step that first differs
    assert not np.array_equal(losses_of(session)[21:], losses_of(session, FORK)[21:])
    assert fork.knobs.learning_rate == 1.0 and main.knobs.learning_rate == 0.01


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


def test_reset_goes_back_to_the_same_first_steps(session: Session) -> None:
    session.run(10)
    first = losses_of(session)
    session.set(learning_rate=0.5)
    session.reset()
    assert session.steps_made == 0 and session.events == [] and len(losses_of(session)) == 0
    session.set(learning_rate=1.0)
    session.run(10)
    assert np.array_equal(losses_of(session), first)


def test_reset_while_training_stops_it(session: Session) -> None:
    session.start()
    wait_until(lambda: session.steps_made > 0)
    session.reset(cell="gru", hidden_size=8)
    assert session.steps_made == 0 and not session.running
    assert session.model.cell.name == "gru" and session.model.hidden_size == 8


def test_a_session_of_the_same_name_replaces_the_earlier_one(session: Session) -> None:
    session.start()
    newer = Session(Settings(**SMALL_SESSION), name="test")
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
    assert 0 < evaluation.validation_loss < 4 and 0 < evaluation.spectral_radius < 10


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


def test_an_lstm_shows_its_norms_over_lags_too(session: Session) -> None:
    session.set(cell="lstm")
    session.keep_evaluating(600)
    session.run(3)
    norms = session.evaluations[-1].norms_over_lags
    assert len(norms) == 10 and min(norms) > 0
