"""Training: knobs, divergence, history, evaluation; every way to train gives the same curve."""

import math

import numpy as np
import pytest
import torch
from factories import concise_twin, small_model, small_trainer
from torch import nn

from rnnlib.arguments import choose_device
from rnnlib.cells import CELLS
from rnnlib.models import RNNModel, detach
from rnnlib.text import Corpus, RandomBatches, SequentialBatches
from rnnlib.training import Knobs, Trainer, evaluate, perplexity

KINDS = {"sequential": SequentialBatches, "random": RandomBatches}


# ------------------------------------------------------------------------------------------- knobs


@pytest.mark.parametrize("learning_rate", [0.0, -1.0, math.nan, math.inf])
def test_a_learning_rate_that_cannot_be_is_refused(learning_rate: float) -> None:
    with pytest.raises(ValueError, match="the learning rate must be a number above 0; it is"):
        Knobs(learning_rate=learning_rate)


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_a_threshold_that_cannot_be_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="the clipping threshold must be above 0"):
        Knobs(clip_threshold=threshold)


def test_a_refused_knob_changes_nothing(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, learning_rate=0.5)
    with pytest.raises(ValueError):
        trainer.set(clip_threshold=3.0, learning_rate=-1.0)
    assert trainer.knobs == Knobs(learning_rate=0.5)


def test_knobs_are_plain_numbers_whatever_they_were_given_as() -> None:
    knobs = Knobs(np.float64(0.5), np.int64(3))
    assert type(knobs.learning_rate) is float and type(knobs.clip_threshold) is float
    for no_number in ("0.5", None, [1.0], 1j):
        with pytest.raises(ValueError, match="the learning rate must be a number above 0"):
            Knobs(learning_rate=no_number)


def test_other_bad_choices_are_told_in_one_sentence(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match='clip_by must be "norm" or "value"'):
        Knobs(clip_by="colour")
    with pytest.raises(ValueError, match="no optimizer 'adagrad'; choose from: sgd, adam"):
        small_trainer(corpus, optimizer="adagrad")
    with pytest.raises(ValueError, match="no device 'abacus' here; choose from: auto,.* cpu"):
        choose_device("abacus")


# ---------------------------------------------------------------------------------- training curves


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("clip_by", ["norm", "value"])
def test_every_way_to_train_gives_the_same_curve(corpus: Corpus, cell: str, kind: type, clip_by: str) -> None:
    """By hand, PyTorch's layer under autograd, and a plain loop with torch.optim and clip_grad_*."""
    batches = kind(corpus.train, batch_size=8, num_steps=10)
    knobs = Knobs(learning_rate=0.7, clip_threshold=0.3 if clip_by == "norm" else 0.01, clip_by=clip_by)
    by_hand = Trainer(small_model(corpus, cell), batches, knobs=knobs)
    twin = concise_twin(small_model(corpus, cell)).float()
    by_layer = Trainer(twin, batches, knobs=knobs)
    plain = concise_twin(small_model(corpus, cell)).float()
    optimizer = torch.optim.SGD(plain.trainable, lr=0.7)
    state, plain_losses = plain.initial_state(8), []
    for number in range(40):
        batch = batches[number]
        logits, state = plain(batch.tokens, detach(state) if batch.continues else plain.initial_state(8))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        if clip_by == "norm":
            nn.utils.clip_grad_norm_(plain.trainable, 0.3)
        else:
            nn.utils.clip_grad_value_(plain.trainable, 0.01)
        optimizer.step()
        plain_losses.append(float(loss.detach()))
    by_hand.run(40)
    by_layer.run(40)
    for trainer in (by_hand, by_layer):
        np.testing.assert_allclose(trainer.history.columns()["loss"], plain_losses, rtol=2e-4)


def test_adam_also_trains_a_model_of_many_tensors(corpus: Corpus) -> None:
    model = RNNModel(nn.LSTM(len(corpus.vocab), 12, 2), len(corpus.vocab))
    trainer = Trainer(
        model, RandomBatches(corpus.train, batch_size=8, num_steps=10), optimizer="adam", knobs=Knobs(0.01)
    )
    trainer.run(60)
    losses = trainer.history.columns()["loss"]
    assert losses[-5:].mean() < losses[0] - 0.3


def test_the_same_seed_gives_the_same_numbers_bit_for_bit(corpus: Corpus) -> None:
    runs = [small_trainer(corpus, "lstm", learning_rate=1.0) for _ in range(2)]
    for trainer in runs:
        trainer.run(25)
        trainer.set(learning_rate=0.2)
        trainer.run(25)
    a, b = (trainer.history.columns() for trainer in runs)
    assert np.array_equal(a["loss"], b["loss"]) and np.array_equal(a["gradient_norm"], b["gradient_norm"])


def test_the_state_is_carried_across_sequential_batches_and_cut_between_epochs(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, learning_rate=1e-9)
    last = trainer.batches.num_batches
    trainer.run(last)
    (carried,) = trainer.state
    assert carried.abs().max() > 0
    batch = trainer.batches[last]
    assert not batch.continues
    _, fresh = trainer.model(batch.tokens, trainer.model.initial_state(8))
    trainer.step()
    torch.testing.assert_close(trainer.state, detach(fresh))


