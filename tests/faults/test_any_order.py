"""Whatever a reader does, in whatever order and from several threads: what is refused changes nothing, all replays."""

import math
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from factories import SMALL_SESSION, losses_of
from hypothesis import settings as how
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rnnlib.live import recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

KNOBS = some.one_of(
    some.fixed_dictionaries({"learning_rate": some.sampled_from([0.1, 1.0, 3e38, -1.0, 1e-60])}),
    some.fixed_dictionaries({"clip_threshold": some.sampled_from([0.1, 1.0, math.inf, 0.0])}),
    some.fixed_dictionaries({"hidden_size": some.sampled_from([4, 8, 12, 0])}),
    some.fixed_dictionaries({"cell": some.sampled_from(["rnn", "gru", "lstm", "tree"])}),
    some.fixed_dictionaries({"optimizer": some.sampled_from(["sgd", "adam"])}),
    some.fixed_dictionaries({"clip_by": some.sampled_from(["norm", "value"])}),
)


class Reader(RuleBasedStateMachine):
    """A reader of a lab, who does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.session = Session(Settings(**{**SMALL_SESSION, "hidden_size": 8}), name="any order")

    @rule(steps=some.integers(1, 5))
    def train(self, steps: int) -> None:
        self.session.run(steps)

    @rule(knobs=KNOBS)
    def turn(self, knobs: dict[str, Any]) -> None:
        self.session.worker.settle()
        before = len(self.session.events)
        try:
            self.session.set(**knobs)
        except ValueError:
            assert len(self.session.events) == before

    @rule(knobs=some.lists(KNOBS, min_size=2, max_size=4))
    def turn_from_several_threads_while_it_trains(self, knobs: list[dict[str, Any]]) -> None:
        def turn(one: dict[str, Any]) -> None:
            try:
                self.session.set(**one)
            except ValueError:
                pass

        self.session.start(5)
        threads = [threading.Thread(target=turn, args=(one,)) for one in knobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.session.wait()

    @rule(name=some.sampled_from(["a", "b", None]))
    def fork(self, name: str | None) -> None:
        try:
            self.session.fork(name)
        except ValueError as error:
            assert "there are 4 forks" in str(error)

    @rule()
    def drop_a_fork(self) -> None:
        self.session.worker.settle()
        for name in [name for name in self.session.trainers if name != MAIN][:1]:
            self.session.drop_fork(name)

    @rule()
    def reset(self) -> None:
        self.session.reset()

    @rule()
    def go_on_from_a_file(self) -> None:
        path = Path(self.folder.name) / "saved"
        recordings.save(self.session, path)
        self.session = recordings.load(path, name="any order")

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.session.error is None

    def teardown(self) -> None:
        path = Path(self.folder.name) / "saved"
        recordings.save(self.session, path)
        again = recordings.replay(path, name="again")
        assert again.events == self.session.events and again.diverged.keys() == self.session.diverged.keys()
        assert again.trainers.keys() == self.session.trainers.keys()
        for name in again.trainers:
            np.testing.assert_array_equal(losses_of(again, name), losses_of(self.session, name))
        for one in (again, self.session):
            one.stop()
        self.folder.cleanup()


TestReader = Reader.TestCase
TestReader.settings = how(max_examples=60, stateful_step_count=20, deadline=None, derandomize=True)
