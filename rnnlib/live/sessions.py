"""A live session: networks that train in the background while a reader changes their knobs.

Before: experiments.py, evaluations.py.  Next: recordings.py keeps sessions in files.
"""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnnlib.arguments import plain
from rnnlib.live.checkpoints import MOST_STEPS
from rnnlib.live.evaluations import Evaluation, evaluate
from rnnlib.live.experiments import (
    FORK,
    MAIN,
    Experiment,
    change_of,
    check_fork_name,
    check_is_fork,
)
from rnnlib.live.fields import raise_if_wrong, word
from rnnlib.live.pace import Pace
from rnnlib.live.settings import KNOBS, Event, Settings, has_other_tokens
from rnnlib.live.worker import Command, Worker
from rnnlib.sampling import check_prefix
from rnnlib.text import Corpus
from rnnlib.training import Trainer

MAX_STEPS = 1_000_000  # a session that is not paused must end
MAX_EVALUATION_SHARE = 1 / 100  # of the time
LONGEST_WORD = 20  # with which a network's texts begin
MOST_EVALUATIONS = 1000  # of a long run every other one is forgotten
LONGEST_PREFIX = 10_000


@dataclass(frozen=True)
class Evaluate(Command):
    """Evaluate main now."""

    def replaces(self, waiting: Command) -> bool:
        """One evaluation of a moment is enough."""
        return isinstance(waiting, Evaluate)

    def act(self, owner: "Session") -> None:
        """Evaluate."""
        owner._evaluate()


class Look(Command):
    """Look anew when the next step is due."""

    def replaces(self, waiting: Command) -> bool:
        """One is enough."""
        return isinstance(waiting, Look)


