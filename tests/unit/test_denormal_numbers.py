"""Denormal numbers, which a processor multiplies slowly: a training step takes them for zeros, in every thread."""

import pytest
import torch
from factories import small_batches, small_model

from rnnlib import engine
from rnnlib.engine import cpu
from rnnlib.engine import threads as threads_of_the_engine
from rnnlib.models import RNNModel
from rnnlib.text import Corpus
from rnnlib.training import Trainer


def takes_them_for_zeros() -> bool:
    """Whether this thread does now."""
    return float(torch.tensor(2.3e-308, dtype=torch.float64) * 0.5) == 0


def this_processor_can() -> bool:
    """torch says so when it is asked to."""
    try:
        return torch.set_flush_denormal(True)
    finally:
        torch.set_flush_denormal(False)


needs_a_processor_that_can = pytest.mark.skipif(not this_processor_can(), reason="this processor cannot flush them")


@needs_a_processor_that_can
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_gradients_below_the_smallest_normal_number_are_zero(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, cell: str, threads: int
) -> None:
    monkeypatch.setattr(cpu, "LEAST_WORK_OF_A_THREAD", 1)
    monkeypatch.setattr(engine, "quickest", lambda cell, device: engine.CompiledEngine(cell, most_threads=threads))
    model = small_model(corpus, cell)
    with torch.no_grad():
        model.weights.W_hq.fill_(1e-37)  # normal; times dL/do, which is below 1 / (T B), it is not
    trainer = Trainer(model, small_batches(corpus))
    monkeypatch.setattr(threads_of_the_engine, "_pool", None)  # new ones, which begin outside a step
    batch = trainer.batches[0]
    engine.quickest(model.cell, model.device).backpropagate(model.weights, batch.tokens, batch.targets, trainer.state)
    found, backpropagate = [], trainer.backpropagate
    monkeypatch.setattr(trainer, "backpropagate", lambda *b: (found.append(backpropagate(*b)), found[-1])[1])
    trainer.step()
    (step,) = found
    assert step.hidden_gradients is not None
    assert (step.hidden_gradients == 0).all()
    assert not takes_them_for_zeros()


@needs_a_processor_that_can
def test_they_are_zeros_during_a_step_of_pytorchs_layers_too_and_numbers_after_it(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RNNModel(torch.nn.RNN(len(corpus.vocab), 8), len(corpus.vocab))
    seen, backpropagate = [], model.backpropagate
    monkeypatch.setattr(model, "backpropagate", lambda *b: (seen.append(takes_them_for_zeros()), backpropagate(*b))[1])
    Trainer(model, small_batches(corpus)).step()
    assert seen == [True] and not takes_them_for_zeros()
