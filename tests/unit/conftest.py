"""What unit tests share: a text that is made here, so that none of them needs a file."""

import pytest
import torch
from hypothesis import settings

from rnnlib.checks import verdict
from rnnlib.text import Corpus, Vocab

# pytest-xdist keeps all cores busy already.
torch.set_num_threads(1)
# A busy machine is slow now and then; the same examples every time, so that a failure can be repeated.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


SENTENCES = "the lamp burns low and the sea is calm while the keeper counts the waves until the morning comes "


@pytest.fixture
def corpus() -> Corpus:
    """Some 10,000 characters over 20 letters, in random order of words."""
    words = SENTENCES.split()
    generator = torch.Generator().manual_seed(1)
    order = torch.randint(len(words), (2200,), generator=generator).tolist()
    text = " ".join(words[index] for index in order)
    vocab = Vocab(text)
    tokens = vocab.encode(text)
    half = (len(tokens) - 8000) // 2
    return Corpus("made here", vocab, *tokens.split([8000, half, len(tokens) - 8000 - half]))


@pytest.fixture(autouse=True)
def no_tries_yet() -> None:
    """Checks give more help from try to try; every test begins with the first."""
    verdict._tries.clear()
