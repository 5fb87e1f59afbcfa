"""The checks of notebook 06: rescues that work and those that do not; session files that were tampered with."""

import copy
import math
import os
import re
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rnnlib import checks, engine, text, training
from rnnlib.checks import answers, comparing
from rnnlib.checks.lab import SICK
from rnnlib.live import recordings, settings
from rnnlib.live.checkpoints import write_file
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

SMALL = {"hidden_size": 16, "batch_size": 8, "num_steps": 10, "max_train_tokens": 4000, "device": "cpu"}


# ------------------------------------------------------------------------------------------ a rescue


class TestRescue:
    def check(self, rescue) -> checks.Verdict:
        sick = Settings(**SMALL, learning_rate=16.0, clip_threshold=math.inf)
        return checks.rescues(rescue, sick=sick, steps=150, perplexity_below=14)

    @pytest.mark.parametrize("change", [{"clip_threshold": 0.1}, {"learning_rate": 1.0}])
    def test_shorter_steps_rescue(self, change: dict) -> None:
        verdict = self.check(lambda session: session.set(**change))
        assert verdict.result == "passed", verdict
        (knob,) = change
        assert f"with {knob} at {change[knob]:g}" in verdict.message and "after 150 steps" in verdict.message

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            (lambda session: session.set(clip_threshold=0.1, learning_rate=1.0), "changed 2 knobs (clip_threshold, l"),
            (lambda session: session.set(learning_rate=30.0), "with learning_rate at 30 it still diverges"),
            (lambda session: session.set(clip_threshold=5.0), "with clip_threshold at 5 it still diverges"),
            (lambda session: session.set(clip_by="value"), "a threshold that is off lets everything through"),
            (lambda session: session.set(learning_rate=1e-3), "it no longer diverges, but it crawls"),
            (lambda session: session.set(clip_threshold=1e-4), "Its steps have become too short"),
            (lambda session: session.set(cell="gru"), "cell makes it another network"),
            (lambda session: session.set(hidden_size=8), "hidden_size makes it another network"),
            (lambda session: session.reset(learning_rate=1.0), "session.reset begins another run"),
            (lambda session: session.run(5), "it trained 5 steps itself"),
            (lambda session: session.stop(), "it ended the session"),
            (lambda session: session.set(learning_rate=-1), "it raised ValueError: the learning rate must be"),
            (
                lambda session: session.set(momentum=0.9),
                "there is no knob 'momentum'; the knobs are learning_rate, clip_threshold, clip_by, hidden_size",
            ),
            (lambda session: sys.exit(), "it called exit"),
            (lambda session: session.set(learning_rate=16.0), "learning_rate was 16.0 already, so nothing has changed"),
            (lambda session: session.set(clip_threshold=math.inf), "clip_threshold was inf already"),
            (
                lambda session: setattr(session, "learning_rate", 1.0),
                "`session.learning_rate = ...` gives the object a",
            ),
            (
                lambda session: setattr(session.settings, "learning_rate", 1.0),
                "Settings say how something began and stay as they are; knobs are turned with `set`",
            ),
            (
                lambda session: session.trainers["main"].set(learning_rate=1.0),
                "the trainer's knobs were changed behind",
            ),
            (lambda session: str(1.0), "no knob was turned: knobs are turned by a call, as in `session.set(learning_r"),
            (lambda session: session.set, "no knob was turned"),
            (lambda session: session.set("learning_rate", 1.0), "What is given to it has a name: `set(name=value)`."),
            (lambda session: session.fork(), "fork makes it another network"),
            (lambda session: session.set(learning_rate="1"), "the learning rate must be a number above 0; it is '1'"),
            (None, "hand in the function itself; this is something else, a NoneType"),
            (Session, "this is a class; a function is asked for, `def Session(session):`"),
        ],
    )
    def test_what_does_not_rescue_is_named(self, wrong, named: str) -> None:
        verdict = self.check(wrong)
        assert verdict.result == "wrong" and named in verdict.message

    def test_a_network_that_is_put_into_the_session_does_not_count(self) -> None:
        def trained_elsewhere(session: Session) -> None:
            session.set(learning_rate=1e-3)  # too short
            other = Session(session.settings, name="elsewhere")
            other.set(learning_rate=1.0)
            other.run(150)
            other.stop()
            session.trainers["main"].model.load_state_dict(other.model.state_dict())

        assert "it crawls" in self.check(trained_elsewhere).message

    def test_turning_nothing_is_open(self) -> None:
        for empty in (..., lambda session: ..., lambda session: None):
            assert self.check(empty).result == "open"

    def test_a_stub_that_raises_is_open(self) -> None:
        def to_be_written(thing: object) -> None:
            raise NotImplementedError

        assert self.check(to_be_written).result == checks.remembers(to_be_written).result == "open"

    @pytest.mark.parametrize(
        "rescue",
        [
            lambda session: session.set(clip_threshold=torch.tensor(0.1)),
            lambda session: session.set(learning_rate=1),
            lambda session: [session.set(learning_rate=rate) for rate in (2.0, 1.0)],
            lambda session: [(session.set(learning_rate=rate), session.worker.settle()) for rate in (2.0, 1.0)],
        ],
    )
    def test_other_ways_to_turn_one_knob_rescue(self, rescue) -> None:
        assert self.check(rescue).result == "passed"

    def test_the_check_leaves_no_thread(self) -> None:
        self.check(lambda session: session.set(clip_threshold=0.1))
        assert "session rescue" not in [thread.name for thread in threading.enumerate()]


