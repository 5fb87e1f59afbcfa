"""Some networks, the changes made to them and the steps between: what repeats bit for bit from its settings.

Before: settings.py.  Next: sessions.py runs an experiment in the background.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rnnlib.arguments import choose_device
from rnnlib.live.checkpoints import from_state_dict, state_dict
from rnnlib.live.resizing import resize
from rnnlib.live.settings import Event, Settings, build_language_model, build_trainer, corpus_of, has_other_tokens
from rnnlib.live.worker import Command
from rnnlib.models import LanguageModel
from rnnlib.optimizers import OPTIMIZERS
from rnnlib.text import Corpus
from rnnlib.training import Trainer

MAIN, FORK = "main", "fork"
MOST_FORKS, LONGEST_NAME, MOST_EVENTS = 4, 24, 200_000
STEPS_BETWEEN_CHECKS_OF_A_GPU = 50


class Experiment:
    """The networks: "main" follows the knobs; its forks keep the knobs that main had when they started.

    trainers: by name.  steps_made: of main.  events: what was changed, and when.  diverged: by name, what was found.
    rejected_change: why the last change was not made; empty if it was.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        corpus: Corpus | None = None,
        trainers: dict[str, Trainer] | None = None,
        events: Sequence[Event] = (),
    ):
        """corpus: the text of the settings, if it was read already.  trainers, events: of an experiment that has begun.

        Raises ValueError, in one sentence, for invalid settings.
        """
        self.settings = settings
        self.device = choose_device(settings.device)
        self.corpus = corpus or corpus_of(settings)
        self.begin(trainers or {MAIN: build_trainer(settings, self.corpus)}, events)

    def begin(self, trainers: dict[str, Trainer], events: Sequence[Event] = ()) -> None:
        """Go on with these networks, to which these events have happened."""
        _texts_opened_here.add(os.path.abspath(self.settings.text))
        self.trainers, self.events = trainers, list(events)
        self.steps_made = self._settled_at = trainers[MAIN].steps_made
        self.diverged = dict[str, str]()
        self.rejected_change = ""

    def made_anew(self, settings: dict[str, Any]) -> tuple[Settings, Corpus, Trainer]:
        """Settings, text and main as these settings give them, and otherwise the knobs as they are now.

        Raises ValueError for what cannot be, and MemoryError for what finds no room.
        """
        main = self.trainers[MAIN]
        model = {"cell": self.model.cell.name, "hidden_size": self.model.hidden_size, "optimizer": main.optimizer.name}
        wanted = replace(self.settings, **{**asdict(main.knobs), **model, **settings})
        now, corpus = self.settings, self.corpus
        if has_other_tokens(wanted, now) or wanted.max_train_tokens != now.max_train_tokens:
            corpus = corpus_of(wanted)
        try:
            return wanted, corpus, build_trainer(wanted, corpus)
        except (MemoryError, RuntimeError):  # torch's error of an allocation is a RuntimeError
            raise MemoryError(f"there is not enough memory for {wanted.hidden_size} units.") from None

    @property
    def model(self) -> LanguageModel:
        """The network called "main"."""
        model = self.trainers[MAIN].model
        assert isinstance(model, LanguageModel)
        return model

    def advance(self, to_step: int) -> None:
        """One step after another for every network that has not diverged, until main has made `to_step` of them."""
        while self.steps_made < to_step and MAIN not in self.diverged:
            self.trainers[MAIN].step()
            self.steps_made += 1
            if self.device.type == "cpu" or self.steps_made % STEPS_BETWEEN_CHECKS_OF_A_GPU == 0:
                self.settle()

    def settle(self) -> None:
        """Find out which networks have diverged, and let the forks make the steps that main has made.

        Waits for a GPU, where main may be found to have diverged some steps ago; it goes back to that step then, and
        the forks never went further.
        """
        self._check(MAIN)
        self.steps_made = self.trainers[MAIN].steps_made
        for name, trainer in self.trainers.items():
            if name not in self.diverged and name != MAIN:
                for _ in range(self.steps_made - self._settled_at):
                    trainer.step()
                self._check(name)
        self._settled_at = self.steps_made

    def _check(self, name: str) -> None:
        try:
            self.trainers[name].raise_if_diverged()
        except FloatingPointError as divergence:
            self.diverged[name] = str(divergence)

    def apply(self, change: "Change") -> None:
        """Make a change and remember it as an event.  One that fails changes nothing and is told."""
        self.settle()
        try:
            if len(self.events) >= MOST_EVENTS:
                raise ValueError(f"there were {MOST_EVENTS:,} changes; reset the session, or make a new one.")
            old = change.make(self)
        except (MemoryError, RuntimeError, ValueError) as error:
            self.rejected_change = f"{change.knob}={change.new} was refused: {str(error).splitlines()[0]}"
            return
        if old != change.new:
            self.events.append(Event(self.steps_made, change.knob, old, change.new))
            self.rejected_change = ""


