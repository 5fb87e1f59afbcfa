"""Sampling: distributions as defined, prefixes read, bad input told."""

import math

import pytest
import torch
from factories import small_model
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnlib.models import LanguageModel, RNNModel
from rnnlib.sampling import next_token_probabilities, stream, write
from rnnlib.text import Corpus, SequentialBatches, Vocab
from rnnlib.training import Knobs, Trainer

logits = st.lists(st.floats(-20, 20, allow_subnormal=False), min_size=3, max_size=9).map(
    lambda values: torch.tensor(values).double()
)


@given(logits=logits, temperature=st.floats(0.05, 5))
def test_temperature_scales_log_odds(logits: torch.Tensor, temperature: float) -> None:
    p = next_token_probabilities(logits, temperature=temperature)
    torch.testing.assert_close(p.sum(), torch.tensor(1.0).double())
    torch.testing.assert_close(p[0] * torch.exp((logits[1] - logits[0]) / temperature), p[1], rtol=1e-6, atol=1e-12)


@given(logits=logits, k=st.integers(1, 3))
def test_top_k_keeps_the_likeliest_in_proportion(logits: torch.Tensor, k: int) -> None:
    p, full = next_token_probabilities(logits, top_k=k), next_token_probabilities(logits)
    kept = p > 0
    least_kept = logits.topk(k).values[-1]
    assert torch.equal(kept, (logits >= least_kept) & kept)
    torch.testing.assert_close(p[kept], full[kept] / full[logits >= least_kept].sum(), rtol=1e-6, atol=1e-12)


def test_greedy_is_the_limit_of_low_temperature() -> None:
    logits = torch.tensor([0.0, 2.0, 1.9])
    assert next_token_probabilities(logits, temperature=0).tolist() == [0, 1, 0]
    torch.testing.assert_close(next_token_probabilities(logits, temperature=1e-3), torch.tensor([0.0, 1.0, 0.0]))


def test_a_trained_network_continues_its_text_greedily() -> None:
    text = "abcdefgh " * 300
    vocab = Vocab(text)
    model = LanguageModel(vocab_size=len(vocab), hidden_size=32, generator=torch.Generator().manual_seed(0))
    batches = SequentialBatches(vocab.encode(text), batch_size=8, num_steps=12)
    Trainer(model, batches, knobs=Knobs(learning_rate=1.0)).run(200)
    assert write(model, vocab, "cd", 12, temperature=0) == "cdefgh abcdefg"[:14]


def test_the_whole_prefix_is_read_before_writing() -> None:
    """Logits after a prefix equal those of the model run over the prefix in one piece."""
    vocab = Vocab("abc")
    model = LanguageModel("gru", vocab_size=len(vocab), hidden_size=8, generator=torch.Generator().manual_seed(3))
    logits, _ = model(vocab.encode("abcab")[:, None], model.initial_state(1))
    logits[-1, 0, 0] = -torch.inf
    expected = vocab.tokens[int(logits[-1, 0].argmax())]
    assert next(stream(model, vocab, "abcab", temperature=0)) == expected


def test_the_same_generator_writes_the_same_text_and_never_the_unknown_token() -> None:
    vocab = Vocab("abc def")
    model = LanguageModel(vocab_size=len(vocab), hidden_size=4, generator=torch.Generator().manual_seed(0))
    texts = [write(model, vocab, "a", 300, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert texts[0] == texts[1] and len(texts[0]) == 301
    assert set(texts[0]) == set("abc def")


def test_bad_input_is_told_in_one_sentence() -> None:
    vocab = Vocab("abc")
    model = LanguageModel(vocab_size=4, hidden_size=3)
    with pytest.raises(ValueError, match="characters the network never saw: 'X'.*use some of: 'abc'"):
        write(model, vocab, "aX", 3)
    with pytest.raises(ValueError, match="prefix '' is empty"):
        write(model, vocab, "", 3)
    for temperature in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature must be 0"):
            write(model, vocab, "a", 3, temperature=temperature)
    with pytest.raises(ValueError, match="top_k must be 1 to 4"):
        write(model, vocab, "a", 3, top_k=5)
    both_ways = RNNModel(nn.RNN(4, 3, bidirectional=True), 4)
    with pytest.raises(ValueError, match="bidirectional network reads the future"):
        write(both_ways, vocab, "a", 3)


@pytest.mark.parametrize("temperature", [1e-38, 1e-60, 0.0])
def test_next_to_no_temperature_is_greedy(temperature: float) -> None:
    found = next_token_probabilities(torch.tensor([3.0, 1.0, -2.0]), temperature=temperature)
    assert found.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_lost_network_is_told_and_writes_nothing(corpus: Corpus, value: float) -> None:
    model = small_model(corpus)
    model.vector.data.fill_(value)
    with pytest.raises(ValueError, match="the network is lost: what it computes is no longer a number"):
        write(model, corpus.vocab, "the", 3)
