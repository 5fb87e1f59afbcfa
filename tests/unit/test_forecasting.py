"""Predicting a series: windows are what stands in it, the network is an RNN, and training it disturbs nothing else."""

import pytest
import torch

from rnnlib.topics import forecasting


def test_windows_and_what_comes_after_them_are_those_of_the_series() -> None:
    series = torch.arange(20.0) ** 2
    past, future = forecasting.windows(series, 5, (1, 7))
    assert past.shape == (9, 5) and future.shape == (9, 2)
    for row in range(9):
        assert past[row].tolist() == [float(value**2) for value in range(row, row + 5)]
        assert future[row].tolist() == [float((row + 5) ** 2), float((row + 11) ** 2)]


def test_a_series_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="need 12 values; the series has 11"):
        forecasting.windows(torch.zeros(11), 5, (1, 7))


def test_a_forecaster_predicts_what_a_layer_of_pytorch_with_its_weights_does() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = ((1, 6), (6, 6), (6,), (6, 3), (3,))
    network = forecasting.Forecaster(*(torch.randn(size, generator=generator) for size in sizes))
    layer = torch.nn.RNN(1, 6)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(network.W_xh.T)
        layer.weight_hh_l0.copy_(network.W_hh.T)
        layer.bias_ih_l0.copy_(network.b_h)
        layer.bias_hh_l0.zero_()
        past = torch.randn(4, 9, generator=generator)
        _, h = layer(past.T[..., None])
    torch.testing.assert_close(network.predict(past), h[0] @ network.W_hq + network.b_q)


def test_training_finds_a_rule_and_takes_its_random_numbers_from_its_generator() -> None:
    past = 0.3 * torch.randn(200, 4, generator=torch.Generator().manual_seed(1))
    future = past[:, :1] + 0.5 * past[:, 2:3]  # the first value has to be kept for three steps
    before = torch.get_rng_state()
    options = {"hidden_size": 8, "steps": 600}
    one, other = (
        forecasting.train_forecaster(past, future, **options, generator=torch.Generator().manual_seed(2))
        for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    assert not any(weights.requires_grad for weights in one)
    assert (one.predict(past) - future).square().mean() < 0.2 * future.square().mean()