def test_history_columns_say_what_happened(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, learning_rate=0.5, clip_threshold=0.1)
    trainer.run(1500)
    columns = trainer.history.columns()
    assert set(columns) == set(trainer.history.COLUMNS) and len(trainer.history) == 1500
    assert columns["loss"][-50:].mean() < columns["loss"][0] - 0.3
    assert (columns["learning_rate"] == 0.5).all()
    assert trainer.history.clipped_fraction() == columns["clipped"].mean() > 0
    assert np.array_equal(columns["clipped"], columns["gradient_norm"] > columns["clip_threshold"])
    assert (np.diff(columns["seconds"]) > 0).all()
    assert np.array_equal(trainer.history.columns(1490)["loss"], columns["loss"][1490:])


def test_a_step_returns_its_result_and_no_later_step_changes_it(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, clip_threshold=0.3)
    results = [trainer.step() for _ in range(1100)]  # the history grows meanwhile
    for column, values in zip(("loss", "gradient_norm", "clipped"), zip(*results, strict=True), strict=True):
        assert [float(value) for value in values] == trainer.history.columns()[column].tolist()


def test_divergence_stops_with_the_last_weights_that_a_finite_loss_has_proven(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, learning_rate=1.0)
    trainer.run(4)
    proven = trainer.model.vector.detach().clone()
    trainer.run(1)
    with torch.no_grad():
        trainer.model.weights.W_hh[0, 0] = math.nan
    with pytest.raises(FloatingPointError, match=r"loss is nan .* at step 6; .*Lower the learning rate \(1\)"):
        trainer.run(5)
    assert torch.equal(trainer.model.vector, proven)
    assert not any(part.any() for part in trainer.state)
    trainer.run(1)
    assert math.isfinite(trainer.history.columns()["loss"][-1])


@pytest.mark.parametrize("steps_of_a_run", [1, 50])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_network_can_diverge_again_and_again_and_still_learn(
    corpus: Corpus, optimizer: str, steps_of_a_run: int
) -> None:
    trainer = small_trainer(corpus, optimizer=optimizer)
    for _ in range(3):
        trainer.set(learning_rate=3e38, clip_threshold=math.inf)
        with pytest.raises(FloatingPointError):
            for _ in range(50):
                trainer.run(steps_of_a_run)
        trainer.set(learning_rate=0.01, clip_threshold=1.0)
        trainer.run(1)
    trainer.run(20)
    assert np.isfinite(trainer.history.columns(len(trainer.history) - 20)["loss"]).all()
    assert torch.isfinite(trainer.model.vector).all()


@pytest.mark.parametrize("clip_by", ["norm", "value"])
def test_a_step_counts_as_clipped_if_clipping_changed_its_gradient(corpus: Corpus, clip_by: str) -> None:
    trainer = small_trainer(corpus, clip_threshold=0.05, clip_by=clip_by)
    clipped = []
    for threshold in (1e-3, 0.02, 0.05, 1.0) * 5:
        trainer.set(clip_threshold=threshold)
        batch = trainer.batches[trainer.steps_made]
        state = trainer.state if batch.continues else trainer.model.initial_state(8)
        (gradient,) = trainer.model.backpropagate(batch.tokens, batch.targets, state).gradients
        size = gradient.norm() if clip_by == "norm" else gradient.abs().max()
        clipped.append(float(size > threshold))
        trainer.step()
    assert 0 < sum(clipped) < len(clipped)
    assert trainer.history.columns()["clipped"].tolist() == clipped


def test_overflowing_updates_are_undone(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, "rnn", learning_rate=3e38, clip_threshold=math.inf)
    with pytest.raises(FloatingPointError, match="weights are the last that were found good"):
        trainer.run(50)
    assert torch.isfinite(trainer.model.vector).all()


def test_perplexity_is_the_number_of_faces_of_a_fair_die() -> None:
    assert math.isclose(perplexity(math.log(8)), 8.0)
    assert math.isfinite(perplexity(1e9))


def test_evaluation_equals_the_mean_loss_over_the_pieces(corpus: Corpus) -> None:
    model, tokens = small_model(corpus), corpus.validation[:101]
    losses = []
    for piece in range(4):
        logits, _ = model(tokens[piece * 25 : piece * 25 + 25, None], model.initial_state(1))
        losses.append(nn.functional.cross_entropy(logits[:, 0], tokens[piece * 25 + 1 : piece * 25 + 26]).detach())
    assert math.isclose(evaluate(model, tokens, batch_size=4), float(torch.stack(losses).mean()), rel_tol=1e-5)
    assert evaluate(model, tokens[:3], batch_size=4) == evaluate(model, tokens[:3], batch_size=2)
    with pytest.raises(ValueError, match="a text needs two tokens or more, one to read and one to predict; it has 1"):
        evaluate(model, tokens[:1])
