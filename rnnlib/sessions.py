"""A live session: networks that train in the background while a reader changes their knobs.

Before: resizing.py.  Next: figures/ draw what a session has recorded.
"""

import atexit
import math
import threading
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from rnnlib.arguments import check_cell, check_hidden_size, choose_device
from rnnlib.gradients import norms_over_time, spectral_radius
from rnnlib.live import checkpoints
from rnnlib.live.resizing import resize
from rnnlib.models import LanguageModel
from rnnlib.optimizers import OPTIMIZERS
from rnnlib.sampling import check_prefix, write
from rnnlib.text import Corpus, RandomBatches, SequentialBatches, load_corpus
from rnnlib.training import Knobs, Trainer, evaluate

SESSION_FORMAT = "rnnlib session 3"
MAIN, FORK = "main", "fork"
MOST_STEPS = 1_000_000  # a thread that nobody pauses must end
STEPS_BETWEEN_CHECKS_OF_A_GPU = 50
SHARE_OF_TIME_FOR_LOOKING = 1 / 50
_sessions: dict[str, "Session"] = {}


@dataclass(frozen=True)
class Settings:
    """How a session begins.

    text: a name or path for load_corpus; max_train_tokens: train on the first so many characters only.
    cell: "rnn", "gru" or "lstm".  batches: "sequential" or "random".  device: "auto", "cuda", "mps" or "cpu".
    seed: of the initial weights, the batches and the units that growing adds.
    """

    text: str = "story"
    max_train_tokens: int | None = None
    cell: str = "rnn"
    hidden_size: int = 256
    batch_size: int = 32
    num_steps: int = 35
    batches: str = "sequential"
    optimizer: str = "sgd"
    learning_rate: float = 1.0
    clip_threshold: float = 1.0
    clip_by: str = "norm"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Event:
    """A change: before round `step`, `knob` went from `old` to `new`."""

    step: int
    knob: str
    old: Any
    new: Any

    @property
    def value_name(self) -> str:
        """The new value in a few characters; an infinite threshold is "off"."""
        if self.new == math.inf:
            return "off"
        return f"{self.new:.3g}" if isinstance(self.new, float) else str(self.new)


@dataclass(frozen=True)
class Look:
    """A moment between two steps.

    held_out_loss: in nats per token.  spectral_radius: of W_hh; for a GRU or LSTM of its candidate's block.
    norms_over_time: |dL/dh_t| of the step before, for every t.  text: what the network writes.
    """

    step: int
    held_out_loss: float
    spectral_radius: float
    norms_over_time: tuple[float, ...]
    text: str


