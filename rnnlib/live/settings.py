"""How a session begins, what happens to it, and the networks that its settings give.

Before: training.py.  Next: experiments.py.
"""

import math
import os
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import torch

from rnnlib.arguments import choose_device
from rnnlib.live.histories import LongHistory
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus, RandomBatches, SequentialBatches
from rnnlib.training import Knobs, Trainer


@dataclass(frozen=True)
class Settings:
    """How a session begins.

    text: a name or path for load_corpus; max_train_tokens: train on the first so many characters only.
    cell: "rnn", "gru" or "lstm".  batches: "sequential" or "random".  device: "auto", "cuda", "mps" or "cpu".
    seed: of the initial weights, the batches and the units that growing adds.

    Numbers of any library become plain ones and a path becomes a str: what is saved can then be read.
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

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))


@dataclass(frozen=True)
class Event:
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


def plain(value: Any) -> Any:
    """A number of NumPy or another library as Python's own, a path as a str; anything else as it is."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def build_trainer(settings: Settings, corpus: Corpus) -> Trainer:
    """A trainer at step 0.  Raises ValueError, in one sentence, for invalid settings."""
    kinds = {"sequential": SequentialBatches, "random": RandomBatches}
    if settings.batches not in kinds:
        raise ValueError(f'batches must be "sequential" or "random"; they are {settings.batches!r}.')
    sizes = {"batch_size": settings.batch_size, "num_steps": settings.num_steps, "seed": settings.seed}
    batches = kinds[settings.batches](corpus.train.to(choose_device(settings.device)), **sizes)
    knobs = Knobs(**{field.name: getattr(settings, field.name) for field in fields(Knobs)})
    trainer = Trainer(build_language_model(settings, corpus), batches, knobs=knobs, optimizer=settings.optimizer)
    trainer.history = LongHistory(trainer.model.device)
    return trainer


def build_language_model(settings: Settings, corpus: Corpus) -> LanguageModel:
    """A network with the weights that the settings' seed gives it."""
    generator = torch.Generator().manual_seed(settings.seed)
    sizes = {"vocab_size": len(corpus.vocab), "hidden_size": settings.hidden_size}
    return LanguageModel(settings.cell, **sizes, device=choose_device(settings.device), generator=generator)
