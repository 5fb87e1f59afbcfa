"""Gradient views: equal to their definitions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.gradients import norms_over_time, spectral_radius


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


def test_norms_over_time_are_taken_over_batch_and_units() -> None:
    gradients = torch.zeros(3, 2, 2)
    gradients[1] = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    assert norms_over_time([gradients]).tolist() == [0, 5, 0]
    assert norms_over_time([gradients[:, :1], gradients[:, 1:]]).tolist() == [0, 5, 0]
