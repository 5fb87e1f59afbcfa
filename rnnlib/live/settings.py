"""How a session begins, what happens to it, and the networks that its settings give.

Before: training.py.  Next: experiments.py.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import torch

from rnnlib.alphabets import KINDS_OF_TOKENS, LARGEST_VOCABULARY, NORMAL_FORMS
from rnnlib.arguments import check_cell, check_hidden_size, choose_device, plain
from rnnlib.live.fields import Check, as_for, one_of, optional, raise_if_wrong, whole, word
from rnnlib.live.histories import LongHistory
from rnnlib.models import LanguageModel
from rnnlib.optimizers import OPTIMIZERS
from rnnlib.text import Batches, Corpus, RandomBatches, SequentialBatches, load_corpus
from rnnlib.training import Knobs, Trainer

TEXT_SETTINGS = ("text", "tokens", "max_vocab_size", "normal_form")  # which tokens there are
BATCHES = {"sequential": SequentialBatches, "random": RandomBatches}
LONGEST_PATH, MOST_TOKENS, LARGEST_SIZE, LARGEST_SEED = 4096, 10**12, 10**6, 2**40


@dataclass(frozen=True)
class Settings:
    """How a session begins.

    text: a name or path for load_corpus; tokens, max_vocab_size, normal_form, max_train_tokens: as there.
    cell: "rnn", "gru" or "lstm".  batches: "sequential" or "random".  device: "auto", "cuda", "mps" or "cpu".
    seed: of the initial weights, the batches and the units that growing adds.

    Numbers of any library become plain ones and a path becomes a str: what is saved can then be read.  Raises
    ValueError, in one sentence, for what SETTINGS does not allow.
    """

    text: str = "story"
    tokens: str = "letters"
    max_vocab_size: int = LARGEST_VOCABULARY
    normal_form: str = "NFC"
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

    def __post_init__(self) -> None:
        given = {field.name: plain(getattr(self, field.name)) for field in fields(self)}
        knobs = Knobs(**{field.name: given[field.name] for field in fields(Knobs)})
        for name, value in {**given, **asdict(knobs)}.items():
            object.__setattr__(self, name, value)
            raise_if_wrong(SETTINGS[name], value, name)


def check_optimizer(name: str) -> None:
    """Raises ValueError for the name of an optimizer that is not there."""
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; choose from: {', '.join(OPTIMIZERS)}.")


KNOBS: dict[str, Check] = {
    "learning_rate": as_for(lambda rate: Knobs(learning_rate=rate), float),
    "clip_threshold": as_for(lambda threshold: Knobs(clip_threshold=threshold), float),
    "clip_by": one_of("norm", "value"),
    "hidden_size": as_for(check_hidden_size, int),
    "cell": as_for(check_cell, str),
    "optimizer": as_for(check_optimizer, str),
}  # fmt: skip
SETTINGS: dict[str, Check] = KNOBS | {  # what each of them may be, in a file too
    "text": word(LONGEST_PATH),
    "tokens": one_of(*KINDS_OF_TOKENS),
    "max_vocab_size": whole(2, LARGEST_VOCABULARY),
    "normal_form": one_of(*NORMAL_FORMS),
    "max_train_tokens": optional(whole(1, MOST_TOKENS)),
    "batch_size": whole(1, LARGEST_SIZE),
    "num_steps": whole(1, LARGEST_SIZE),
    "batches": one_of(*BATCHES),
    "device": word(LONGEST_PATH),
    "seed": whole(-LARGEST_SEED, LARGEST_SEED),
}


class Event(NamedTuple):  # there may be many
    """A change: before step `step` + 1, `knob` went from `old` to `new`."""

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


def corpus_of(settings: Settings) -> Corpus:
    """The text that the settings name, as tokens.  Raises what load_corpus raises."""
    name, *others = TEXT_SETTINGS
    options = {other: getattr(settings, other) for other in (*others, "max_train_tokens")}
    return load_corpus(getattr(settings, name), **options)


def has_other_tokens(settings: Settings, others: Settings) -> bool:
    """Whether two settings make other tokens of a text, or name two texts."""
    return any(getattr(settings, name) != getattr(others, name) for name in TEXT_SETTINGS)


def build_batches(settings: Settings, corpus: Corpus) -> Batches:
    """The minibatches that the settings cut a text into.  Raises ValueError for a text that is too short."""
    sizes = {"batch_size": settings.batch_size, "num_steps": settings.num_steps, "seed": settings.seed}
    return BATCHES[settings.batches](corpus.train.to(choose_device(settings.device)), **sizes)


def build_trainer(settings: Settings, corpus: Corpus) -> Trainer:
    """A trainer at step 0.  Raises ValueError, in one sentence, for invalid settings."""
    batches = build_batches(settings, corpus)
    knobs = Knobs(**{field.name: getattr(settings, field.name) for field in fields(Knobs)})
    trainer = Trainer(build_language_model(settings, corpus), batches, knobs=knobs, optimizer=settings.optimizer)
    trainer.history = LongHistory(trainer.model.device)
    return trainer


def build_language_model(settings: Settings, corpus: Corpus) -> LanguageModel:
    """A network with the weights that the settings' seed gives it."""
    generator = torch.Generator().manual_seed(settings.seed)
    sizes = {"vocab_size": len(corpus.vocab), "hidden_size": settings.hidden_size}
    return LanguageModel(settings.cell, **sizes, device=choose_device(settings.device), generator=generator)
