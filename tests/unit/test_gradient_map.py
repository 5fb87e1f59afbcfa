"""The gradient map and truncation, against autograd."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.cells import RNN
from rnnlib.gradients import HeldMemory, cut_after, cut_at_random, gradient_map, main_plane, truncated_bptt
from rnnlib.models import LanguageModel


def random_case(cell: str, T: int, B: int, H: int = 5, V: int = 4) -> tuple[LanguageModel, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(T * 100 + B)
    model = LanguageModel(cell, vocab_size=V, hidden_size=H, generator=generator).double()
    tokens, targets = torch.randint(V, (2, T, B), generator=generator)
    return model, tokens, targets


def map_by_autograd(model: LanguageModel, tokens: Tensor, targets: Tensor, cut_every: int) -> Tensor:
    (T, B), weights = tokens.shape, model.weights
    shares = model.input_shares(tokens)
    state, hidden, losses = model.initial_state(B), [], []
    for t in range(T):
        if cut_every and t % cut_every == 0:
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        share = shares[:, t] if model.cell.blocks else shares[t]
        state = model.cell.step(share, state, weights.W_hh)
        h = state[0] if isinstance(state, tuple) else state
        h.retain_grad()
        hidden.append(h)
        losses.append(F.cross_entropy(h @ weights.W_hq + weights.b_q, targets[t]))
    rows = []
    for loss in losses:
        for h in hidden:
            h.grad = None
        loss.backward(retain_graph=True)
        rows.append(torch.stack([torch.zeros(()).double() if h.grad is None else h.grad.norm() for h in hidden]))
    return torch.stack(rows)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("T", "B", "cut_every"), [(1, 1, 0), (6, 3, 0), (6, 3, 2), (5, 1, 1), (4, 2, 9)])
def test_the_gradient_map_equals_autograds(cell: str, T: int, B: int, cut_every: int) -> None:
    model, tokens, targets = random_case(cell, T, B)
    found = gradient_map(model, tokens, targets, model.initial_state(B), cut_every=cut_every)
    torch.testing.assert_close(found, map_by_autograd(model, tokens, targets, cut_every).detach())


def test_a_map_below_zero_steps_is_refused() -> None:
    model, tokens, targets = random_case("rnn", 3, 1)
    with pytest.raises(ValueError, match="cut_every must be 0"):
        gradient_map(model, tokens, targets, model.initial_state(1), cut_every=-1)


def test_without_a_cut_truncated_bptt_is_the_whole_gradient() -> None:
    model, tokens, targets = random_case("rnn", 7, 3)
    state = torch.rand(3, 5, dtype=torch.float64)
    whole = model.backpropagate_by_hand(tokens, targets, state).gradients[0].clone()
    torch.testing.assert_close(truncated_bptt(model, tokens, targets, state, [1.0] * 7).gradient, whole)
    one_step = truncated_bptt(model, tokens[:1], targets[:1], state, [1.0]).gradient
    torch.testing.assert_close(one_step, model.backpropagate_by_hand(tokens[:1], targets[:1], state).gradients[0])


def test_regular_truncation_equals_detaching_the_state() -> None:
    model, tokens, targets = random_case("rnn", 7, 2)
    state, weights, losses = model.initial_state(2), model.weights, []
    h = state
    for t, share in enumerate(model.input_shares(tokens)):
        h = RNN.step(share, h.detach() if t % 3 == 0 else h, weights.W_hh)
        losses.append(F.cross_entropy(h @ weights.W_hq + weights.b_q, targets[t]))
    (expected,) = torch.autograd.grad(torch.stack(losses).mean(), model.vector)
    torch.testing.assert_close(truncated_bptt(model, tokens, targets, state, cut_after(7, 3)).gradient, expected)


def test_randomised_truncation_is_right_in_the_mean_and_regular_truncation_is_not() -> None:
    model, tokens, targets = random_case("rnn", 6, 2)
    model.vector.data.mul_(3)  # enough memory for a bias to show
    state, generator = model.initial_state(2), torch.Generator().manual_seed(0)

    def gradient(factors: list[float]) -> Tensor:
        return truncated_bptt(model, tokens, targets, state, factors).gradient

    whole = gradient([1.0] * 6)
    draws = torch.stack([gradient(cut_at_random(6, 2, generator)) for _ in range(3000)])
    standard_error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - whole).abs() <= 4.5 * standard_error + 1e-12).all()
    assert (gradient(cut_after(6, 2)) - whole).norm() > 10 * (draws.mean(0) - whole).norm()


def test_memory_grows_with_the_longest_piece_only() -> None:
    model, tokens, targets = random_case("rnn", 32, 4)
    state = model.initial_state(4)
    whole = truncated_bptt(model, tokens, targets, state, [1.0] * 32)
    cut = truncated_bptt(model, tokens, targets, state, cut_after(32, 4))
    shorter = truncated_bptt(model, tokens[:4], targets[:4], state, [1.0] * 4)
    assert shorter.bytes <= cut.bytes < whole.bytes / 3
    assert cut.seconds > 0


def test_truncation_refuses_what_it_cannot_do() -> None:
    model, tokens, targets = random_case("gru", 3, 1)
    with pytest.raises(ValueError, match="truncation is shown for the RNN; this model's cell is gru"):
        truncated_bptt(model, tokens, targets, model.initial_state(1), [1.0] * 3)
    with pytest.raises(ValueError, match="mean length of at least 2"):
        cut_at_random(3, 1, torch.Generator())
    with pytest.raises(ValueError, match="a length of 1 or more; it is 0"):
        cut_after(3, 0)


def test_the_main_plane_keeps_distances_of_points_that_lie_in_a_plane() -> None:
    generator = torch.Generator().manual_seed(0)
    plane, _ = torch.linalg.qr(torch.randn(7, 2, generator=generator, dtype=torch.float64))
    points = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    found = main_plane(points @ plane.T + 3)
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(points, points))
    assert found.var(0)[0] >= found.var(0)[1]
    assert main_plane(torch.ones(1, 3)).shape == (1, 2)
    with pytest.raises(ValueError, match="H at least 2"):
        main_plane(torch.ones(4, 1))


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
