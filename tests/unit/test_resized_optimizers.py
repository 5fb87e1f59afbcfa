"""What an optimizer remembers of units that were added: no direction yet, and steps as long as those of the others."""

import pytest
import torch
from factories import small_trainer

from rnnlib.live.resizing import resize
from rnnlib.text import Corpus


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_adam_gives_new_units_no_direction_and_the_mean_size_of_the_old_ones_gradients(
    corpus: Corpus, cell: str
) -> None:
    trainer = small_trainer(corpus, cell, optimizer="adam", learning_rate=0.01)
    trainer.run(10)
    old = trainer.model.named(trainer.optimizer.memory["v"][0].clone())
    resize(trainer, 24)
    new_m, new_v = (trainer.model.named(trainer.optimizer.memory[name][0]) for name in ("m", "v"))
    for name, axis in (("W_xh", -1), ("W_hh", -1), ("W_hh", -2), ("b_h", -1), ("W_hq", 0)):
        mean = getattr(old, name).mean()
        added = getattr(new_v, name).movedim(axis, -1)[..., 16:]
        torch.testing.assert_close(added, mean.expand_as(added), rtol=1e-4, atol=0)
        assert mean > 0
        assert (getattr(new_m, name).movedim(axis, -1)[..., 16:] == 0).all()
