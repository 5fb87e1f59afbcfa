"""Training: clipping, optimizers, divergence, checkpoints; every engine gives the same curve."""

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_models import concise_twin
from torch import Tensor, nn

from rnnlib.cells import CELLS
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import Corpus, RandomBatches, SequentialBatches
from rnnlib.training import (
    CHECKPOINT_FORMAT,
    Knobs,
    Trainer,
    choose_device,
    clip_by_norm,
    clip_by_value,
    evaluate,
    global_norm,
    perplexity,
)

KINDS = {"sequential": SequentialBatches, "random": RandomBatches}


def small_model(corpus: Corpus, cell: str = "rnn", hidden_size: int = 16, seed: int = 0) -> LanguageModel:
    generator = torch.Generator().manual_seed(seed)
    return LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=hidden_size, generator=generator)


def small_trainer(corpus: Corpus, cell: str = "rnn", *, optimizer: str = "sgd", **knobs: float) -> Trainer:
    batches = SequentialBatches(corpus.train, batch_size=8, num_steps=10)
    return Trainer(small_model(corpus, cell), batches, optimizer=optimizer, knobs=Knobs(**knobs))


# ---------------------------------------------------------------------------------------- clipping


def gradients_from(values: list[float]) -> list[Tensor]:
    """Two gradients of different shapes."""
    flat = torch.tensor(values, dtype=torch.float64)
    return [flat[:3].clone(), flat[3:].reshape(1, -1).clone()]


numbers = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=4, max_size=9).filter(
    lambda values: any(abs(v) > 1e-3 for v in values)
)


@given(values=numbers, threshold=st.floats(1e-3, 1e4))
def test_clipping_by_norm_equals_pytorchs_and_keeps_the_direction(values: list[float], threshold: float) -> None:
    ours, before = gradients_from(values), gradients_from(values)
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in before]
    for parameter, gradient in zip(parameters, before, strict=True):
        parameter.grad = gradient.clone()
    norm = nn.utils.clip_grad_norm_(parameters, threshold)
    torch.testing.assert_close(global_norm(ours), norm)
    clip_by_norm(ours, threshold)
    for mine, parameter in zip(ours, parameters, strict=True):
        # theirs divides by norm + 1e-6
        torch.testing.assert_close(mine, parameter.grad, rtol=2e-6 / float(norm), atol=1e-12)
    a, b = torch.cat([g.flatten() for g in ours]), torch.cat([g.flatten() for g in before])
    assert float(a @ b / (a.norm() * b.norm())) > 1 - 1e-9


@given(values=numbers, threshold=st.floats(1e-3, 1e4))
def test_clipping_by_value_limits_every_component(values: list[float], threshold: float) -> None:
    ours = gradients_from(values)
    clip_by_value(ours, threshold)
    expected = gradients_from([min(max(value, -threshold), threshold) for value in values])
    for mine, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_zero_gradient_stays_zero_and_no_threshold_changes_nothing() -> None:
    zeros = [torch.zeros(3)]
    clip_by_norm(zeros, 1.0)
    assert torch.equal(zeros[0], torch.zeros(3))
    large = [torch.full((3,), 1e6)]
    clip_by_norm(large, math.inf)
    clip_by_value(large, math.inf)
    assert torch.equal(large[0], torch.full((3,), 1e6))


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
def test_every_engine_gives_the_same_training_curve(corpus: Corpus, cell: str, kind: type, clip_by: str) -> None:
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
        cut = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        logits, state = plain(batch.tokens, cut if batch.continues else plain.initial_state(8))
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


def test_adam_equals_pytorchs(corpus: Corpus) -> None:
    batches = RandomBatches(corpus.train, batch_size=8, num_steps=10)
    by_hand = Trainer(small_model(corpus), batches, optimizer="adam", knobs=Knobs(0.01, math.inf))
    plain = small_model(corpus)
    optimizer = torch.optim.Adam(plain.trainable, lr=0.01)
    for number in range(30):
        batch = batches[number]
        logits, _ = plain(batch.tokens, plain.initial_state(8))
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()).backward()
        optimizer.step()
    by_hand.run(30)
    torch.testing.assert_close(by_hand.model.vector, plain.vector, rtol=1e-3, atol=1e-5)


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
    carried = trainer.state.clone()
    assert carried.abs().max() > 0
    batch = trainer.batches[last]
    assert not batch.continues
    _, fresh = trainer.model(batch.tokens, trainer.model.initial_state(8))
    trainer.step()
    torch.testing.assert_close(trainer.state, fresh.detach())


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


