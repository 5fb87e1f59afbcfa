"""What is measured between two steps of a training: validation loss, spectral radius, norms over lags, a text.

Before: pace.py.  Next: sessions.py takes evaluations while somebody watches.
"""

from dataclasses import dataclass
from typing import Any

import torch

from rnnlib import engine
from rnnlib.gradients import norms_over_lags, spectral_radius
from rnnlib.live.estimates import validation_loss
from rnnlib.models import LanguageModel
from rnnlib.sampling import write
from rnnlib.text import Corpus
from rnnlib.training import Trainer

CHARACTERS_WRITTEN = 90


@dataclass(frozen=True)
class Evaluation:
    """A network between two steps.

    cell: its name.  validation_loss, validation_error: nats per token, see estimates.py.
    spectral_radius: of W_hh; for a GRU or LSTM of its candidate's block.
    norms_over_lags: |dL_T/dh_{T-k}| for k = 0 to T - 1, on the next minibatch.  text: what the network writes.
    """

    step: int
    cell: str
    validation_loss: float
    spectral_radius: float
    norms_over_lags: tuple[float, ...]
    text: str
    validation_error: float = 0.0


@engine.undisturbed()
def evaluate(trainer: Trainer, corpus: Corpus, *, prefix: str, temperature: float) -> Evaluation:
    """Evaluate a trainer's network.  prefix: what its text begins with.  The same step writes the same text."""
    model = trainer.model
    assert isinstance(model, LanguageModel)
    generator = torch.Generator().manual_seed(trainer.steps_made)
    W_hh = model.weights.W_hh
    batch = trainer.batches[trainer.steps_made]
    state = trainer.state if batch.continues else model.initial_state(trainer.batches.batch_size)
    validation = validation_loss(model, corpus)
    return Evaluation(
        step=trainer.steps_made,
        cell=model.cell.name,
        validation_loss=validation.loss,
        validation_error=validation.error,
        spectral_radius=spectral_radius(W_hh if W_hh.dim() == 2 else W_hh[2]),
        norms_over_lags=tuple(norms_over_lags(model, batch.tokens, batch.targets, state).tolist()),
        text=_text(model, corpus, prefix, temperature=temperature, generator=generator),
    )


def _text(model: LanguageModel, corpus: Corpus, prefix: str, **options: Any) -> str:
    """What the network writes; if it is lost, that."""
    try:
        return write(model, corpus.vocab, prefix, CHARACTERS_WRITTEN, **options)
    except ValueError as error:
        return f"{prefix} ... ({error})"