class TestMemory:
    def test_a_rotation_remembers_and_a_smaller_one_does_not(self) -> None:
        assert checks.remembers(lambda rnn: nn.init.orthogonal_(rnn.weight_hh_l0)).result == "passed"
        verdict = checks.remembers(lambda rnn: nn.init.orthogonal_(rnn.weight_hh_l0, gain=0.5), steps=20)
        assert "A network that remembers nothing is wrong in 75%" in verdict.message

    @pytest.mark.parametrize(
        "start",
        [
            lambda rnn: rnn.weight_hh_l0.mul_(1.01),
            lambda rnn: nn.init.orthogonal_(rnn.weight_ih_l0),
            lambda rnn: rnn.bias_hh_l0.zero_(),
            lambda rnn: rnn.weight_hh_l0.copy_(torch.eye(32)),
        ],
    )
    def test_what_is_not_a_rotation_solves_it_by_luck_at_best(self, start: Callable[[nn.RNN], object]) -> None:
        assert "of 5 trainings, and 3 are asked for" in checks.remembers(start).message

    def test_every_rotation_passes_whatever_random_numbers_were_drawn_before(self) -> None:
        for seed in range(4, 9):

            def start(rnn: nn.RNN) -> None:
                torch.manual_seed(seed)  # noqa: B023
                nn.init.orthogonal_(rnn.weight_hh_l0)

            assert checks.remembers(start).result == "passed"

    @pytest.mark.parametrize(
        ("start", "named"),
        [
            (lambda rnn: setattr(rnn, "mode", "RNN_RELU"), "the layer was made another one (its nonlinearity"),
            (lambda rnn: rnn.weight_hh_l0.fill_(math.nan), "some of the weights are not finite"),
            (lambda rnn: delattr(rnn, "weight_hh_l0"), "rnn.weight_hh_l0 is no tensor (32, 32) any more"),
            (lambda rnn: rnn.weight_hh, "'RNN' object has no attribute 'weight_hh' (line "),
            (lambda rnn: nn.init.orthogonal_(rnn.weight_hh), "Is `weight_hh_l0` meant?"),
            (
                lambda rnn: setattr(rnn, "weight_hh", torch.eye(32)),
                "`rnn.weight_hh = ...` gives the layer a new attribute",
            ),
            (lambda rnn: setattr(rnn, "weight_hh_l0", torch.eye(32)), "A weight of a layer is changed in place"),
            (lambda rnn: setattr(rnn.weight_hh_l0, "data", torch.eye(6)), "is no tensor (32, 32) any more"),
            (lambda rnn: nn.init.orthogonal_(torch.empty(32, 32)), "a new tensor that is returned"),
            (lambda rnn: nn.init.orthogonal_(nn.RNN(6, 32).weight_hh_l0), "another layer is lost"),
            (lambda rnn: nn.init.orthogonal_(rnn.weight_hh_l0.clone()), "the weights of rnn are as they were"),
            (lambda rnn: print(rnn), "the weights of rnn are as they were"),
            (None, "hand in the function itself"),
            (lambda rnn: sys.exit(), "it called exit"),
        ],
    )
    def test_what_is_no_start_is_named(self, start, named: str) -> None:
        verdict = checks.remembers(start)
        assert verdict.result == "wrong" and named in verdict.message, verdict

    def test_changing_nothing_is_open(self) -> None:
        for empty in (..., lambda rnn: ..., lambda rnn: None):
            assert checks.remembers(empty).result == "open"

    @pytest.mark.parametrize(
        "start",
        [
            lambda rnn: setattr(rnn.weight_hh_l0, "data", torch.linalg.qr(torch.randn(32, 32))[0]),
            lambda rnn: rnn.weight_hh_l0.copy_(torch.linalg.qr(rnn.weight_hh_l0)[0]),
            lambda rnn: setattr(rnn, "weight_hh_l0", nn.Parameter(nn.init.orthogonal_(torch.empty(32, 32)))),
        ],
    )
    def test_other_ways_to_a_rotation_pass(self, start: Callable[[nn.RNN], object]) -> None:
        assert checks.remembers(start).result == "passed"