def test_divergence_stops_with_the_last_weights_that_a_finite_loss_has_proven(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, learning_rate=1.0)
    trainer.run(4)
    proven = trainer.model.vector.detach().clone()
    trainer.run(1)
    with torch.no_grad():
        trainer.model.named(trainer.model.vector)[1][0, 0] = math.nan
    with pytest.raises(FloatingPointError, match=r"loss is nan .* at step 6; .*Lower the learning rate \(1\)"):
        trainer.run(5)
    assert torch.equal(trainer.model.vector, proven)
    assert torch.equal(trainer.state, torch.zeros_like(trainer.state))
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
        state = trainer.state.clone() if batch.continues else torch.zeros_like(trainer.state)
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
    model, tokens = small_model(corpus), corpus.held_out[:101]
    losses = []
    for piece in range(4):
        logits, _ = model(tokens[piece * 25 : piece * 25 + 25, None], model.initial_state(1))
        losses.append(nn.functional.cross_entropy(logits[:, 0], tokens[piece * 25 + 1 : piece * 25 + 26]).detach())
    assert math.isclose(evaluate(model, tokens, batch_size=4), float(torch.stack(losses).mean()), rel_tol=1e-5)
    assert evaluate(model, tokens[:3], batch_size=4) == evaluate(model, tokens[:3], batch_size=2)
    with pytest.raises(ValueError, match="a text needs two tokens or more, one to read and one to predict; it has 1"):
        evaluate(model, tokens[:1])


# ------------------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "concise"])
def test_a_checkpoint_continues_bit_for_bit(corpus: Corpus, tmp_path, cell: str, optimizer: str) -> None:
    V = len(corpus.vocab)
    torch.manual_seed(0)
    model = RNNModel(nn.GRU(V, 8, 2, bidirectional=True), V) if cell == "concise" else small_model(corpus, cell)
    batches = SequentialBatches(corpus.train, batch_size=8, num_steps=10)
    trainer = Trainer(model, batches, optimizer=optimizer, knobs=Knobs(0.05, 0.5))
    trainer.run(13)
    trainer.save(tmp_path / "checkpoint")
    again = Trainer.load(tmp_path / "checkpoint", SequentialBatches(corpus.train, batch_size=8, num_steps=10))
    trainer.run(20)
    again.run(20)
    for mine, other in zip(trainer.model.trainable, again.model.trainable, strict=True):
        assert torch.equal(mine, other)
    for name in ("loss", "gradient_norm", "learning_rate", "clip_threshold"):
        assert np.array_equal(trainer.history.columns()[name], again.history.columns()[name])


def test_a_checkpoint_of_other_batches_is_refused(corpus: Corpus, tmp_path) -> None:
    trainer = small_trainer(corpus)
    trainer.save(tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="'batch_size': 8.* not on .*'batch_size': 4"):
        Trainer.load(tmp_path / "checkpoint", SequentialBatches(corpus.train, batch_size=4, num_steps=10))


class Bomb:
    """A pickle that would run a command when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (__import__("os").system, ("touch exploded",))


def test_damaged_and_foreign_files_are_refused_and_never_executed(corpus: Corpus, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    batches = SequentialBatches(corpus.train, batch_size=8, num_steps=10)
    small_trainer(corpus).save("good")
    content = (tmp_path / "good").read_bytes()
    (tmp_path / "cut off").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "pickle").write_bytes(pickle.dumps(Bomb()))
    torch.save({"format": CHECKPOINT_FORMAT, "model": Bomb()}, "bomb")
    torch.save({"weights": torch.zeros(3)}, "foreign")
    for name in ("cut off", "empty", "text", "pickle", "bomb", "foreign"):
        with pytest.raises(ValueError, match="it was not loaded"):
            Trainer.load(name, batches)
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(FileNotFoundError, match="there is no file nowhere"):
        Trainer.load("nowhere", batches)
