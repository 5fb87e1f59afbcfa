"""On a GPU: one captured graph, no waiting, the curve of the CPU.  Skipped without one."""

import numpy as np
import pytest
import torch
from factories import small_model

from rnnlib.cells import CELLS
from rnnlib.live.resizing import resize
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus, SequentialBatches
from rnnlib.training import Knobs, Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def trainer_on(device: str, corpus: Corpus, cell: str, **knobs: float) -> Trainer:
    weights = small_model(corpus, cell)
    model = LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=16, device=device)
    model.load_state_dict(weights.state_dict())
    return Trainer(model, SequentialBatches(corpus.train.to(device), batch_size=8, num_steps=10), knobs=Knobs(**knobs))


@pytest.mark.parametrize("cell", CELLS)
def test_the_captured_step_gives_the_curve_of_the_cpu(corpus: Corpus, cell: str) -> None:
    runs = [trainer_on(device, corpus, cell, learning_rate=0.7, clip_threshold=0.3) for device in ("cpu", "cuda")]
    for trainer in runs:
        trainer.run(60)
    np.testing.assert_allclose(*(trainer.history.columns()["loss"] for trainer in runs), rtol=1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_and_knobs_never_wait_for_the_gpu(corpus: Corpus, cell: str) -> None:
    trainer = trainer_on("cuda", corpus, cell)
    for _ in range(6):
        trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(trainer.batches.num_batches - 8):
            trainer.step()
            trainer.set(learning_rate=0.3, clip_threshold=0.5)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_gpu_run_repeats_bit_for_bit_and_survives_resizing(corpus: Corpus) -> None:
    losses = []
    for _ in range(2):
        trainer = trainer_on("cuda", corpus, "rnn")
        trainer.run(20)
        resize(trainer, 32)
        trainer.run(20)
        resize(trainer, 24)
        trainer.run(20)
        losses.append(trainer.history.columns()["loss"])
    assert np.array_equal(*losses)
