"""The loss on validation text while something trains: of a long text on a fixed sample, and how sure that is.

Before: training.py.  Next: evaluations.py, sweeps.py.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.baselines import best_ngram
from rnnlib.models import Model
from rnnlib.text import Corpus
from rnnlib.training import losses_of_pieces

PIECES, MOST_TOKENS = 32, 20_000  # of the validation text, always the same ones
MOST_COUNTED = 1_000_000  # training tokens


class Estimate(NamedTuple):
    """loss: nats per token.  error: its standard error, as far as the sample leaves it open; 0 for the whole text."""

    loss: float
    error: float


def is_sampled(corpus: Corpus) -> bool:
    """Whether the validation text is too long to be read whole again and again."""
    return len(corpus.validation) > MOST_TOKENS


def validation_loss(model: Model, corpus: Corpus) -> Estimate:
    """A network's loss on validation text, or on the beginnings of 32 equal pieces of it, 20,000 tokens in all."""
    losses = losses_of_pieces(model, corpus.validation, PIECES, MOST_TOKENS)
    error = float(losses.std()) / math.sqrt(len(losses)) if is_sampled(corpus) else 0.0
    return Estimate(float(losses.mean()), error)


def counted_line(corpus: Corpus) -> tuple[float, str]:
    """The perplexity of the best counted n-gram on the same text, and its name.

    It is counted on the first 1,000,000 training tokens at the most.
    """
    judge = _sample(corpus.validation) if is_sampled(corpus) else corpus.validation
    counted = best_ngram(corpus.train[:MOST_COUNTED], judge, vocab_size=len(corpus.vocab))
    amount = "" if len(corpus.train) <= MOST_COUNTED else f" of {MOST_COUNTED:,} tokens"
    line = counted.perplexity(judge)
    return line, f"counted {counted.order}-gram{amount}: {line:.2f}"


def _sample(tokens: Tensor) -> Tensor:
    """What `validation_loss` reads, one piece below another."""
    steps = (len(tokens) - 1) // PIECES
    return tokens[torch.arange(PIECES)[:, None] * steps + torch.arange(MOST_TOKENS // PIECES + 1)]


def sample_label(corpus: Corpus, error: float = 0.0) -> str:
    """What is said of the sample behind "validation"; nothing where the whole text is read.  error: as in Estimate."""
    if not is_sampled(corpus):
        return ""
    return f" ({MOST_TOKENS:,} tokens" + (f" ± {math.expm1(error):.1%})" if error else ")")
