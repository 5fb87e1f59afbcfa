"""A training step: against the textbook's, and against what the machine's matrix products could do in the same time."""

from statistics import median
from typing import NamedTuple

import torch

from bench.textbook import textbook_step
from bench.turns import in_turns
from rnnlib import engine
from rnnlib.gradients import norms_over_lags
from rnnlib.models import LanguageModel
from rnnlib.text import SequentialBatches
from rnnlib.training import Trainer

T, B, V = 35, 32, 28
BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}  # products h_{t-1} W_hh of one time step


class Step(NamedTuple):
    """textbook, ours: the median time of a step in microseconds.  share: of the matrix-product peak, 0 to 1."""

    textbook: float
    ours: float
    share: float


def multiplications_and_additions(cell: str, hidden_size: int) -> int:
    """In the matrix products of a step: one forward, two on the way back, to the state and to the weights.

    x_t W_xh is a lookup, and no product.
    """
    of_the_cell = BLOCKS[cell] * 2 * T * B * hidden_size * hidden_size
    of_the_output_layer = 2 * T * B * hidden_size * V
    return 3 * (of_the_cell + of_the_output_layer)


def compare(cell: str, hidden_size: int, *, rounds: int) -> Step:
    """The textbook's step, ours with its check for divergence, and in the same turns the machine's peak.

    The peak: the quickest of all products (T B, 256) @ (256, 256) in float32, on as many threads as torch has.
    """
    trainer = new_trainer(cell, hidden_size)
    textbook, batch = textbook_step(cell, V, hidden_size), trainer.batches[0]
    x, w = torch.randn(T * B, 256), torch.randn(256, 256)
    out = torch.empty(T * B, 256)

    def ours() -> None:
        trainer.step()
        trainer.raise_if_diverged()

    times = in_turns(
        {
            "textbook": lambda: textbook(batch.tokens, batch.targets),
            "ours": ours,
            "product": lambda: torch.mm(x, w, out=out),
        },
        rounds,
    )
    peak = 2 * x.numel() * len(w) / min(times["product"])  # per second
    reached = multiplications_and_additions(cell, hidden_size) / median(times["ours"])
    return Step(1e6 * median(times["textbook"]), 1e6 * median(times["ours"]), reached / peak)


def norms_in_steps(hidden_size: int, *, rounds: int) -> float:
    """The time of the gradient norms over lags, which an evaluation needs, in steps of an RNN."""
    trainer = new_trainer("rnn", hidden_size)
    batch, model = trainer.batches[0], trainer.model

    def norms() -> None:
        with engine.undisturbed():
            norms_over_lags(model, batch.tokens, batch.targets, model.initial_state(B))

    times = in_turns({"step": trainer.step, "norms": norms}, rounds)
    return median(times["norms"]) / median(times["step"])


def new_trainer(cell: str, hidden_size: int) -> Trainer:
    """A trainer on random tokens, with the sizes of this table."""
    batches = SequentialBatches(torch.randint(V, (10_000,)), batch_size=B, num_steps=T)
    return Trainer(LanguageModel(cell, vocab_size=V, hidden_size=hidden_size), batches)
