"""Jacobian products, the cliff and initialisations, against autograd and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.topics import initialisation
from rnnlib.topics.cliff import cliff_error, cliff_gradient, clip_vector, descend, has_arrived
from rnnlib.topics.jacobians import ACTIVATIONS, jacobian_norms


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    activation=st.sampled_from(list(ACTIVATIONS)), H=st.integers(1, 8), T=st.integers(1, 12),
    radius=st.floats(0.05, 3.0), seed=st.integers(0, 99),
)  # fmt: skip
def test_no_norm_lies_above_the_bound(activation: str, H: int, T: int, radius: float, seed: int) -> None:
    W = initialisation.normal(H, radius, generator(seed))
    found = jacobian_norms(W, activation, T, generator(seed + 1))
    assert found.norms.shape == found.bounds.shape == (T + 1,)
    assert found.norms[0] == pytest.approx(1)
    assert (found.norms <= found.bounds * (1 + 1e-6) + 1e-300).all()


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_the_norms_are_those_of_autograds_jacobians(activation: str) -> None:
    W, f = initialisation.normal(4, 1.3, generator()).double(), ACTIVATIONS[activation].function
    noise = torch.randn(6, 4, generator=generator(5), dtype=torch.float64)

    def last_state(h: torch.Tensor, steps: int) -> torch.Tensor:
        for x in noise[6 - steps :]:
            h = f(h @ W + 0.5 * x)
        return h

    states = [torch.zeros(4, dtype=torch.float64)]
    for x in noise:
        states.append(f(states[-1] @ W + 0.5 * x))
    found = jacobian_norms(W, activation, 6, generator(5))
    for lag in range(7):
        jacobian = torch.autograd.functional.jacobian(lambda h, lag=lag: last_state(h, lag), states[6 - lag])
        assert found.norms[lag] == pytest.approx(float(torch.linalg.matrix_norm(jacobian, ord=2)), abs=1e-9)


def test_in_a_linear_network_with_a_rotation_nothing_is_lost_and_nothing_is_gained() -> None:
    found = jacobian_norms(initialisation.orthogonal(6, generator()), "linear", 50, generator())
    np.testing.assert_allclose(found.norms, 1, atol=1e-4)


def test_gamma_is_the_largest_slope_of_each_activation() -> None:
    a = torch.linspace(-8, 8, 10_001, dtype=torch.float64).requires_grad_()
    for activation in ACTIVATIONS.values():
        (slope,) = torch.autograd.grad(activation.function(a).sum(), a)
        torch.testing.assert_close(activation.derivative(a.detach()), slope)
        assert float(slope.max()) == pytest.approx(activation.gamma, abs=1e-6)


def test_bad_input_is_told_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="there is no activation 'step'; choose from: tanh, sigmoid, relu, linear"):
        jacobian_norms(torch.eye(2), "step", 3, generator())
    with pytest.raises(ValueError, match="num_steps must be at least 1; it is 0"):
        jacobian_norms(torch.eye(2), "tanh", 0, generator())


def test_the_cliffs_gradient_is_autograds() -> None:
    for w, b in ((4.3, -2.6), (4.64, -2.39), (5.5, -2.0)):
        weights = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
        x = torch.tensor(0.5, dtype=torch.float64)
        for _ in range(50):
            x = weights[0] * torch.sigmoid(x) + weights[1]
        error = (torch.sigmoid(x) - 0.7) ** 2
        error.backward()
        np.testing.assert_allclose(cliff_gradient(np.array([w, b])), weights.grad, rtol=1e-8)
        assert cliff_error(np.array(w), np.array(b)) == pytest.approx(error.item())


def test_the_cliff_goes_through_the_place_that_the_literature_names() -> None:
    b = np.arange(-3, -1.9, 0.0005)
    slopes = np.linalg.norm(cliff_gradient(np.column_stack([np.full_like(b, 4.64), b])), axis=1)
    assert b[slopes.argmax()] == pytest.approx(-2.39, abs=0.005) and slopes.max() > 300


def test_clipping_by_norm_keeps_the_direction_and_by_value_need_not() -> None:
    gradient = np.array([3.0, -0.5])
    by_norm, by_value = (clip_vector(gradient, 1.0, kind) for kind in ("norm", "value"))
    assert np.linalg.norm(by_norm) == pytest.approx(1) and np.cross([*by_norm, 0], [*gradient, 0])[2] == pytest.approx(
        0
    )
    np.testing.assert_array_equal(by_value, [1.0, -0.5])
    np.testing.assert_array_equal(clip_vector(gradient, 1.0, "not"), gradient)
    np.testing.assert_array_equal(clip_vector(np.zeros(2), 1.0, "norm"), np.zeros(2))


def test_many_gradients_are_clipped_each_by_its_own_norm() -> None:
    clipped = clip_vector(np.array([[3.0, 4.0], [0.3, 0.4]]), 1.0, "norm")
    np.testing.assert_allclose(clipped, [[0.6, 0.8], [0.3, 0.4]])


def test_many_descents_are_those_made_one_by_one() -> None:
    options = {"clip_by": "value", "threshold": 0.5, "learning_rate": 0.05, "steps": 30}
    starts = np.array([[4.3, -2.6], [4.9, -2.0], [4.1, -1.6]])
    together = descend(starts, **options)
    for place, start in enumerate(starts):
        np.testing.assert_allclose(together[:, place], descend(start, **options), rtol=1e-9)


def test_a_descent_has_arrived_if_it_stays_where_the_error_is_small() -> None:
    valley, plain = np.tile([4.0, -1.95], (30, 1)), np.tile([4.6, -3.0], (30, 1))
    passing = plain.copy()
    passing[25:28] = valley[0]
    assert has_arrived(np.stack([valley, plain, passing], axis=1)).tolist() == [True, False, False]


def test_a_clipped_step_is_never_longer_than_rate_times_threshold() -> None:
    way = descend((4.3, -2.6), clip_by="norm", threshold=0.5, learning_rate=0.05, steps=60)
    assert way.shape == (61, 2)
    assert np.linalg.norm(np.diff(way, axis=0), axis=1).max() <= 0.05 * 0.5 + 1e-12
    assert cliff_error(way[-1:, 0], way[-1:, 1])[0] < 1e-6
    thrown = descend((4.3, -2.6), clip_by="not", threshold=0.5, learning_rate=0.05, steps=60)
    assert np.linalg.norm(np.diff(thrown, axis=0), axis=1).max() > 1


@pytest.mark.parametrize("H", [1, 2, 33])
def test_initialisations_are_what_their_names_say(H: int) -> None:
    normal = initialisation.normal(H, 0.7, generator())
    assert float(torch.linalg.eigvals(normal.double()).abs().max()) == pytest.approx(0.7, rel=1e-5)
    Q = initialisation.orthogonal(H, generator())
    torch.testing.assert_close(Q @ Q.T, torch.eye(H), atol=1e-5, rtol=0)
    assert torch.equal(initialisation.identity(H), torch.eye(H))


def test_rotations_are_drawn_without_a_preferred_direction() -> None:
    corners = torch.stack([initialisation.orthogonal(3, generator(seed))[0] for seed in range(400)])
    assert (corners.mean(0).abs() < 4 * math.sqrt(1 / 3 / 400)).all()