_texts_opened_here: set[str] = set()


def was_opened_here(text: str) -> bool:
    """Whether an experiment of this process was made with the file `text`."""
    return os.path.abspath(text) in _texts_opened_here


# ----------------------------------------------------------------------------------------- changes


@dataclass(frozen=True)
class Change(Command):
    """A change of the networks between two steps.  knob, new: as its event tells it."""

    knob: str
    new: Any = None

    def act(self, owner: Experiment) -> None:
        """Apply it."""
        owner.apply(self)

    def make(self, experiment: Experiment) -> Any:
        """Make the change and return the value that it replaces."""
        raise NotImplementedError


class SetKnob(Change):
    """A knob of main has a new value: learning_rate, clip_threshold or clip_by."""

    def replaces(self, waiting: Command) -> bool:
        """A slider on its way: only where it is now matters."""
        return isinstance(waiting, SetKnob) and waiting.knob == self.knob

    def make(self, experiment: Experiment) -> Any:
        """The trainer keeps the knobs."""
        main = experiment.trainers[MAIN]
        old = getattr(main.knobs, self.knob)
        main.set(**{self.knob: self.new})
        return old


class SetHiddenSize(SetKnob):
    """Main grows or shrinks; the seed and the step decide what new units begin with."""

    def make(self, experiment: Experiment) -> int:
        """What the network computes stays the same, as far as it can."""
        main = experiment.trainers[MAIN]
        old: int = main.model.hidden_size
        resize(main, self.new, seed=experiment.settings.seed + experiment.steps_made)
        return old


class SetCell(SetKnob):
    """Main becomes a network with another cell and fresh weights; its curve goes on."""

    def make(self, experiment: Experiment) -> str:
        """Nothing happens if the cell is the one it has."""
        main, old = experiment.trainers[MAIN], experiment.model.cell.name
        if self.new != old:
            settings = replace(experiment.settings, cell=self.new, hidden_size=main.model.hidden_size)
            model = build_language_model(settings, experiment.corpus)
            main.use_model(model, OPTIMIZERS[main.optimizer.name](model.trainable))
        return old


class SetOptimizer(SetKnob):
    """Main is trained by another optimizer, which remembers nothing; weights and hidden state stay."""

    def make(self, experiment: Experiment) -> str:
        """Nothing happens if the optimizer is the one it has."""
        main = experiment.trainers[MAIN]
        old, state = main.optimizer.name, main.state
        if self.new != old:
            main.use_model(main.model, OPTIMIZERS[self.new](main.model.trainable))
            for part, kept in zip(main.state, state, strict=True):
                part.copy_(kept)
        return old


class MakeFork(Change):
    """Another network starts with main's weights, and from now on keeps main's knobs of this moment.  new: its name."""

    def make(self, experiment: Experiment) -> None:
        """A fork of the same name is replaced."""
        check_fork_name(self.new, experiment.trainers)
        main = experiment.trainers[MAIN]
        experiment.trainers[self.new] = from_state_dict(state_dict(main), main.batches)
        experiment.diverged.pop(self.new, None)


class DropFork(Change):
    """A fork is forgotten.  new: its name."""

    def make(self, experiment: Experiment) -> None:
        """Raises ValueError if there is none of this name."""
        check_is_fork(self.new, experiment.trainers)
        experiment.trainers = {name: trainer for name, trainer in experiment.trainers.items() if name != self.new}
        experiment.diverged.pop(self.new, None)


class Resume(Change):
    """Networks that have diverged go on from their last good weights."""

    def make(self, experiment: Experiment) -> None:
        """The trainers hold the last good weights already."""
        experiment.diverged = {}


def change_of(knob: str, new: Any) -> Change:
    """The change that an event of this knob tells of."""
    kinds = {
        "hidden_size": SetHiddenSize, "cell": SetCell, "optimizer": SetOptimizer, "fork": MakeFork,
        "fork dropped": DropFork, "resumed": Resume,
    }  # fmt: skip
    return kinds.get(knob, SetKnob)(knob, new)


def check_fork_name(name: object, networks: Iterable[str]) -> None:
    """Raises ValueError, in one sentence, unless a fork may have this name beside these networks."""
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME or name == MAIN:
        raise ValueError(f"a fork's name has 1 to {LONGEST_NAME} characters and is not {MAIN!r}; it is {name!r}.")
    forks = [each for each in dict.fromkeys(networks) if each != MAIN]
    if name not in forks and len(forks) >= MOST_FORKS:
        raise ValueError(f"there are {MOST_FORKS} forks; name one of {', '.join(forks)} to replace it, or drop one.")


def check_is_fork(name: object, networks: Iterable[str]) -> None:
    """Raises ValueError, in one sentence, unless there is a fork of this name."""
    forks = [each for each in networks if each != MAIN]
    if name not in forks:
        raise ValueError(f"there is no fork {name!r}; there are: {', '.join(forks) or 'none'}.")
