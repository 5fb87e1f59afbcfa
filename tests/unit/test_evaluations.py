"""What an evaluation measures: the spectral radius of the right matrix."""

import pytest
import torch
from factories import small_trainer

from rnnlib.live.evaluations import evaluate
from rnnlib.text import Corpus

RADIUS_OF_BLOCK = {"rnn": [1.5], "gru": [0.2, 0.6, 1.5], "lstm": [0.2, 0.6, 1.5, 0.9]}  # GRU: r, z, n; LSTM: i, f, g, o


@pytest.mark.parametrize("cell", RADIUS_OF_BLOCK)
def test_the_spectral_radius_is_that_of_the_candidates_block(corpus: Corpus, cell: str) -> None:
    trainer = small_trainer(corpus, cell)
    rotation, _ = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        for block, radius in zip(trainer.model.weights.W_hh.view(-1, 16, 16), RADIUS_OF_BLOCK[cell], strict=True):
            block.copy_(radius * rotation)
    evaluation = evaluate(trainer, corpus, prefix="the ", temperature=0.5)
    assert evaluation.spectral_radius == pytest.approx(1.5, rel=0.01)
