"""Views on gradients: norms over time, the gradient map, the spectral radius; against autograd and eigenvalues."""

import math

import pytest
import torch
from factories import random_model, random_tokens
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from rnnlib.gradients import gradient_map, norms_over_lags, spectral_radius
from rnnlib.models import LanguageModel, detach, embed


@given(size=st.integers(1, 60), seed=st.integers(0, 99), scale=st.floats(1e-6, 1e6))
def test_the_spectral_radius_is_within_1_percent_of_the_eigenvalues(size: int, seed: int, scale: float) -> None:
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(seed)) * scale
    exact = float(torch.linalg.eigvals(matrix.double()).abs().max())
    assert math.isclose(spectral_radius(matrix), exact, rel_tol=0.01)


def test_the_spectral_radius_of_special_matrices() -> None:
    assert spectral_radius(torch.zeros(4, 4)) == 0
    assert spectral_radius(torch.triu(torch.ones(4, 4), 1)) == 0  # nilpotent
    rotation = torch.tensor([[0.0, -0.5], [0.5, 0.0]])
    assert math.isclose(spectral_radius(rotation), 0.5, rel_tol=1e-3)
    assert math.isnan(spectral_radius(torch.full((2, 2), math.nan)))
    with pytest.raises(ValueError, match="needs a square matrix"):
        spectral_radius(torch.zeros(2, 3))


def map_by_autograd(model: LanguageModel, tokens: Tensor, targets: Tensor, cut_every: int) -> Tensor:
    """One backward pass for each loss L_t, the state detached where the map is cut."""
    W_xh, W_hh, b_h, W_hq, b_q = model.weights
    x_in, state = embed(tokens, W_xh, b_h), model.initial_state(tokens.shape[1])
    hidden, losses = [], []
    for t, x_t in enumerate(x_in.unbind(len(model.cell.gates))):
        if cut_every and t % cut_every == 0:
            state = detach(state)
        state = model.cell.step(x_t, state, W_hh)
        hidden.append(state[0])
        losses.append(F.cross_entropy(state[0] @ W_hq + b_q, targets[t]))
    rows = [torch.autograd.grad(loss, hidden, retain_graph=True, materialize_grads=True) for loss in losses]
    return torch.stack([torch.stack([gradient.norm() for gradient in row]) for row in rows])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("T", "B", "cut_every"), [(1, 1, 0), (6, 3, 0), (6, 3, 2), (5, 1, 1), (4, 2, 9)])
def test_the_gradient_map_equals_autograds(cell: str, T: int, B: int, cut_every: int) -> None:
    model, (tokens, targets) = random_model(cell), random_tokens(T, B)
    found = gradient_map(model, tokens, targets, model.initial_state(B), cut_every=cut_every)
    torch.testing.assert_close(found, map_by_autograd(model, tokens, targets, cut_every))


def test_a_map_cut_every_less_than_zero_steps_is_refused() -> None:
    model, (tokens, targets) = random_model("rnn"), random_tokens(3, 1)
    with pytest.raises(ValueError, match="cut_every must be 0"):
        gradient_map(model, tokens, targets, model.initial_state(1), cut_every=-1)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("T", "B"), [(1, 1), (6, 3)])
def test_norms_over_lags_are_those_of_the_last_loss_alone(cell: str, T: int, B: int) -> None:
    model, (tokens, targets) = random_model(cell), random_tokens(T, B)
    found = norms_over_lags(model, tokens, targets, model.initial_state(B))
    torch.testing.assert_close(found, map_by_autograd(model, tokens, targets, 0)[-1].flip(0))


def test_the_gradient_of_the_last_loss_vanishes_where_the_spectral_radius_is_small() -> None:
    model, (tokens, targets) = random_model("rnn", hidden_size=8), random_tokens(20, 4)
    with torch.no_grad():
        model.weights.W_hh.mul_(0.3 / spectral_radius(model.weights.W_hh))
    norms = norms_over_lags(model, tokens, targets, model.initial_state(4))
    assert (norms[1:] < norms[:-1]).all() and norms[-1] < 1e-8 * norms[0]
