"""Curves of any length: bounded, and honest about minima and maxima."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.live.curves import MOST_POINTS, Curves


def curve_of(values: np.ndarray, pieces: list[int], most_points: int = 16) -> np.ndarray:
    """The points of a curve that was given its values in pieces of these lengths, again and again."""
    curve, start, turn = Curves(1, most_points), 0, 0
    while start < len(values):
        end = min(len(values), start + pieces[turn % len(pieces)])
        curve.extend(np.arange(start + 1, end + 1), values[None, start:end])
        start, turn = end, turn + 1
    return curve.points[0]


@given(st.integers(0, 3000), st.lists(st.integers(1, 700), min_size=1, max_size=4), st.integers(0, 9))
def test_it_is_bounded_and_keeps_least_and_largest(length: int, pieces: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=length).astype(np.float32)
    points = curve_of(values, pieces)
    assert len(points) <= 16 + 2
    if length:
        assert points[:, 1].min() == values.min() and points[:, 1].max() == values.max()
        assert (np.diff(points[:, 0]) >= 0).all()
        np.testing.assert_array_equal(points[:, 1], values[points[:, 0].astype(int) - 1])  # each is a point of the run


@given(st.integers(1, 3000), st.lists(st.integers(1, 700), min_size=1, max_size=4))
def test_how_the_points_arrive_makes_no_difference(length: int, pieces: list[int]) -> None:
    values = np.random.default_rng(length).normal(size=length)
    at_once = curve_of(values, [length])
    np.testing.assert_array_equal(curve_of(values, pieces), at_once)


def test_every_point_is_kept_while_there_is_room() -> None:
    values = np.arange(15.0)
    np.testing.assert_array_equal(curve_of(values, [4])[:, 1], values)


def test_every_part_of_a_long_run_is_seen_equally_well() -> None:
    points = curve_of(np.random.default_rng(0).normal(size=100_000), [1000], MOST_POINTS)
    quarters = np.histogram(points[:, 0], bins=4)[0]
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS + 2
    assert quarters.max() <= 1.1 * quarters.min()
    thinned_once = curve_of(np.random.default_rng(0).normal(size=1424), [100], MOST_POINTS)[:, 0]
    assert (thinned_once <= 1024).sum() == 512 and (thinned_once > 1024).sum() == 200


def test_a_peak_of_one_step_survives_a_million() -> None:
    values = np.zeros(1_000_000)
    values[123_456] = 7
    points = curve_of(values, [10_000], MOST_POINTS)
    assert points[points[:, 1] == 7].tolist() == [[123_457, 7]]


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_neither_warns_nor_hides_the_rest(odd: float) -> None:
    values = np.ones(200)
    values[50] = odd
    y = curve_of(values, [7])[:, 1]
    assert y.min() == 1 and (np.isnan(odd) or np.isinf(y).any())
    assert np.isnan(curve_of(np.full(200, odd), [7])[:, 1]).all() == np.isnan(odd)


def test_quantities_are_thinned_out_each_by_itself() -> None:
    both, random = Curves(2, 16), np.random.default_rng(0).normal(size=(2, 500))
    for start in range(0, 500, 7):
        part = random[:, start : start + 7]
        both.extend(np.arange(start, start + part.shape[1]) + 1, part)
    for values, points in zip(random, both.points, strict=True):
        np.testing.assert_array_equal(points, curve_of(values, [7]))
