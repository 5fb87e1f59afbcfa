"""N-grams: probabilities that sum to 1 and agree with counts done by hand."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.baselines import NGram


@given(
    text=st.lists(st.integers(0, 3), min_size=6, max_size=60),
    context=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    order=st.integers(1, 6),
)
def test_probabilities_of_the_next_token_sum_to_1(text: list[int], context: list[int], order: int) -> None:
    model = NGram(torch.tensor(text), order=order, vocab_size=4)
    next_token = [model.probabilities(torch.tensor([*context, token]))[-1] for token in range(4)]
    assert math.isclose(sum(next_token), 1.0, rel_tol=1e-12)
    assert min(next_token) > 0


def witten_bell_by_hand(text: list[int], history: tuple[int, ...], token: int, vocab_size: int) -> float:
    """The formula of the docstring, with dictionaries and recursion."""
    lower = witten_bell_by_hand(text, history[1:], token, vocab_size) if history else 1 / vocab_size
    n = len(history)
    followers = Counter(text[i + n] for i in range(len(text) - n) if tuple(text[i : i + n]) == history)
    if not followers:
        return lower
    return (followers[token] + len(followers) * lower) / (followers.total() + len(followers))


@given(text=st.lists(st.integers(0, 2), min_size=8, max_size=40), order=st.integers(1, 6))
def test_probabilities_equal_the_formula_counted_by_hand(text: list[int], order: int) -> None:
    model = NGram(torch.tensor(text), order=order, vocab_size=3)
    probe = [2, 0, 1, 1, 0, 2, 2]
    for position, probability in enumerate(model.probabilities(torch.tensor(probe))):
        history = tuple(probe[max(0, position - order + 1) : position])
        assert math.isclose(probability, witten_bell_by_hand(text, history, probe[position], 3), rel_tol=1e-12)


def test_a_periodic_text_is_predicted_almost_surely() -> None:
    text = torch.tensor([0, 1, 2] * 500)
    assert NGram(text, order=2, vocab_size=3).perplexity(text[3:]) < 1.02


def test_an_unseen_alphabet_is_as_unsure_as_a_blind_guess() -> None:
    uniform = torch.arange(4).repeat(100)
    assert math.isclose(NGram(uniform, order=1, vocab_size=4).perplexity(uniform), 4.0, rel_tol=1e-9)


@pytest.mark.parametrize("order", [0, 7])
def test_orders_outside_1_to_6_are_refused(order: int) -> None:
    with pytest.raises(ValueError, match="must be 1 to 6"):
        NGram(torch.arange(10), order=order, vocab_size=10)


def test_the_next_tokens_probabilities_are_those_of_the_text_with_each_token_added() -> None:
    tokens = torch.randint(5, (300,), generator=torch.Generator().manual_seed(3))
    for order in (1, 2, 4):
        model = NGram(tokens, order=order, vocab_size=6)
        for length in (0, 1, 2, 7):
            context = torch.randint(6, (length,), generator=torch.Generator().manual_seed(length))
            one_by_one = [model.probabilities(torch.cat([context, torch.tensor([x])]))[-1] for x in range(6)]
            np.testing.assert_allclose(model.next_probabilities(context), one_by_one)
            assert model.next_probabilities(context).sum() == pytest.approx(1)


@given(text=st.lists(st.sampled_from([0, 1, 9_998, 9_999]), min_size=8, max_size=60), order=st.integers(1, 6))
def test_counts_are_exact_for_ten_thousand_tokens_and_order_6(text: list[int], order: int) -> None:
    model, probe = NGram(torch.tensor(text), order=order, vocab_size=10_000), [*text[:7], 5, *text[:6]]
    for position, probability in enumerate(model.probabilities(torch.tensor(probe))):
        history = tuple(probe[max(0, position - order + 1) : position])
        assert math.isclose(probability, witten_bell_by_hand(text, history, probe[position], 10_000), rel_tol=1e-12)


def test_texts_side_by_side_are_predicted_as_each_alone() -> None:
    tokens = torch.randint(9, (4, 50), generator=torch.Generator().manual_seed(0))
    model = NGram(tokens.flatten(), order=4, vocab_size=9)
    np.testing.assert_array_equal(model.probabilities(tokens), [model.probabilities(each) for each in tokens])


@pytest.mark.parametrize("tokens", [[0, 1, 3], [0, -1, 2]])
def test_tokens_outside_the_vocabulary_are_refused(tokens: list[int]) -> None:
    model = NGram(torch.arange(3), order=2, vocab_size=3)
    for count in (model.probabilities, lambda wrong: NGram(wrong, order=2, vocab_size=3)):
        with pytest.raises(ValueError, match="tokens must be 0 to 2; these are"):
            count(torch.tensor(tokens))
