"""Resizing: growing keeps every output, shrinking keeps what matters, the optimizer's memory comes along."""

import pytest
import torch
from factories import small_model, small_trainer
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnlib.cells import CELLS
from rnnlib.live.resizing import grow, rank_units, resize, shrink
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import Corpus, RandomBatches, SequentialBatches
from rnnlib.training import Knobs, Trainer, evaluate

V = 7


@given(
    layer=st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]),
    num_layers=st.sampled_from([1, 3]),
    bidirectional=st.booleans(),
    more=st.integers(1, 9),
)
def test_growing_keeps_every_output(layer: type, num_layers: int, bidirectional: bool, more: int) -> None:
    torch.manual_seed(0)
    model = RNNModel(layer(V, 5, num_layers, bidirectional=bidirectional), V)
    grown = grow(model, 5 + more)
    tokens = torch.randint(V, (9, 3))
    before, _ = model(tokens, model.initial_state(3))
    after, _ = grown(tokens, grown.initial_state(3))
    torch.testing.assert_close(after, before, rtol=0, atol=3e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_growing_a_model_from_scratch_keeps_every_output(cell: str) -> None:
    model = LanguageModel(cell, vocab_size=V, hidden_size=6)
    grown = grow(model, 11)
    tokens = torch.randint(V, (9, 3))
    before, _ = model(tokens, model.initial_state(3))
    after, _ = grown(tokens, grown.initial_state(3))
    torch.testing.assert_close(after, before, rtol=0, atol=3e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_new_units_receive_a_gradient_at_once(corpus: Corpus, cell: str) -> None:
    trainer = small_trainer(corpus, cell)
    trainer.run(3)
    resize(trainer, 24)
    batch = trainer.batches[trainer.steps_made]
    result = trainer.model.backpropagate(batch.tokens, batch.targets, trainer.state)
    assert (trainer.model.named(result.gradients[0]).W_hq[16:].abs().sum(1) > 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_the_curve_does_not_jump_when_a_network_grows(corpus: Corpus, cell: str) -> None:
    grown, same = small_trainer(corpus, cell), small_trainer(corpus, cell)
    for trainer in (grown, same):
        trainer.run(30)
    resize(grown, 40)
    for trainer in (grown, same):
        trainer.run(1)
    a, b = (trainer.history.columns()["loss"][-1] for trainer in (grown, same))
    assert abs(a - b) < 1e-6


def test_units_are_ranked_by_what_the_loss_would_miss() -> None:
    hidden = torch.tensor([[1.0, 5.0, -1.0], [-1.0, 5.0, 1.0]])
    gradients = torch.tensor([[0.1, 9.0, 0.3], [0.1, 9.0, 0.3]])
    assert rank_units(hidden, gradients).tolist() == [2, 0, 1]  # the constant unit matters least


@pytest.mark.parametrize("cell", CELLS)
def test_dropping_a_copy_of_a_unit_changes_nothing(cell: str) -> None:
    """Unit 5 is made a copy of unit 2; without it the others take over exactly."""
    model = LanguageModel(cell, vocab_size=V, hidden_size=6, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        for weight in (model.weights.W_xh, model.weights.W_hh, model.weights.b_h):
            weight[..., 5] = weight[..., 2]
    tokens = torch.randint(V, (40, 8), generator=torch.Generator().manual_seed(2))
    hidden, _ = model.hidden_states(tokens, model.initial_state(8))
    smaller = shrink(model, torch.tensor([0, 1, 2, 3, 4]), hidden.detach().flatten(0, 1)).double()
    expected, _ = model(tokens, model.initial_state(8))
    found, _ = smaller(tokens, smaller.initial_state(8))
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)  # the ridge leaves a trace


@pytest.mark.parametrize("cell", CELLS)
def test_shrinking_loses_less_than_dropping_units_at_random(corpus: Corpus, cell: str) -> None:
    trainer = Trainer(
        small_model(corpus, cell, hidden_size=32), SequentialBatches(corpus.train, batch_size=8, num_steps=10),
        optimizer="adam", knobs=Knobs(0.01),
    )  # fmt: skip
    trainer.run(500)
    before = evaluate(trainer.model, corpus.train)
    at_random = []
    for seed in range(5):
        kept = torch.randperm(32, generator=torch.Generator().manual_seed(seed))[:28].sort().values
        at_random.append(evaluate(shrink(trainer.model, kept, torch.zeros(1, 32)), corpus.train))
    resize(trainer, 28)
    after = evaluate(trainer.model, corpus.train)
    assert trainer.model.hidden_size == 28
    assert after - before < 0.6 * (sum(at_random) / 5 - before)


@pytest.mark.parametrize("hidden_size", [24, 12])
def test_the_optimizers_memory_comes_along(corpus: Corpus, hidden_size: int) -> None:
    trainer = small_trainer(corpus, "gru", optimizer="adam", learning_rate=0.01)
    trainer.run(10)
    (m,), (v,), (n,) = ([tensor.clone() for tensor in trainer.optimizer.memory[name]] for name in ("m", "v", "n"))
    old = trainer.model
    resize(trainer, hidden_size)
    (new_m,), (new_v,), (new_n,) = (trainer.optimizer.memory[name] for name in ("m", "v", "n"))
    assert new_n == n == 10
    kept = min(hidden_size, 16)
    before, after = old.named(m).b_h, trainer.model.named(new_m).b_h
    if hidden_size > 16:
        assert torch.equal(after[:, :16], before) and (after[:, 16:] == 0).all()
        torch.testing.assert_close(trainer.model.named(new_v).b_h[0, 16], old.named(v).b_h.mean())
    else:
        assert after.shape == (3, kept) and torch.isin(after, before).all()


def test_the_hidden_state_comes_along(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, "lstm")
    trainer.run(3)
    h, c = (part.clone() for part in trainer.state)
    resize(trainer, 20)
    assert torch.equal(trainer.state[0][:, :16], h) and torch.equal(trainer.state[1][:, :16], c)
    assert (trainer.state[0][:, 16:] == 0).all()


def test_units_are_ranked_from_an_empty_state_where_batches_do_not_continue(corpus: Corpus, monkeypatch) -> None:
    batches = RandomBatches(corpus.train, batch_size=8, num_steps=10)
    trainer = Trainer(small_model(corpus), batches)
    trainer.run(5)
    seen, backpropagate = [], trainer.backpropagate
    monkeypatch.setattr(trainer, "backpropagate", lambda *batch: seen.extend(batch[2]) or backpropagate(*batch))
    resize(trainer, 12)
    assert len(seen) > 1 and not any(part.any() for part in seen)


def test_sizes_that_cannot_be_are_refused_and_change_nothing(corpus: Corpus) -> None:
    trainer = small_trainer(corpus)
    for size in (0, 10**6):
        with pytest.raises(ValueError, match="the hidden size must be a whole number, 1 to 4096"):
            resize(trainer, size)
    concise = Trainer(RNNModel(nn.RNN(len(corpus.vocab), 8), len(corpus.vocab)), trainer.batches)
    with pytest.raises(ValueError, match="can grow but not shrink"):
        resize(concise, 4)
    assert trainer.model.hidden_size == 16 and concise.model.hidden_size == 8
