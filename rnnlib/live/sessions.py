"""A live session: networks that train in the background while a reader changes their knobs.

Before: experiments.py, evaluations.py.  Next: recordings.py keeps sessions in files.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rnnlib.arguments import check_cell, check_hidden_size
from rnnlib.live.evaluations import Evaluation, evaluate
from rnnlib.live.experiments import MAIN, Change, Experiment, Fork, Resume, change_of
from rnnlib.live.pace import Pace
from rnnlib.live.settings import Settings, build_trainer, plain
from rnnlib.live.worker import Command, Worker
from rnnlib.sampling import check_prefix
from rnnlib.training import Knobs, Trainer

MAX_STEPS = 1_000_000  # a session that is not paused must end
MAX_EVALUATION_SHARE = 1 / 50  # of the time


@dataclass(frozen=True)
class Evaluate(Command):
    """Evaluate main now."""

    def replaces(self, waiting: Command) -> bool:
        """One evaluation of a moment is enough."""
        return isinstance(waiting, Evaluate)


class Session(Experiment):
    """An experiment, and the worker that runs it in the background.

    Changes are made between two steps and remembered as events; who asks for one does not wait for it.  `wait` and
    `run` wait for the steps asked for, `reset` and `stop` for the step under way.  A session with the same `name` as
    an earlier one replaces it: the earlier one stops.

    snapshot: a copy of "main" as it was at the last evaluation, which no running step touches.  asked_from, asked_to:
    the step at which the last `start` began, and that at which it ends.  on_change: called, by the thread that
    trains, when there is something new to see.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "lab", prefix: str | None = None):
        """prefix: what the network's texts begin with; by default the text's first two words.

        Raises ValueError, in one sentence, for invalid settings.
        """
        super().__init__(settings or Settings())
        first_words = self.corpus.vocab.decode(self.corpus.train[:40]).split()[:2]
        self.prefix, self.temperature = " ".join(first_words) if prefix is None else prefix, 0.5
        check_prefix(self.prefix, self.corpus.vocab)
        self.name = name
        self.on_change: Callable[[], None] = lambda: None
        self.worker = Worker(f"session {name}", self._train, obey=self._obey, at_rest=lambda: self.on_change())

    def begin(self, trainer: Trainer) -> None:
        """One network, nothing recorded."""
        super().begin(trainer)
        self.evaluations = list[Evaluation]()
        self.snapshot = self.model.copy()
        self.asked_from = self.asked_to = 0
        self._evaluating_until, self._evaluation_seconds = 0.0, 0.01
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

    # --------------------------------------------------------------------------- what a reader does

    def start(self, steps: int = MAX_STEPS) -> None:
        """Train in the background for so many steps, or until `pause`.

        Raises RuntimeError after `stop`, and ValueError for less than one step.
        """
        if steps < 1:
            raise ValueError(f"steps must be 1 or more; they are {steps}.")
        if self.diverged:
            self.worker.do(Resume())
        self.asked_from, self.asked_to = self.steps_made, self.steps_made + steps
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
        """Change knobs of "main": learning_rate, clip_threshold, clip_by, hidden_size, cell.

        Takes effect before the next step.  Raises ValueError, in one sentence, for an invalid value; nothing changes.
        """
        knob_names = {field.name for field in fields(Knobs)}
        unknown = changes.keys() - knob_names - {"hidden_size", "cell"}
        if unknown:
            raise ValueError(
                f"there is no knob {unknown.pop()!r}; the knobs are {sorted(knob_names)}, hidden_size, cell."
            )
        replace(self.trainers[MAIN].knobs, **{name: changes[name] for name in changes.keys() & knob_names})
        if "hidden_size" in changes:
            check_hidden_size(changes["hidden_size"])
        if "cell" in changes:
            check_cell(changes["cell"])
        for knob, new in changes.items():
            self.worker.do(change_of(knob, plain(new)))

    def fork(self) -> None:
        """Start "fork": a second network with main's weights, which from now on keeps main's knobs of this moment."""
        self.worker.do(Fork())

    def reset(self, **settings: Any) -> None:
        """Back to step 0 with fresh weights, the knobs as they are now (or as given); nothing stays recorded.

        Raises ValueError, and changes nothing, for invalid settings and for those that a session keeps.
        """
        kept = settings.keys() & {"text", "max_train_tokens", "device"}
        if kept:
            raise ValueError(f"a session keeps its {kept.pop()}; make a new session.")
        self.worker.settle()
        main = self.trainers[MAIN]
        now = {**asdict(main.knobs), "cell": self.model.cell.name, "hidden_size": self.model.hidden_size}
        wanted = replace(self.settings, **{**now, **settings})
        trainer = build_trainer(wanted, self.corpus)
        self.settings, self.worker.error = wanted, None
        self.begin(trainer)
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
        """One step for every network; a turn of the worker."""
        self.advance(min(self.steps_made + 1, self.asked_to))
        ends = self.steps_made >= self.asked_to or MAIN in self.diverged
        if self._is_watched and (ends or self._evaluation_pace.seconds_left == 0):
            self.worker.do(Evaluate())
        self.on_change()
        return None if ends else 0.0

    def _obey(self, command: Command) -> None:
        if isinstance(command, Change):
            self.apply(command)
        else:
            self._evaluate()
        self.on_change()

    @property
    def _is_watched(self) -> bool:
        return time.monotonic() < self._evaluating_until

    def _evaluate(self) -> None:
        """Evaluate main.  The next evaluation waits until this one is paid for."""
        started = time.monotonic()
        self.find_diverged()
        main = self.trainers[MAIN]
        evaluation = evaluate(main, self.corpus, prefix=self.prefix, temperature=self.temperature)
        self.snapshot = self.model.copy()  # before the evaluation that tells of it
        self.evaluations.append(evaluation)
        # the first one after a change warms caches up: only the quicker of the last two has to be paid for
        seconds = time.monotonic() - started
        self._evaluation_pace.spent(min(seconds, self._evaluation_seconds))
        self._evaluation_seconds = seconds


def tokens_per_second(trainer: Trainer, last_steps: int = 50) -> float:
    """Training speed over the last steps; nan before the second."""
    seconds = trainer.history.columns(max(0, len(trainer.history) - last_steps))["seconds"]
    per_step = trainer.batches.batch_size * trainer.batches.num_steps
    elapsed = seconds[-1] - seconds[0] if len(seconds) > 1 else 0.0
    return per_step * (len(seconds) - 1) / elapsed if elapsed > 0 else math.nan
