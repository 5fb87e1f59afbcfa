"""Many small networks, one for each pair of learning rate and clipping threshold, and how each of them ends.

Before: sessions.py.  Next: checks/.
"""

import math
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace

import numpy as np
import torch

from rnnlib.models import one_torch_thread
from rnnlib.sessions import Settings, fresh_trainer
from rnnlib.text import Corpus, load_corpus
from rnnlib.training import Knobs, evaluate


@dataclass(frozen=True, eq=False)
class Run:
    """How the training of one network went.

    losses (steps,): training loss of every step, nats per token; the last one is not finite where training broke off.
    held_out_loss: nats per token after the last step.  clipped_fraction: the share of clipped steps, 0 to 1.
    diverged: see `has_diverged`.
    """

    settings: Settings
    losses: np.ndarray
    held_out_loss: float
    clipped_fraction: float
    diverged: bool


def sweep(
    settings: Settings,
    *,
    learning_rates: Sequence[float],
    clip_thresholds: Sequence[float],
    steps: int,
    executor: Executor | None = None,
) -> Generator[Run]:
    """Train a network for every pair of learning rate and threshold; yields each run as soon as it is known.

    All else is as in `settings`, seed included: every network begins with the same weights and sees the same batches.
    executor: where they train.  By default here, one after another.  A ProcessPoolExecutor trains one on each core; the
    executor of a Dask cluster (`client.get_executor()`) or of MPI (`mpi4py.futures.MPIPoolExecutor()`) one on each core
    of many machines, which need rnnlib but not the text.
    The numbers are the same everywhere, as far as the machines' arithmetic is.

    Closing the iterator drops what has not begun.  Raises ValueError, in one sentence, for what cannot be trained.
    """
    if steps < 1 or not learning_rates or not clip_thresholds:
        raise ValueError("a sweep needs at least one step, one learning rate and one clipping threshold.")
    pairs = [(rate, threshold) for threshold in clip_thresholds for rate in learning_rates]
    for rate, threshold in pairs:
        Knobs(rate, threshold)
    networks = [replace(settings, learning_rate=rate, clip_threshold=threshold) for rate, threshold in pairs]
    corpus = load_corpus(settings.text, max_train_tokens=settings.max_train_tokens)
    fresh_trainer(settings, corpus)
    if executor is None:
        return (train(network, corpus, steps) for network in networks)
    return _spread(networks, corpus, steps, executor)


def _spread(networks: Sequence[Settings], corpus: Corpus, steps: int, executor: Executor) -> Generator[Run]:
    futures = [executor.submit(train, network, corpus, steps) for network in networks]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


@one_torch_thread
def train(settings: Settings, corpus: Corpus, steps: int) -> Run:
    """Train one network from its first step, for so many steps or until its numbers are no longer finite."""
    torch.set_flush_denormal(True)  # training.py did so for the thread that imported it; this may be another one
    trainer = fresh_trainer(settings, corpus)
    try:
        trainer.run(steps)
    except FloatingPointError:
        pass  # the last loss says so
    losses = trainer.history.columns()["loss"]
    return Run(
        settings=settings,
        losses=losses,
        held_out_loss=evaluate(trainer.model, corpus.held_out.to(trainer.model.device)),
        clipped_fraction=trainer.history.clipped_fraction(),
        diverged=has_diverged(losses, len(corpus.vocab)),
    )


def has_diverged(losses: np.ndarray, vocab_size: int) -> bool:
    """Whether a network ends up lost: its perplexity over the last tenth of its steps is above 2 V, or not finite.

    losses (steps,), nats per token.  A blind guess has perplexity V, and so has a network that has learned nothing.
    With tanh the numbers of a lost network often stay finite: its hidden units are all stuck at -1 or 1.
    """
    last = losses[-max(1, len(losses) // 10) :]
    return not last.mean() <= math.log(2 * vocab_size)
