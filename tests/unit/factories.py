"""What tests of several files need."""

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from rnnlib.cells import State
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import Corpus, SequentialBatches
from rnnlib.training import Knobs, Trainer


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail after a time that is long even on a slow, loaded machine."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "this did not happen in time"
        time.sleep(0.005)


def when(condition: Callable[[], object], action: Callable[[], object]) -> None:
    """Act in a thread of its own as soon as a condition holds, while the test waits for something else."""
    threading.Thread(target=lambda: (wait_until(condition), action()), daemon=True).start()


def pixels(png: bytes) -> np.ndarray:
    """A picture (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(png)))


# ----------------------------------------------------------------------------------- models and trainers

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def random_model(cell: str, *, vocab_size: int = 7, hidden_size: int = 5, seed: int = 0) -> LanguageModel:
    """A model whose weights the seed gives, in float64."""
    generator = torch.Generator().manual_seed(seed)
    return LanguageModel(cell, vocab_size=vocab_size, hidden_size=hidden_size, generator=generator).double()


def random_tokens(T: int, B: int, *, vocab_size: int = 7, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Tokens and the tokens after them, (T, B) each."""
    tokens = torch.randint(vocab_size, (T + 1, B), generator=torch.Generator().manual_seed(seed))
    return tokens[:-1], tokens[1:]


def random_state(model: LanguageModel, B: int, *, seed: int = 0) -> State:
    """A state as one may be in the midst of a text."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(part.shape, generator=generator, dtype=part.dtype) for part in model.initial_state(B))


def concise_twin(model: LanguageModel) -> RNNModel:
    """The same weights in PyTorch's layer."""
    H, V, weights = model.hidden_size, model.vocab_size, model.weights
    twin = RNNModel(LAYERS[model.cell.name](V, H), V).to(weights.b_q.dtype)
    with torch.no_grad():
        twin.rnn.weight_ih_l0.copy_(weights.W_xh.mT.reshape(-1, V))
        twin.rnn.weight_hh_l0.copy_(weights.W_hh.mT.reshape(-1, H))
        twin.rnn.bias_ih_l0.copy_(weights.b_h.reshape(-1))
        twin.output.weight.copy_(weights.W_hq.mT)
        twin.output.bias.copy_(weights.b_q)
    return twin


def small_model(corpus: Corpus, cell: str = "rnn", *, hidden_size: int = 16, seed: int = 0) -> LanguageModel:
    """A model for the corpus of conftest.py."""
    generator = torch.Generator().manual_seed(seed)
    return LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=hidden_size, generator=generator)


def small_batches(corpus: Corpus) -> SequentialBatches:
    """Eight rows, ten steps."""
    return SequentialBatches(corpus.train, batch_size=8, num_steps=10)


def small_trainer(corpus: Corpus, cell: str = "rnn", *, optimizer: str = "sgd", **knobs: Any) -> Trainer:
    """A trainer at step 0."""
    return Trainer(small_model(corpus, cell), small_batches(corpus), optimizer=optimizer, knobs=Knobs(**knobs))


# ------------------------------------------------------------------------------------------------ sessions

SMALL_SESSION: dict[str, Any] = {
    "hidden_size": 16, "batch_size": 8, "num_steps": 10, "max_train_tokens": 4000, "device": "cpu",
}  # fmt: skip


def losses_of(session: Session, name: str = MAIN) -> np.ndarray:
    """The training losses of one of its networks, (steps,)."""
    return session.trainers[name].history.columns()["loss"]
