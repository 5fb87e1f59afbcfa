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
from torch.nn import functional as F

from rnnlib.arguments import choose_device
from rnnlib.cells import State, unroll
from rnnlib.live.settings import Settings, build_trainer
from rnnlib.models import LanguageModel, detach
from rnnlib.optimizers import OPTIMIZERS
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
    executor: where they train.  By default here: on a CPU one after another, on a GPU all together.  A
    ProcessPoolExecutor trains one on each core; the executor of a Dask cluster (`client.get_executor()`) or of MPI
    (`mpi4py.futures.MPIPoolExecutor()`) one on each core of many machines, which need rnnlib but not the text.
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
        held_out_loss=evaluate(trainer.model, corpus.held_out.to(trainer.model.device)),
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
    vectors = model.vector.detach().repeat(len(networks), 1)  # (N, P): the weights of each network in its row
    good, alive = vectors.clone(), torch.ones(len(networks), 1, dtype=torch.bool, device=model.device)
    rates = torch.tensor([[network.learning_rate] for network in networks], device=model.device)
    thresholds = torch.tensor([[network.clip_threshold] for network in networks], device=model.device)
    optimizer, measured = OPTIMIZERS[networks[0].optimizer]([vectors]), []
    zero_state = tuple(part.repeat(len(networks), 1, 1) for part in model.initial_state(batches.batch_size))
    state = zero_state
    for number in range(steps):
        batch = batches[number]
        state = state if batch.continues else zero_state
        losses, gradient, state = _backpropagate_together(model, vectors, batch.tokens, batch.targets, state)
        norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        if networks[0].clip_by == "norm":
            clipped, gradient = norms > thresholds, gradient * torch.clamp(thresholds / norms, max=1)
        else:
            largest = gradient.abs().amax(1, keepdim=True)
            clipped, gradient = largest > thresholds, torch.clamp(gradient, -thresholds, thresholds)
        measured.append(torch.cat([losses[:, None], norms, clipped], dim=1))
        alive = alive & torch.isfinite(measured[-1]).all(1, keepdim=True)
        good = torch.where(alive, vectors, good)
        optimizer.update([vectors], [gradient], rates)
    table = torch.stack(measured).double().cpu().numpy()  # (steps, N, 3)
    last = torch.where(alive, vectors, good)
    return [
        _run_of(network, model, weights, table[:, place], corpus)
        for place, (network, weights) in enumerate(zip(networks, last, strict=True))
    ]


def _backpropagate_together(
    model: LanguageModel, vectors: Tensor, tokens: Tensor, targets: Tensor, state: State
) -> tuple[Tensor, Tensor, State]:
    """One minibatch for N networks: losses (N,), gradients (N, P), state (N, B, H) each.

    The cells' own `step`, with an axis for the networks in front of the batch.
    """
    (T, B), N, cell, leaves = tokens.shape, len(vectors), model.cell, vectors.clone().requires_grad_()
    shapes = model.shapes()
    flat = leaves.split([math.prod(shape) for shape in shapes], dim=1)
    weights = [part.view(N, *shape) for part, shape in zip(flat, shapes, strict=True)]
    W_xh, W_hh, b_h = (weight.movedim(0, len(cell.gates)) for weight in weights[:3])  # (gates, N, ...)
    x_in = (W_xh + b_h[..., None, :]).index_select(-2, tokens.flatten()).view(*cell.gates, N, T, B, model.hidden_size)
    states = unroll(cell, x_in.movedim(-3, len(cell.gates)), state, W_hh)  # (gates, T, N, B, H)
    hidden = torch.stack([h for h, *_ in states[1:]], dim=1)
    logits = hidden.flatten(1, 2) @ weights[3] + weights[4][:, None]  # (N, T B, V)
    every = F.cross_entropy(logits.mT, targets.flatten().expand(N, -1), reduction="none")
    losses = every.double().mean(1).float()  # large numbers must not overflow in their sum
    (gradient,) = torch.autograd.grad(losses.sum(), leaves)
    return losses.detach(), gradient, detach(states[-1])


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
        held_out_loss=evaluate(model, corpus.held_out.to(model.device)),
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
