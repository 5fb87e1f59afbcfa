"""Truncated and randomised backpropagation through time, and what it holds; against autograd."""

import pytest
import torch
from factories import random_model, random_state, random_tokens
from torch import Tensor
from torch.nn import functional as F

from rnnlib.models import detach, embed
from rnnlib.topics.truncation import HeldMemory, cut_after, cut_at_random, truncated_bptt


def test_without_a_cut_truncated_bptt_is_the_whole_gradient() -> None:
    model, tokens, targets = random_model("rnn"), *random_tokens(7, 3)
    state = random_state(model, 3)
    whole = model.backpropagate(tokens, targets, state).gradients[0]
    torch.testing.assert_close(truncated_bptt(model, tokens, targets, state, [1.0] * 7).gradient, whole)
    one_step = truncated_bptt(model, tokens[:1], targets[:1], state, [1.0]).gradient
    torch.testing.assert_close(one_step, model.backpropagate(tokens[:1], targets[:1], state).gradients[0])


def test_regular_truncation_equals_detaching_the_state() -> None:
    model, tokens, targets = random_model("rnn"), *random_tokens(7, 2)
    (W_xh, W_hh, b_h, W_hq, b_q), losses = model.weights, []
    state = current = random_state(model, 2)
    for t, x_t in enumerate(embed(tokens, W_xh, b_h)):
        current = model.cell.step(x_t, detach(current) if t % 3 == 0 else current, W_hh)
        losses.append(F.cross_entropy(current[0] @ W_hq + b_q, targets[t]))
    (expected,) = torch.autograd.grad(torch.stack(losses).mean(), model.vector)
    torch.testing.assert_close(truncated_bptt(model, tokens, targets, state, cut_after(7, 3)).gradient, expected)


def test_randomised_truncation_is_right_on_average_and_regular_truncation_is_not() -> None:
    model, tokens, targets = random_model("rnn"), *random_tokens(6, 2)
    model.vector.data.mul_(3)  # enough memory for a bias to show
    state, generator = model.initial_state(2), torch.Generator().manual_seed(0)

    def gradient(factors: list[float]) -> Tensor:
        return truncated_bptt(model, tokens, targets, state, factors).gradient

    whole = gradient([1.0] * 6)
    draws = torch.stack([gradient(cut_at_random(6, 2, generator)) for _ in range(1500)])
    standard_error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - whole).abs() <= 4.5 * standard_error + 1e-12).all()
    assert (gradient(cut_after(6, 2)) - whole).norm() > 6 * (draws.mean(0) - whole).norm()


def test_memory_grows_with_the_longest_piece_only() -> None:
    model, tokens, targets = random_model("rnn"), *random_tokens(32, 4)
    state = model.initial_state(4)
    whole = truncated_bptt(model, tokens, targets, state, [1.0] * 32)
    cut = truncated_bptt(model, tokens, targets, state, cut_after(32, 4))
    shorter = truncated_bptt(model, tokens[:4], targets[:4], state, [1.0] * 4)
    assert shorter.bytes <= cut.bytes < whole.bytes / 3
    assert cut.seconds > 0


def test_truncation_refuses_what_it_cannot_do() -> None:
    model, tokens, targets = random_model("gru"), *random_tokens(3, 1)
    with pytest.raises(ValueError, match="truncation is shown for the RNN; this model's cell is gru"):
        truncated_bptt(model, tokens, targets, model.initial_state(1), [1.0] * 3)
    with pytest.raises(ValueError, match="mean length of at least 2"):
        cut_at_random(3, 1, torch.Generator())
    with pytest.raises(ValueError, match="a length of 1 or more; it is 0"):
        cut_after(3, 0)


def test_held_memory_counts_what_a_backward_pass_frees() -> None:
    a, b = (torch.ones(10, requires_grad=True) for _ in range(2))
    with HeldMemory() as memory:
        product = a * b  # holds a and b
        assert memory.bytes == 80
        square = product * product  # holds product, twice
        assert memory.bytes == memory.most_bytes == 120
    square.sum().backward()
    assert memory.bytes == 0 and memory.most_bytes == 120
    with memory:
        product = a * b
    assert memory.bytes == 80
    del product
    assert memory.bytes == 0


def test_gradients_switched_off_around_it_change_nothing() -> None:
    model, tokens, targets = random_model("rnn"), *random_tokens(7, 2)
    pass_over = (model, tokens, targets, random_state(model, 2), cut_after(7, 3))
    with torch.no_grad():
        found = truncated_bptt(*pass_over).gradient
    assert torch.equal(found, truncated_bptt(*pass_over).gradient)