class Session(Experiment):
    """An experiment, and the worker that runs it in the background.

    Changes are made between two steps and remembered as events; who asks for one does not wait for it.  `wait` and
    `run` wait for the steps asked for, `reset` and `stop` for the step under way.  A session with the same `name` as
    an earlier one replaces it: the earlier one stops.

    snapshot: a copy of "main" as it was at the last evaluation, which no running step touches.  asked_from, asked_to:
    the step at which the last `start` began, and that at which it ends.  on_change: called, by the thread that
    trains, when there is something new to see.  on_set: called with what `set` was asked for, by whoever asks.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "lab", prefix: str | None = None, **begun: Any):
        """prefix: what the network's texts begin with; by default the text's first two words.

        begun: corpus, trainers and events of an experiment that goes on.
        Raises ValueError, in one sentence, for invalid settings.
        """
        super().__init__(settings or Settings(), **begun)
        self.prefix, self.temperature = first_words(self.corpus) if prefix is None else prefix, 0.5
        self._steps_per_second = math.inf
        raise_if_wrong(word(LONGEST_PREFIX, least=0), self.prefix, "the prefix")
        check_prefix(self.prefix, self.corpus.vocab)
        self.name = name
        self.on_change: Callable[[], None] = lambda: None
        self.on_set: Callable[..., None] = lambda **changes: None
        self.worker = Worker(f"session {name}", self._train, obey=self._obey, at_rest=self._rest)

    def begin(self, trainers: dict[str, Trainer], events: Sequence[Event] = ()) -> None:
        """Go on with these networks, to which these events have happened; nothing is evaluated yet."""
        super().begin(trainers, events)
        self.evaluations = list[Evaluation]()
        self._forks_asked_for = list[str]()
        self.snapshot = self.model.copy()
        self.asked_from = self.asked_to = 0
        self._evaluating_until, self._evaluation_seconds, self._step_due = 0.0, 0.01, 0.0
        self._evaluation_pace = Pace(MAX_EVALUATION_SHARE)

    @property
    def running(self) -> bool:
        """Whether it trains."""
        return self.worker.running

    @property
    def alive(self) -> bool:
        """Whether it can be started; this ends with `stop` and when a newer session takes the name."""
        return self.worker.alive

    @property
    def error(self) -> BaseException | None:
        """What ended the training, if something did."""
        return self.worker.error

    @property
    def steps_per_second(self) -> float:
        """The pace: at most so many; math.inf is as fast as it can.  It changes no number of the training."""
        return self._steps_per_second

    @steps_per_second.setter
    def steps_per_second(self, pace: float) -> None:
        wanted = plain(pace)
        if not (type(wanted) in (int, float) and wanted > 0):
            raise ValueError(f"the pace must be above 0 steps a second; it is {pace!r}.")
        self._steps_per_second, self._step_due = float(wanted), 0.0
        self.worker.do(Look())

    # --------------------------------------------------------------------------- what a reader does

    def start(self, steps: int = MAX_STEPS) -> None:
        """Train in the background for so many steps, or until `pause`.

        Raises RuntimeError after `stop`, and ValueError for less than one step.
        """
        wanted = plain(steps)
        if not (type(wanted) is int and 1 <= wanted <= MOST_STEPS):
            raise ValueError(f"steps must be 1 or more; they are {steps!r} (and {MOST_STEPS:,} at most).")
        if self.diverged:
            self.worker.do(change_of("resumed", True))
        self.asked_from, self.asked_to = self.steps_made, self.steps_made + wanted
        self.worker.start()

    def pause(self) -> None:
        """Stop training after the step under way; if somebody watches, a last evaluation shows where it stopped."""
        evaluates = self.running and self._is_watched
        self.worker.pause()
        if evaluates:
            self.worker.do(Evaluate())

    def step(self) -> None:
        """Train one step and pause."""
        self.start(1)

    def set(self, **changes: Any) -> None:
        """Change knobs of "main": learning_rate, clip_threshold, clip_by, hidden_size, cell, optimizer.

        Takes effect before the next step.  Raises ValueError, in one sentence, for an invalid value; nothing changes.
        """
        if unknown := changes.keys() - KNOBS.keys():
            raise ValueError(f"there is no knob {unknown.pop()!r}; the knobs are {', '.join(KNOBS)}.")
        wanted = replace(self.settings, **changes)  # plain numbers, which are allowed
        asked = {knob: getattr(wanted, knob) for knob in changes}
        for knob, value in asked.items():
            self.worker.do(change_of(knob, value))
        self.on_set(**asked)

    def fork(self, name: str | None = None) -> None:
        """Start a fork: another network with main's weights, which from now on keeps main's knobs of this moment.

        name: by default "fork", "fork 2", and so on.  A fork of the same name is replaced.  Raises ValueError for more
        than MOST_FORKS, and for a name that cannot be.
        """
        numbered = (f"{FORK} {number}" for number in itertools.count(2))
        taken = [*self.trainers, *self._forks_asked_for]  # a step may still be under way
        free = (each for each in itertools.chain([FORK], numbered) if each not in taken)
        chosen = next(free) if name is None else name.strip()
        check_fork_name(chosen, taken)
        self._forks_asked_for.append(chosen)
        self.worker.do(change_of("fork", chosen))

    def drop_fork(self, name: str) -> None:
        """Forget a fork.  Raises ValueError if there is none of this name."""
        check_is_fork(name, self.trainers)
        self._forks_asked_for = [each for each in self._forks_asked_for if each != name]
        self.worker.do(change_of("fork dropped", name))

    def reset(self, **settings: Any) -> None:
        """Back to step 0 with fresh weights, the knobs as they are now (or as given); nothing stays recorded.

        With another text the prefix becomes its first two words.  Raises ValueError, and changes nothing, for invalid
        settings and for another device.
        """
        if "device" in settings:
            raise ValueError("a session keeps its device; make a new session.")
        if unknown := settings.keys() - vars(self.settings):
            raise ValueError(f"there is no setting {unknown.pop()!r}; choose from: {', '.join(vars(self.settings))}.")
        replace(self.settings, **settings)  # what cannot be is refused before training pauses
        with self.worker.settled():
            wanted, corpus, trainer = self.made_anew(settings)
            if has_other_tokens(wanted, self.settings):
                self.prefix = first_words(corpus)
            self.settings, self.corpus, self.worker.error = wanted, corpus, None
            self.begin({MAIN: trainer})  # no step is asked for
        self.worker.pause()
        self.on_change()

    def stop(self) -> None:
        """End the background thread.  The session cannot be started again."""
        self.worker.stop()

    def wait(self, timeout: float = 600.0) -> None:
        """Wait until the steps asked for are made (or the session pauses or diverges).

        Raises what ended the training, if something did, and TimeoutError after `timeout` seconds.
        An interrupt of the kernel pauses the session.
        """
        self.worker.wait(timeout)

    def run(self, steps: int, timeout: float = 600.0) -> None:
        """Train so many steps and wait for them."""
        self.start(steps)
        self.wait(timeout)

    def keep_evaluating(self, seconds: float) -> None:
        """Somebody watches for the next `seconds`: keep `evaluations` up to date meanwhile."""
        self._evaluating_until = time.monotonic() + seconds

    def evaluate_now(self) -> None:
        """Evaluate before the next step; when paused, at once."""
        self.worker.do(Evaluate())

    # -------------------------------------------------------------------------- the background thread

    def _train(self) -> float | None:
        """One step for every network, when it is due; a turn of the worker."""
        now = time.monotonic()
        if now < self._step_due:
            return self._step_due - now
        self._step_due = now + 1 / self.steps_per_second
        self.advance(min(self.steps_made + 1, self.asked_to))
        ends = self.steps_made >= self.asked_to or MAIN in self.diverged
        if self._is_watched and (ends or self._evaluation_pace.seconds_left == 0):
            self.worker.do(Evaluate())
        self.on_change()
        return None if ends else max(0.0, self._step_due - time.monotonic())

    def _obey(self, command: Command) -> None:
        command.act(self)
        self.on_change()

    def _rest(self) -> None:
        """Nothing is left to do; a session that has ended needs no memory for steps."""
        self.settle()
        if not self.alive:
            for trainer in self.trainers.values():
                trainer.release_memory()
        self.on_change()

    @property
    def _is_watched(self) -> bool:
        return time.monotonic() < self._evaluating_until

    def _evaluate(self) -> None:
        """Evaluate main.  The next evaluation waits until this one is paid for."""
        started = time.monotonic()
        self.settle()
        main = self.trainers[MAIN]
        evaluation = evaluate(main, self.corpus, prefix=self.prefix, temperature=self.temperature)
        self.snapshot = self.model.copy()  # before the evaluation that tells of it
        if len(self.evaluations) == MOST_EVALUATIONS:
            self.evaluations = self.evaluations[::2]
        self.evaluations.append(evaluation)
        # the first one after a change warms caches up: only the quicker of the last two has to be paid for
        seconds = time.monotonic() - started
        self._evaluation_pace.spent(min(seconds, self._evaluation_seconds))
        self._evaluation_seconds = seconds


def first_words(corpus: Corpus) -> str:
    """The first two words of a text, or of a script without spaces its first characters: what a vocabulary can read."""
    vocab, beginning = corpus.vocab, corpus.train[:1000]
    first = [word[:LONGEST_WORD] for word in vocab.decode(beginning[beginning != 0][:40]).split()[:2]]
    return " ".join(first if vocab.words or " " in vocab.tokens else first[:1]) or vocab.tokens[1]


def tokens_per_second(trainer: Trainer, last_steps: int = 50) -> float:
    """Training speed over the last steps; nan before the second."""
    seconds = trainer.history.columns(max(0, len(trainer.history) - last_steps))["seconds"]
    per_step = trainer.batches.batch_size * trainer.batches.num_steps
    elapsed = seconds[-1] - seconds[0] if len(seconds) > 1 else 0.0
    return per_step * (len(seconds) - 1) / elapsed if elapsed > 0 else math.nan