class Session:
    """One or two networks and the one background thread that trains them.

    "main" follows the knobs; "fork", if there is one, started from main's weights and keeps the knobs it had then.
    Changes are applied between two steps and remembered as events; who asks for one does not wait for it.  `wait`
    and `run` wait for the steps asked for, `reset`, `save` and `stop` for the step under way.  A session with the
    same `name` as an earlier one replaces it: the earlier one stops.

    snapshot: a copy of "main" as it was at the last look, which no running step touches.  asked_from, asked_to: the
    step at which the last `start` began, and that at which it ends.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "lab", prefix: str | None = None):
        """prefix: what the network's texts begin with; by default the text's first two words.

        Raises ValueError, in one sentence, for settings that cannot be.
        """
        self.settings, self.name = settings or Settings(), name
        self.device = choose_device(self.settings.device)
        self.corpus: Corpus = load_corpus(self.settings.text, max_train_tokens=self.settings.max_train_tokens)
        first_words = self.corpus.vocab.decode(self.corpus.train[:40]).split()[:2]
        self.prefix, self.temperature = " ".join(first_words) if prefix is None else prefix, 0.5
        check_prefix(self.prefix, self.corpus.vocab)
        self._condition, self._stopping = threading.Condition(), False
        self._begin(fresh_trainer(self.settings, self.corpus))
        if name in _sessions:
            _sessions[name].stop()
        _sessions[name] = self
        self._thread = threading.Thread(target=self._work, name=f"session {name}", daemon=True)
        self._thread.start()
        atexit.register(self.stop)  # Python must not end while a thread is inside torch

    def _begin(self, trainer: Trainer) -> None:
        """One network, nothing recorded."""
        self.trainers = {MAIN: trainer}
        self.steps_made, self.events, self.looks = 0, list[Event](), list[Look]()
        self.snapshot = self.model.copy()
        self.diverged = dict[str, str]()
        self.error: Exception | None = None
        self.refusal = ""
        self.running, self.asked_from, self.asked_to = False, 0, 0
        self._changes, self._busy = list[tuple[str, Any]](), False
        self._look_wanted_until, self._next_look, self._look_seconds = 0.0, 0.0, (0.01, 0.01)

    @property
    def alive(self) -> bool:
        """Whether the background thread is there; it ends with `stop` and when a newer session takes the name."""
        return not self._stopping

    @property
    def model(self) -> LanguageModel:
        """The network called "main"."""
        model = self.trainers[MAIN].model
        assert isinstance(model, LanguageModel)
        return model

    # --------------------------------------------------------------------------- what a reader does

    def start(self, steps: int = MOST_STEPS) -> None:
        """Train in the background for so many steps, or until `pause`.

        Raises RuntimeError after `stop`, and ValueError for less than one step.
        """
        if not self.alive:
            raise RuntimeError("this session has ended; run the cell that made it again.")
        if steps < 1:
            raise ValueError(f"steps must be 1 or more; they are {steps}.")
        with self._condition:
            self.asked_from, self.asked_to = self.steps_made, self.steps_made + steps
            self.running, self.error = True, None
            if self.diverged:
                self._changes.append(("resumed", True))
            self._condition.notify_all()

    def pause(self) -> None:
        """Stop training after the step under way; if somebody watches, a last look shows where it stopped."""
        with self._condition:
            if self.running and time.monotonic() < self._look_wanted_until:
                self._changes.append(("look", True))
            self.running = False
            self._condition.notify_all()

    def step(self) -> None:
        """Train one step and pause."""
        self.start(1)

    def set(self, **changes: Any) -> None:
        """Change knobs of "main": learning_rate, clip_threshold, clip_by, hidden_size, cell.

        Takes effect before the next step.  Raises ValueError, in one sentence, for what cannot be, and changes nothing.
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
        with self._condition:
            for knob, new in changes.items():
                if self._changes and self._changes[-1][0] == knob:
                    self._changes.pop()  # a slider on its way: only where it is now matters
                self._changes.append((knob, new))
            self._condition.notify_all()

    def fork(self) -> None:
        """Start "fork": a second network with main's weights, which from now on keeps main's knobs of this moment."""
        with self._condition:
            self._changes.append(("fork", True))
            self._condition.notify_all()

    def reset(self, **settings: Any) -> None:
        """Back to step 0 with fresh weights, the knobs as they are now (or as given); nothing stays recorded.

        Raises ValueError, and changes nothing, for settings that cannot be and for those that a session keeps.
        """
        kept = settings.keys() & {"text", "max_train_tokens", "device"}
        if kept:
            raise ValueError(f"a session keeps its {kept.pop()}; make a new session.")
        self._settle()
        main = self.trainers[MAIN]
        now = {**asdict(main.knobs), "cell": self.model.cell.name, "hidden_size": self.model.hidden_size}
        wanted = replace(self.settings, **{**now, **settings})
        trainer = fresh_trainer(wanted, self.corpus)
        with self._condition:
            self.settings = wanted
            self._begin(trainer)
            self._condition.notify_all()

    def stop(self) -> None:
        """End the background thread.  The session cannot be started again."""
        with self._condition:
            self.running, self._stopping = False, True
            self._condition.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        atexit.unregister(self.stop)
        if _sessions.get(self.name) is self:
            del _sessions[self.name]

    def wait(self, timeout: float = 600.0) -> None:
        """Wait until the steps asked for are made (or the session pauses or diverges).

        Raises what stopped the thread, if something did, and TimeoutError after `timeout` seconds.
        An interrupt of the kernel pauses the session.
        """
        try:
            self._wait_for_rest(timeout)
        except KeyboardInterrupt:
            self.pause()
            raise
        if self.error is not None:
            raise self.error

    def run(self, steps: int, timeout: float = 600.0) -> None:
        """Train so many steps and wait for them."""
        self.start(steps)
        self.wait(timeout)

    def want_look(self, seconds: float) -> None:
        """Somebody watches for the next `seconds`: keep `looks` up to date meanwhile."""
        self._look_wanted_until = time.monotonic() + seconds

    def look_now(self) -> None:
        """Take a look before the next step; when paused, at once."""
        with self._condition:
            self._changes.append(("look", True))
            self._condition.notify_all()

    # ------------------------------------------------------------------------------------- on disk

    def save(self, path: str | Path) -> None:
        """Write settings, events and networks to a file; pauses meanwhile, goes on after."""
        was_running = self.running
        self._settle()
        content = {
            "format": SESSION_FORMAT,
            "settings": asdict(self.settings),
            "events": [asdict(event) for event in self.events],
            "steps_made": self.steps_made,
            "prefix": self.prefix,
            "trainers": {name: checkpoints.state_dict(trainer) for name, trainer in self.trainers.items()},
        }
        checkpoints.write_file(path, content)
        with self._condition:
            self.running = was_running and self.steps_made < self.asked_to
            self._condition.notify_all()

    @classmethod
    def replay(cls, path: str | Path, *, name: str = "replay") -> "Session":
        """A new, paused session that went through all of a saved one: its seed and events give the same numbers."""
        content = checkpoints.read_file(path, SESSION_FORMAT)
        session = cls(Settings(**content["settings"]), name=name, prefix=content["prefix"])
        try:
            for event in content["events"]:
                session._advance(event["step"])
                session._apply([(event["knob"], event["new"])])
            session._advance(content["steps_made"])
        except BaseException:
            session.stop()
            raise
        session.snapshot = session.model.copy()
        return session

    @classmethod
    def load(cls, path: str | Path, *, name: str = "lab") -> "Session":
        """A new, paused session that continues a saved one from its last step."""
        content = checkpoints.read_file(path, SESSION_FORMAT)
        settings = Settings(**content["settings"])
        corpus = load_corpus(settings.text, max_train_tokens=settings.max_train_tokens)
        batches = fresh_trainer(settings, corpus).batches
        trainers = {n: checkpoints.from_state_dict(saved, batches) for n, saved in content["trainers"].items()}
        session = cls(settings, name=name, prefix=content["prefix"])  # only now, for it ends an earlier one
        session.trainers, session.steps_made = trainers, content["steps_made"]
        session.events = [Event(**event) for event in content["events"]]
        session._check_all()
        session.snapshot = session.model.copy()
        return session

    # -------------------------------------------------------------------------- the background thread

    def _settle(self) -> None:
        """Pause, and wait until the step under way and all changes are done."""
        with self._condition:
            self.running = False
            self._condition.notify_all()
        self._wait_for_rest(timeout=600)

    def _wait_for_rest(self, timeout: float) -> None:
        """Wait until there is nothing to do: no step, no change.  Raises TimeoutError."""
        ends = time.monotonic() + timeout
        with self._condition:
            while (self.running or self._changes or self._busy) and not self._stopping:
                self._condition.wait(0.2)
                if time.monotonic() > ends:
                    raise TimeoutError(f"the session was still training after {timeout:g} seconds.")

    def _work(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                if not self.running:
                    self._condition.notify_all()
                while not (self._changes or self.running or self._stopping):
                    self._condition.wait()
                if self._stopping:
                    return
                changes, self._changes, self._busy = self._changes, [], True
            try:
                self._apply(changes)
                if self.running:
                    self._advance(self.steps_made + 1)
                with self._condition:  # a `start` from here on is heard: it finds `running` as it is decided now
                    ends_now = self.running and (self.steps_made >= self.asked_to or MAIN in self.diverged)
                    look_is_due = ("look", True) in changes or self._look_is_due(ends_now)
                    self.running = self.running and not ends_now
                if look_is_due:
                    self._look()
            except Exception as error:  # a thread must not die silently: `wait` raises it, the widget shows it
                self.error, self.running = error, False

    def _advance(self, to_step: int) -> None:
        """Rounds of one step for every network that has not diverged."""
        while self.steps_made < to_step and MAIN not in self.diverged:
            live = {name: trainer for name, trainer in self.trainers.items() if name not in self.diverged}
            for trainer in live.values():
                trainer.step()
            self.steps_made += 1
            if self.device.type == "cpu" or self.steps_made % STEPS_BETWEEN_CHECKS_OF_A_GPU == 0:
                self._check_all()

    def _check_all(self) -> None:
        """Find out who has diverged."""
        for name, trainer in self.trainers.items():
            try:
                trainer.raise_if_diverged()
            except FloatingPointError as divergence:
                self.diverged[name] = str(divergence)

    def _apply(self, changes: list[tuple[str, Any]]) -> None:
        """Apply changes to main, each remembered as an event.  One that fails changes nothing and is told."""
        main = self.trainers[MAIN]
        for knob, new in changes:
            try:
                old = self._apply_one(main, knob, new)
            except (MemoryError, RuntimeError, ValueError) as refusal:
                self.refusal = f"{knob}={new} was refused: {str(refusal).splitlines()[0]}"
                continue
            if knob != "look" and old != new:
                self.events.append(Event(self.steps_made, knob, old, new))
                self.refusal = ""

    def _apply_one(self, main: Trainer, knob: str, new: Any) -> Any:
        """Apply one change and return the value it replaces."""
        old: Any = None
        if knob == "hidden_size":
            old = main.model.hidden_size
            resize(main, new, seed=self.settings.seed + self.steps_made)
        elif knob == "cell":
            old = self.model.cell.name
            if new != old:
                settings = replace(self.settings, cell=new, hidden_size=main.model.hidden_size)
                model = fresh_model(settings, self.corpus)
                main.use_model(model, OPTIMIZERS[self.settings.optimizer](model.trainable))
        elif knob == "fork":
            self.trainers[FORK] = checkpoints.from_state_dict(checkpoints.state_dict(main), main.batches)
            self.diverged.pop(FORK, None)
        elif knob == "resumed":
            self.diverged = {}
        elif knob != "look":
            old = getattr(main.knobs, knob)
            main.set(**{knob: new})
        return old

    def _look_is_due(self, ends_now: bool) -> bool:
        now = time.monotonic()
        return self.running and now < self._look_wanted_until and (ends_now or now >= self._next_look)

    def _look(self) -> None:
        """Look at main: held-out loss, spectral radius, a text.  The next look waits until this one is paid for."""
        started, main = time.monotonic(), self.trainers[MAIN]
        self._check_all()
        held_out = evaluate(main.model, self.corpus.held_out.to(self.device))
        generator = torch.Generator().manual_seed(self.steps_made)
        text = write(main.model, self.corpus.vocab, self.prefix, 90, temperature=self.temperature, generator=generator)
        W_hh = self.model.weights.W_hh
        radius = spectral_radius(W_hh if W_hh.dim() == 2 else W_hh[2])
        norms = () if main.hidden_gradients is None else tuple(norms_over_time(main.hidden_gradients).tolist())
        self.snapshot = self.model.copy()  # before the look that tells of it
        self.looks.append(Look(self.steps_made, held_out, radius, norms, text))
        now = time.monotonic()
        # the first look after a change warms caches up: only the quicker of the last two has to be paid for
        self._look_seconds = (self._look_seconds[1], now - started)
        self._next_look = now + min(self._look_seconds) / SHARE_OF_TIME_FOR_LOOKING


def tokens_per_second(trainer: Trainer, last_steps: int = 50) -> float:
    """Training speed over the last steps; nan before the second."""
    seconds = trainer.history.columns(max(0, len(trainer.history) - last_steps))["seconds"]
    per_step = trainer.batches.batch_size * trainer.batches.num_steps
    elapsed = seconds[-1] - seconds[0] if len(seconds) > 1 else 0.0
    return per_step * (len(seconds) - 1) / elapsed if elapsed > 0 else math.nan


# ------------------------------------------------------------------------- from settings to networks


def fresh_trainer(settings: Settings, corpus: Corpus) -> Trainer:
    """A trainer at step 0.  Raises ValueError, in one sentence, for settings that cannot be."""
    kinds = {"sequential": SequentialBatches, "random": RandomBatches}
    if settings.batches not in kinds:
        raise ValueError(f'batches must be "sequential" or "random"; they are {settings.batches!r}.')
    sizes = {"batch_size": settings.batch_size, "num_steps": settings.num_steps, "seed": settings.seed}
    batches = kinds[settings.batches](corpus.train.to(choose_device(settings.device)), **sizes)
    knobs = Knobs(**{field.name: getattr(settings, field.name) for field in fields(Knobs)})
    return Trainer(fresh_model(settings, corpus), batches, knobs=knobs, optimizer=settings.optimizer)


def fresh_model(settings: Settings, corpus: Corpus) -> LanguageModel:
    """A network with the weights that the settings' seed gives it."""
    generator = torch.Generator().manual_seed(settings.seed)
    sizes = {"vocab_size": len(corpus.vocab), "hidden_size": settings.hidden_size}
    return LanguageModel(settings.cell, **sizes, device=choose_device(settings.device), generator=generator)
