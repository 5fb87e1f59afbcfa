"""Many small networks, one for each pair of learning rate and clipping threshold, and how each of them ends.

Before: settings.py.
"""

import math
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rnnlib import engine
from rnnlib.arguments import choose_device
from rnnlib.live.estimates import validation_loss
from rnnlib.live.settings import Settings, build_trainer, corpus_of
from rnnlib.models import LanguageModel
from rnnlib.optimizers import OPTIMIZERS
from rnnlib.text import Corpus
from rnnlib.training import Knobs


@dataclass(frozen=True, eq=False)
class Run:
    """How the training of one network went.

    losses (steps,): training loss of every step, nats per token; the last one is not finite where training broke off.
    validation_loss: nats per token after the last step.  clipped_fraction: the share of clipped steps, 0 to 1.
    diverged: see `has_diverged`.
    """

    settings: Settings
    losses: np.ndarray
    validation_loss: float
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
    executor: where they train.  By default here: on a CPU one after another, on a GPU all together.  A
    ProcessPoolExecutor trains one on each core; the executor of a Dask cluster (`client.get_executor()`) or of MPI
    (`mpi4py.futures.MPIPoolExecutor()`) one on each core of many machines, which need rnnlib but not the text.  There
    "auto" means the CPU: one GPU is not for many processes.
    The numbers are the same everywhere, as far as the machines' arithmetic is.

    Closing the iterator drops what has not begun.  Raises ValueError, in one sentence, for what cannot be trained.
    """
    if steps < 1 or not learning_rates or not clip_thresholds:
        raise ValueError("a sweep needs at least one step, one learning rate and one clipping threshold.")
    pairs = [(rate, threshold) for threshold in clip_thresholds for rate in learning_rates]
    for rate, threshold in pairs:
        Knobs(rate, threshold)
    if executor is not None and settings.device == "auto":
        settings = replace(settings, device="cpu")
    networks = [replace(settings, learning_rate=rate, clip_threshold=threshold) for rate, threshold in pairs]
    corpus = corpus_of(settings)
    build_trainer(settings, corpus)
    if executor is not None:
        return _spread(networks, corpus, steps, executor)
    if choose_device(settings.device).type == "cuda":
        return _all_together(networks, corpus, steps)
    return (train(network, corpus, steps) for network in networks)


def _all_together(networks: Sequence[Settings], corpus: Corpus, steps: int) -> Generator[Run]:
    yield from train_together(networks, corpus, steps)  # in a generator: nothing is trained before it is asked for


def _spread(networks: Sequence[Settings], corpus: Corpus, steps: int, executor: Executor) -> Generator[Run]:
    futures = [executor.submit(train, network, corpus, steps) for network in networks]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def train(settings: Settings, corpus: Corpus, steps: int) -> Run:
    """Train one network from its first step, for so many steps or until its numbers are no longer finite."""
    trainer = build_trainer(settings, corpus)
    try:
        trainer.run(steps)
    except FloatingPointError:
        pass  # the last loss says so
    losses = trainer.history.columns()["loss"]
    return Run(
        settings=settings,
        losses=losses,
        validation_loss=validation_loss(trainer.model, corpus).loss,
        clipped_fraction=trainer.history.clipped_fraction(),
        diverged=has_diverged(losses, len(corpus.vocab)),
    )


def train_together(networks: Sequence[Settings], corpus: Corpus, steps: int) -> list[Run]:
    """Train networks that differ in learning rate and threshold alone side by side: each product is one for all N.

    The numbers are those of `train`, up to rounding.  It pays on a GPU, which one small network leaves idle.
    """
    trainer = build_trainer(networks[0], corpus)
    model, batches = trainer.model, trainer.batches
    assert isinstance(model, LanguageModel)
    together, run, table = SideBySide(model, networks, batches.batch_size), engine.runner(model.device), list[Tensor]()
    with engine.undisturbed():
        for number in range(steps):
            batch = batches[number]
            if not batch.continues:
                together.clear_state()
            run(together.learn, batch.tokens, batch.targets)
            table.append(together.measured.clone())
    found = torch.stack(table).cpu().double().numpy()  # (steps, N, 3)
    return [
        _run_of(network, model, weights, found[:, place], corpus)
        for place, (network, weights) in enumerate(zip(networks, together.weights(), strict=True))
    ]


class SideBySide:
    """N networks that begin with the same weights and learn from the same batches, each with knobs of its own.

    measured (N, 3): loss, gradient norm and clipped (1 or 0) of the last step.
    """

    def __init__(self, model: LanguageModel, networks: Sequence[Settings], batch_size: int):
        N, device = len(networks), model.device
        self._model, self._engine, self._by_norm = (
            model,
            engine.FewOperations(model.cell),
            networks[0].clip_by == "norm",
        )
        self._weights = model.vector.detach().repeat(N, 1)  # (N, P)
        self._state = tuple(part.repeat(N, 1, 1) for part in model.initial_state(batch_size))
        knobs = torch.tensor(
            [(network.learning_rate, network.clip_threshold) for network in networks], dtype=torch.float32
        )
        self._rates, self._thresholds = knobs.to(device).split(1, dim=1)  # (N, 1) each
        self._optimizer = OPTIMIZERS[networks[0].optimizer]([self._weights])
        self._alive = torch.ones(N, 1, dtype=torch.bool, device=device)
        self._good, self.measured = self._weights.clone(), torch.zeros(N, 3, dtype=torch.float32, device=device)

    def weights(self) -> Tensor:
        """(N, P): the weights of each in its row; of one that has diverged the last that gave finite numbers."""
        return torch.where(self._alive, self._weights, self._good)

    def clear_state(self) -> None:
        """Forget what was read so far."""
        for part in self._state:
            part.zero_()

    def learn(self, tokens: Tensor, targets: Tensor) -> None:
        """One step of all of them, as Trainer's.  tokens, targets (T, B)."""
        weights = self._model.named(self._weights)
        losses, (gradient,), state, *_ = self._engine.side_by_side(weights, tokens, targets, self._state)
        norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        if self._by_norm:
            clipped = norms > self._thresholds
            gradient.mul_(torch.clamp(self._thresholds / norms, max=1))
        else:
            clipped = gradient.abs().amax(1, keepdim=True) > self._thresholds
            gradient.clamp_(-self._thresholds, self._thresholds)
        torch.cat([losses[:, None], norms, clipped], dim=1, out=self.measured)
        self._alive.logical_and_(losses[:, None] + norms < math.inf)
        torch.where(self._alive, self._weights, self._good, out=self._good)
        self._optimizer.update([self._weights], [gradient], self._rates)
        for part, new_part in zip(self._state, state, strict=True):
            part.copy_(new_part)


def _run_of(network: Settings, model: LanguageModel, weights: Tensor, table: np.ndarray, corpus: Corpus) -> Run:
    """How one of several networks trained together went.

    table (steps, 3): its losses, its gradient norms, and 1 where it was clipped.
    """
    broken = np.flatnonzero(~np.isfinite(table).all(1))
    losses, _, clipped = table[: broken[0] + 1 if len(broken) else None].T
    with torch.no_grad():
        model.vector.copy_(weights)
    return Run(
        settings=network,
        losses=losses,
        validation_loss=validation_loss(model, corpus).loss,
        clipped_fraction=float(clipped.mean()),
        diverged=has_diverged(losses, len(corpus.vocab)),
    )


def has_diverged(losses: np.ndarray, vocab_size: int) -> bool:
    """Whether a network ends up lost: its perplexity over the last tenth of its steps is above 2 V, or not finite.

    losses (steps,), nats per token.  A blind guess has perplexity V, and so has a network that has learned nothing.
    With tanh the numbers of a lost network often stay finite: its hidden units are all stuck at -1 or 1.
    """
    last = losses[-max(1, len(losses) // 10) :]
    return not last.mean() <= math.log(2 * vocab_size)