# --------------------------------------------------------------------------------- a session handed in


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What is in the file of a session with every kind of event."""
    session = Session(Settings(**SMALL), name="to hand in")
    session.run(20)
    session.set(learning_rate=0.5)
    session.run(10)
    session.set(hidden_size=20)
    session.run(10)
    session.fork()
    session.set(clip_threshold=0.1)
    session.run(20)
    path = tmp_path_factory.mktemp("sessions") / "saved.session"
    recordings.save(session, path)
    session.stop()
    return recordings.read(path)


@pytest.fixture
def changed(content: dict, tmp_path):
    """The path of a copy of the file in which `change` has changed something."""

    def write(change):
        copied = copy.deepcopy(content)
        change(copied)
        write_file(tmp_path / "changed.session", copied)
        return tmp_path / "changed.session"

    return write


def main(content: dict) -> dict:
    return content["trainers"]["main"]


def test_an_honest_session_passes_bit_for_bit(changed) -> None:
    verdict = checks.handed_in(changed(lambda content: None))
    assert verdict.result == "passed", verdict
    assert "60 steps with 4 changes, trained again, give the same numbers bit for bit." in verdict.message
    assert "Test perplexity" in verdict.message and "4-gram has" in verdict.message


def test_a_session_with_the_settings_asked_for_passes(changed) -> None:
    assert checks.handed_in(changed(lambda content: None), settings=Settings(**SMALL)).result == "passed"


def test_a_session_that_was_loaded_and_continued_passes(changed, tmp_path) -> None:
    session = recordings.load(changed(lambda content: None), name="continued")
    session.set(learning_rate=0.25)
    session.run(15)
    recordings.save(session, tmp_path / "continued.session")
    session.stop()
    assert checks.handed_in(tmp_path / "continued.session").result == "passed"


def turned_off_and_on(session: Session) -> None:
    session.run(10)
    session.set(clip_threshold=math.inf)
    session.run(5)
    session.set(clip_threshold=0.5, clip_by="value")
    session.run(10)


def forked_and_dropped(session: Session) -> None:
    session.run(10)
    session.fork("other")
    session.set(learning_rate=0.3)
    session.run(10)
    session.fork()
    session.drop_fork("other")
    session.run(10)


def made_another_network(session: Session) -> None:
    session.set(cell="gru", optimizer="adam", learning_rate=0.003)
    session.run(10)
    session.set(hidden_size=24)
    session.run(10)
    session.set(hidden_size=8, cell="lstm")
    session.run(10)


def begun_again(session: Session) -> None:
    session.run(10)
    session.reset(seed=3)
    session.run(20)


def trained_in_small_pieces(session: Session) -> None:
    for _ in range(12):
        session.step()
        session.wait()
    session.start(1_000)
    session.pause()
    session.wait()


@pytest.mark.parametrize(
    "settings", [{}, {"batches": "random", "optimizer": "adam", "learning_rate": 0.003}, {"tokens": "words"}]
)
@pytest.mark.parametrize(
    "way", [turned_off_and_on, forked_and_dropped, made_another_network, begun_again, trained_in_small_pieces]
)
def test_every_honest_way_to_train_passes(tmp_path, way, settings: dict) -> None:
    session = Session(Settings(**SMALL | settings), name="honest")
    way(session)
    recordings.save(session, tmp_path / "honest.session")
    session.stop()
    verdict = checks.handed_in(tmp_path / "honest.session")
    assert verdict.result == "passed", verdict


def test_a_session_that_went_on_after_it_diverged_and_is_lost_does_not_pass(tmp_path) -> None:
    session = Session(Settings(**SMALL, learning_rate=3e38, clip_threshold=math.inf), name="rescued")
    session.run(20)
    session.set(learning_rate=0.5, clip_threshold=1.0)
    session.run(20)
    recordings.save(session, tmp_path / "rescued.session")
    session.stop()
    message = checks.handed_in(tmp_path / "rescued.session").message
    assert message.startswith("its numbers are those of its training, but the network is lost") and len(message) < 300


def set_event(number: int, **changes):
    return lambda content: content["events"][number].update(changes)


def set_setting(**changes):
    return lambda content: content["settings"].update(changes)


def in_main(part: str, **changes):
    return lambda content: main(content)[part].update(changes)


def column(name: str, change):
    def tamper(content: dict) -> None:
        kept = main(content)["history"]["kept"]
        kept[name] = change(kept[name])

    return tamper


def times(change):
    return column("seconds", change)


def resumed_for_nothing(content: dict) -> None:
    content["events"].insert(0, {"step": 5, "knob": "resumed", "old": None, "new": True})


def smoothly_better(content: dict) -> None:
    main(content)["history"]["kept"]["loss"] *= torch.linspace(1 - 1e-4, 0.991, 60)


def weights_under_cover_of_rounding(content: dict) -> None:
    main(content)["history"]["kept"]["loss"][59] += 1e-6
    kept = main(content)["history"]["kept"]
    main(content)["history"]["curves"] = comparing._drawn(kept)
    main(content)["weights"]["vector"] += 0.009


def add_to_weight(content: dict) -> None:
    main(content)["weights"]["vector"][3] += 1e-6


def weights_of_another_training(content: dict) -> None:
    main(content)["weights"]["vector"].normal_(generator=torch.Generator().manual_seed(0))


def one_better_loss(content: dict) -> None:
    main(content)["history"]["kept"]["loss"][33] -= 0.5


def a_better_end(content: dict) -> None:
    main(content)["history"]["kept"]["loss"][45:] -= 0.5


def a_better_curve(content: dict) -> None:
    main(content)["history"]["kept"]["loss"] -= 0.5


def forged_event(content: dict) -> None:
    """A changed learning rate, in event and curve."""
    content["events"][0]["new"] = 0.25
    for trainer in content["trainers"].values():
        trainer["history"]["kept"]["learning_rate"][20:] = 0.25


def one_event_less(content: dict) -> None:
    del content["events"][0]


def an_event_that_changes_nothing(content: dict) -> None:
    content["events"].append({"step": 60, "knob": "clip_threshold", "old": 0.1, "new": 0.1})


def longer_than_it_was(content: dict) -> None:
    content["steps_made"] += 20


def without_its_fork(content: dict) -> None:
    del content["trainers"]["fork"]


def other_text(content: dict) -> None:
    main(content)["batches"]["text_sha1"] = "0" * 12


def a_better_fork(content: dict) -> None:
    content["trainers"]["fork"]["history"]["kept"]["loss"][50] -= 1


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (add_to_weight, "main: its weights were changed"),
        (weights_of_another_training, "main: its weights were changed"),
        (one_better_loss, "main: its curve was changed: the loss at step 34 is not what its training gives"),
        (a_better_end, "main: its events or its curve were changed: from step 46 on the loss"),
        (a_better_curve, "the loss differs from the first step on"),
        (a_better_fork, "fork: its curve was changed: the loss at step 51"),
        (forged_event, "main: its last knobs were changed"),
        (set_event(0, new=0.25), "main: its events were changed: learning_rate is not the one of its curve at step 21"),
        (set_event(0, step=10), "main: its events were changed: learning_rate is not the one of its curve at step 11"),
        (set_event(0, step=35), "its events were changed: their steps are not in order"),
        (set_event(3, step=99), "their steps are not in order, or after its end"),
        (set_event(0, old=3.0), "its events were changed: at step 20 learning_rate was 1.0, not 3.0"),
        (
            set_event(1, new=24),
            "its network is {'cell': 'rnn', 'vocab_size': 28, 'hidden_size': 20, 'dtype': 'float32'}",
        ),
        (set_event(1, new=-5), "session.events[1].new: the hidden size must be a whole number, 1 to 4096; it is -5"),
        (set_event(0, knob="magic"), "has the form of a session but not its content"),
        (one_event_less, "its events were changed: learning_rate is not the one of its curve at step 21"),
        (an_event_that_changes_nothing, "clip_threshold=0.1 at step 60 cannot have happened"),
        (longer_than_it_was, "its number of steps was changed: 60 are on its curve, 80 in its record"),
        (without_its_fork, "it holds the networks main; its events give main, fork"),
        (other_text, "it was trained on another text"),
        (set_setting(seed=1), "its settings were changed: it was trained on batches"),
        (set_setting(batch_size=9), "its settings were changed: it was trained on batches"),
        (set_setting(clip_threshold=2.0), "at step 40 clip_threshold was 2.0, not 1.0"),
        (set_setting(optimizer="adam"), "main: its optimizer was changed"),
        (
            set_setting(text="/dev/zero"),
            "it was trained on the text '/dev/zero'; what is handed in is trained on 'story'",
        ),
        (set_setting(text="time machine"), "it was trained on the text 'time machine'"),
        (
            set_setting(hidden_size=100_000),
            "session.settings.hidden_size: the hidden size must be a whole number, 1 to 4096; it is 100000",
        ),
        (
            set_setting(batch_size=10**9),
            "session.settings.batch_size must be a whole number from 1 to 1000000; it is 1000000000",
        ),
        (set_setting(num_steps=2.5), "num_steps must be a whole number from 1 to 1000000; it is 2.5"),
        (set_setting(seed=True), "it is True"),
        (set_event(1, new=2000), "its hidden_size is 2000; what is handed in may have 1024 at most"),
        (set_event(0, step=20.5), "session.events[0].step must be a whole number from 0"),
        (set_event(0, new=[0.5]), "session.events[0].new must be a float; it is a list of 1"),
        (set_event(0, new="fast"), "session.events[0].new must be a float; it is 'fast'"),
        (lambda content: content.update(events=content["events"] * 500), "more than 1,000 events"),
        (lambda content: content.update(steps_made=59.5), "session.steps_made must be a whole number"),
        (lambda content: content.update(steps_made=True), "session.steps_made must be a whole number"),
        (resumed_for_nothing, "at step 5 nothing had diverged that could be resumed"),
        (times(lambda seconds: seconds.flip(0)), "a clock does not go back"),
        (column("clipped", lambda clipped: 0 * clipped), "main: its curve was changed"),
        (in_main("knobs", learning_rate=99.0), "main: its last knobs were changed"),
        (lambda content: main(content).update(optimizer="adam"), "main: its optimizer was changed"),
        (lambda content: main(content).update(steps_made=61), "main: its number of steps was changed"),
        (lambda content: main(content).update(optimizer_memory={"velocity": []}), "what its optimizer remembers was"),
        (lambda content: main(content)["state"][0].add_(0.1), "main: the state that it carries was changed"),
        (lambda content: main(content)["history"]["curves"]["kept"].add_(0.1), "its drawn curve was changed"),
        (smoothly_better, "the loss differs from the first step on"),
        (column("gradient_norm", lambda norm: 0.8 * norm), "the gradient norm differs from the first step on"),
        (weights_under_cover_of_rounding, "main: its curve was changed: the loss at step 60 is not what"),
        (lambda content: main(content).update(weights={"vector": torch.eye(3)}), "its weights were changed"),
        (lambda content: main(content)["history"].update(kept=7), "has the form of a session but not its content"),
        (set_setting(colour="blue"), "has the form of a session but not its content"),
        (lambda content: content.pop("events"), "has the form of a session but not its content"),
        (lambda content: content.update(steps_made=0), "nothing was trained"),
        (lambda content: content.update(steps_made=10**9), "it trained for 1000000000 steps; the budget is 5000"),
        (lambda content: content.update(format="rnnlib checkpoint 5"), "is not a file of the kind"),
    ],
)
def test_tampering_is_named(changed, tamper, named: str) -> None:
    verdict = checks.handed_in(changed(tamper))
    assert verdict.result == "wrong" and named in verdict.message, verdict
    assert "session handed in" not in [thread.name for thread in threading.enumerate()]


def test_more_steps_than_there_is_time_for_are_told(changed) -> None:
    verdict = checks.handed_in(changed(lambda content: None), seconds=0.0)
    assert "training it again takes longer than 0 seconds here: it came to step 0 of 60" in verdict.message


def test_a_lost_network_does_not_pass(tmp_path) -> None:
    session = Session(Settings(**SMALL, learning_rate=30.0, clip_threshold=math.inf), name="lost")
    session.run(40)
    recordings.save(session, tmp_path / "lost.session")
    session.stop()
    assert "but the network is lost" in checks.handed_in(tmp_path / "lost.session").message


def test_the_verdict_names_text_split_budget_and_score(changed) -> None:
    message = checks.handed_in(changed(lambda content: None), step_budget=99).message
    assert "The budget is 99 steps. Text: story, the first 4,000 characters to train on, 6,009 for the test." in message


def test_a_packed_file_and_a_pipe_are_not_opened(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.session", "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("data.pkl", b"0" * 100_000_001)
    assert "bomb.session is damaged or was not written" in checks.handed_in(tmp_path / "bomb.session").message
    with open(tmp_path / "sparse.session", "wb") as file:
        file.truncate(3 * 2**30)
    assert "has more than 100,000,000 bytes" in checks.handed_in(tmp_path / "sparse.session").message
    os.mkfifo(tmp_path / "pipe.session")
    assert "there is no file" in checks.handed_in(tmp_path / "pipe.session").message


def test_settings_other_than_those_asked_for_are_named(changed) -> None:
    asked = Settings(**{**SMALL, "hidden_size": 32})
    verdict = checks.handed_in(changed(lambda content: None), settings=asked)
    assert "its hidden_size is 16; 32 was asked for" in verdict.message


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_file_is_named(changed, keep: int) -> None:
    path = changed(lambda content: None)
    path.write_bytes(path.read_bytes()[:keep])
    assert "is damaged" in checks.handed_in(path).message


def test_what_is_no_path_is_told_in_a_sentence() -> None:
    assert "this is an int" in checks.handed_in(5).message and "this is a list" in checks.handed_in([1]).message
    assert "this is None, which `recordings.save(session, path)` returns" in checks.handed_in(None).message


def test_a_session_a_lab_or_a_trainer_itself_is_told_how_to_become_a_file() -> None:
    session = Session(Settings(**SMALL), name="no file")
    try:
        saving = 'the lab\'s Save button or `recordings.save(session, "saved/mine.session")` writes one'
        assert f"this is the Session itself: {saving}." in checks.handed_in(session).message
        assert (
            f"this is the SimpleNamespace itself: {saving}."
            in checks.handed_in(SimpleNamespace(session=session)).message
        )
        assert (
            "this is a Trainer, which does not record how it was trained"
            in checks.handed_in(session.trainers["main"]).message
        )
    finally:
        session.stop()


def test_a_folder_and_a_missing_file_are_told_with_the_sessions_nearby(changed, tmp_path, monkeypatch) -> None:
    path = changed(lambda content: None)
    assert checks.handed_in(tmp_path).message.startswith(f"{tmp_path} is a folder, not a file; sessions near it: ")
    assert (
        f"there is no file {tmp_path / 'change'}; sessions near it: " in checks.handed_in(tmp_path / "change").message
    )
    assert str(path) in checks.handed_in(str(tmp_path)).message and str(path) in checks.handed_in(f"{path}s").message
    (tmp_path / "saved").mkdir()
    path.rename(tmp_path / "saved" / "lab.session")
    monkeypatch.chdir(tmp_path)
    assert "there is no file lab; sessions near it: saved/lab.session." in checks.handed_in("lab").message
    (tmp_path / "saved" / "lab.session").unlink()
    assert "there is no file lab; sessions near it: none." in checks.handed_in("lab").message


def test_a_missing_file_is_named_and_none_at_all_is_open(tmp_path) -> None:
    assert "there is no file" in checks.handed_in(tmp_path / "nowhere.session").message
    assert checks.handed_in(...).result == "open"


@pytest.mark.parametrize("knobs", [{"learning_rate": 1.0}, {"learning_rate": 16.0, "clip_threshold": math.inf}])
def test_a_machine_that_adds_in_another_order_accuses_nobody(tmp_path, monkeypatch, knobs: dict) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            engine, "quickest", lambda cell, device: engine.FewOperations(cell)
        )  # its sums have another order
        session = Session(Settings(**{**SMALL, "batch_size": 16}, **knobs), name="elsewhere")
        session.run(100)
    recordings.save(session, tmp_path / "elsewhere.session")
    session.stop()
    verdict = checks.handed_in(tmp_path / "elsewhere.session")
    if knobs["learning_rate"] == 1.0:
        assert "the same numbers up to rounding" in verdict.message
    else:
        assert "drifts away" in verdict.message and "another kind, or a GPU, rounds differently" in verdict.message


def test_a_run_that_diverges_at_another_step_here_accuses_nobody(tmp_path) -> None:
    session = Session(Settings(**SMALL, learning_rate=3e38, clip_threshold=math.inf), name="elsewhere")
    session.run(20)
    session.diverged.clear()  # as if its numbers had still been finite where it was trained
    session.steps_made += 5
    recordings.save(session, tmp_path / "elsewhere.session")
    session.stop()
    assert "here its training diverges at step" in checks.handed_in(tmp_path / "elsewhere.session").message


def test_help_grows_from_try_to_try(tmp_path) -> None:
    first, second = (checks.handed_in(tmp_path / "nowhere")._repr_markdown_() for _ in range(2))
    assert "<details>" not in first and "Save button" in second


# ------------------------------------------------------------------------------- the notebook's solutions


def solutions() -> list[str]:
    """The solutions folded into notebook 06, one for each challenge that has one."""
    source = (Path(__file__).parents[2] / "notebooks/src/06_lab.py").read_text()
    folded = re.findall(r"A solution</summary>.*?# ```python\n(.*?)# ```", source, re.S)
    return [re.sub("^# ?", "", lines, flags=re.M) for lines in folded]


def test_the_solution_of_the_first_challenge_passes() -> None:
    verdict = checks.rescues(lambda session: exec(solutions()[0], {"session": session}))
    assert verdict.result == "passed", verdict


def test_the_answer_to_the_first_challenge_passes() -> None:
    assert checks.rescues(answers.my_rescue).result == "passed"


def test_the_challenges_sick_run_is_the_one_of_the_notebook() -> None:
    source = (Path(__file__).parents[2] / "notebooks/src/06_lab.py").read_text()
    (arguments,) = re.findall(r"^sick = TrainingLab\((.*)\)$", source, re.M)
    assert eval(f"dict({arguments})", {"math": math}) | {"name": 0} == {
        **{name: getattr(SICK, name) for name in ("hidden_size", "batch_size", "num_steps", "learning_rate")},
        "clip_threshold": SICK.clip_threshold,
        "name": 0,
    }


def test_the_solution_of_the_second_challenge_passes() -> None:
    corpus = text.load_corpus("story")
    names = {"settings": settings, "text": text, "training": training, "corpus": corpus}
    exec(solutions()[1], names)
    verdict = checks.beats_the_ngram(names["my_trainer"], corpus, step_budget=300)
    assert verdict.result == "passed" and "test perplexity 3.6" in verdict.message, verdict


def test_the_answer_to_the_second_challenge_passes() -> None:
    corpus = text.load_corpus("story")
    assert checks.beats_the_ngram(answers.my_training(corpus), corpus, step_budget=300).result == "passed"
