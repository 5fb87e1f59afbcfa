"""Trainers on disk: they continue bit for bit; what is damaged, foreign or older is told and never executed."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import small_batches, small_model, small_trainer
from torch import nn

from rnnlib.live import checkpoints
from rnnlib.models import RNNModel
from rnnlib.text import Corpus, RandomBatches, SequentialBatches
from rnnlib.training import Knobs, Trainer


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "layer"])
def test_a_checkpoint_continues_bit_for_bit(corpus: Corpus, tmp_path: Path, cell: str, optimizer: str) -> None:
    V = len(corpus.vocab)
    torch.manual_seed(0)
    model = RNNModel(nn.GRU(V, 8, 2, bidirectional=True), V) if cell == "layer" else small_model(corpus, cell)
    trainer = Trainer(model, small_batches(corpus), optimizer=optimizer, knobs=Knobs(0.05, 0.5))
    trainer.run(13)
    checkpoints.save(trainer, tmp_path / "checkpoint")
    again = checkpoints.load(tmp_path / "checkpoint", small_batches(corpus))
    trainer.run(20)
    again.run(20)
    assert again.steps_made == 33 and again.knobs == Knobs(0.05, 0.5)
    for mine, other in zip(trainer.model.trainable, again.model.trainable, strict=True):
        assert torch.equal(mine, other)
    for name in ("loss", "gradient_norm", "clipped", "learning_rate", "clip_threshold"):
        assert np.array_equal(trainer.history.columns()[name], again.history.columns()[name])


def test_reading_a_checkpoint_takes_no_random_number_from_the_reader(corpus: Corpus, tmp_path: Path) -> None:
    checkpoints.save(small_trainer(corpus), tmp_path / "checkpoint")
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    checkpoints.load(tmp_path / "checkpoint", small_batches(corpus))
    assert torch.equal(torch.rand(4), expected)


def test_what_a_checkpoint_holds_is_not_changed_by_later_steps(corpus: Corpus) -> None:
    trainer = small_trainer(corpus, optimizer="adam", learning_rate=0.01)
    trainer.run(5)
    again = checkpoints.from_state_dict(checkpoints.state_dict(trainer), small_batches(corpus))
    kept = [tensor.clone() for tensor in (again.model.vector, *again.state, again.optimizer.memory["m"][0])]
    trainer.run(5)
    for before, now in zip(kept, (again.model.vector, *again.state, again.optimizer.memory["m"][0]), strict=True):
        assert torch.equal(before, now)


@pytest.mark.parametrize(
    "other",
    [
        lambda tokens: SequentialBatches(tokens, batch_size=4, num_steps=10),
        lambda tokens: SequentialBatches(tokens, batch_size=8, num_steps=11),
        lambda tokens: SequentialBatches(tokens.flip(0), batch_size=8, num_steps=10),
        lambda tokens: SequentialBatches(tokens, batch_size=8, num_steps=10, seed=1),
        lambda tokens: RandomBatches(tokens, batch_size=8, num_steps=10),
    ],
    ids=["batch size", "steps", "text", "seed", "kind"],
)
def test_a_checkpoint_of_other_batches_is_refused(corpus: Corpus, tmp_path: Path, other) -> None:
    checkpoints.save(small_trainer(corpus), tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="this was trained on .*'batch_size': 8.* not on "):
        checkpoints.load(tmp_path / "checkpoint", other(corpus.train))


class Bomb:
    """A pickle that would run a command when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (__import__("os").system, ("touch exploded",))


def test_foreign_files_are_refused_and_never_executed(corpus: Corpus, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").write_bytes(b"")
    Path("text").write_text("hello")
    Path("pickle").write_bytes(pickle.dumps(Bomb()))
    torch.save({"format": checkpoints.CHECKPOINT_FORMAT, "model": Bomb()}, "bomb")
    torch.save({"weights": torch.zeros(3)}, "foreign")
    torch.save(torch.zeros(3), "tensor")
    torch.save({"format": 3}, "number")
    for name in ("empty", "text", "pickle", "bomb", "foreign", "tensor", "number"):
        with pytest.raises(ValueError, match="it was not loaded"):
            checkpoints.load(name, small_batches(corpus))
    assert not Path("exploded").exists()
    with pytest.raises(FileNotFoundError, match="there is no file nowhere"):
        checkpoints.load("nowhere", small_batches(corpus))


def test_a_file_that_lost_its_end_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoints.save(small_trainer(corpus), path)
    content = path.read_bytes()
    for length in (len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is damaged or was not written by this course; it was not loaded"):
            checkpoints.load(path, small_batches(corpus))


def test_a_changed_bit_is_refused_wherever_it_would_change_something(corpus: Corpus, tmp_path: Path) -> None:
    trainer, path = small_trainer(corpus), tmp_path / "checkpoint"
    checkpoints.save(trainer, path)
    content, refused = path.read_bytes(), 0
    weights = content.index(trainer.model.vector.detach().numpy().tobytes()[:64])
    for place in (weights + 5, *range(0, len(content), 37)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        try:
            loaded = checkpoints.load(path, small_batches(corpus))
        except ValueError as error:
            refused += "damaged" in str(error)
        else:  # the bytes between two parts of a file say nothing
            assert place != weights + 5 and torch.equal(loaded.model.vector, trainer.model.vector)
    assert refused > len(content) // 37 // 2


def test_another_version_of_the_format_is_told_by_its_number(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    content = {**checkpoints.state_dict(small_trainer(corpus)), "format": "rnnlib checkpoint 2"}
    checkpoints.write_file(path, content)
    with pytest.raises(ValueError, match="was saved in format 2; this version reads 5; it was not loaded"):
        checkpoints.load(path, small_batches(corpus))
    checkpoints.write_file(path, {**content, "format": "rnnlib session 5"})
    with pytest.raises(ValueError, match="is not a file of the kind 'rnnlib checkpoint'"):
        checkpoints.load(path, small_batches(corpus))


def test_a_save_that_fails_leaves_the_earlier_checkpoint(corpus: Corpus, tmp_path: Path, monkeypatch) -> None:
    trainer, path = small_trainer(corpus), tmp_path / "checkpoint"
    checkpoints.save(trainer, path)
    before = path.read_bytes()
    trainer.run(3)
    monkeypatch.setattr("os.replace", lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        checkpoints.save(trainer, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
