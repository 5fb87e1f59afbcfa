"""Clipping, SGD and Adam: those of the source and of PyTorch."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlib.optimizers import OPTIMIZERS, clip_by_norm, clip_by_value, global_norm, largest_component


def gradients_from(values: list[float]) -> list[Tensor]:
    """Two gradients of different shapes."""
    flat = torch.tensor(values, dtype=torch.float64)
    return [flat[:3].clone(), flat[3:].reshape(1, -1).clone()]


numbers = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=4, max_size=9).filter(
    lambda values: any(abs(v) > 1e-3 for v in values)
)


@given(values=numbers, threshold=st.floats(1e-3, 1e4))
def test_clipping_by_norm_equals_pytorchs_and_keeps_the_direction(values: list[float], threshold: float) -> None:
    ours, before = gradients_from(values), gradients_from(values)
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in before]
    for parameter, gradient in zip(parameters, before, strict=True):
        parameter.grad = gradient.clone()
    norm = nn.utils.clip_grad_norm_(parameters, threshold)
    torch.testing.assert_close(global_norm(ours), norm)
    clip_by_norm(ours, torch.tensor(threshold), global_norm(ours))
    for mine, parameter in zip(ours, parameters, strict=True):
        # theirs divides by norm + 1e-6; our threshold is a float32
        torch.testing.assert_close(mine, parameter.grad, rtol=2e-6 / float(norm) + 1e-7, atol=1e-12)
    a, b = torch.cat([g.flatten() for g in ours]), torch.cat([g.flatten() for g in before])
    assert float(a @ b / (a.norm() * b.norm())) > 1 - 1e-9


@given(values=numbers, threshold=st.floats(1e-3, 1e4))
def test_clipping_by_value_limits_every_component(values: list[float], threshold: float) -> None:
    ours = gradients_from(values)
    assert float(largest_component(ours)) == max(abs(value) for value in values)
    clip_by_value(ours, torch.tensor(threshold, dtype=torch.float64))
    torch.testing.assert_close(ours, gradients_from([min(max(value, -threshold), threshold) for value in values]))


def test_a_zero_gradient_stays_zero_and_no_threshold_changes_nothing() -> None:
    zeros = [torch.zeros(3)]
    clip_by_norm(zeros, torch.tensor(1.0), global_norm(zeros))
    assert torch.equal(zeros[0], torch.zeros(3))
    large, no_threshold = [torch.full((3,), 1e6)], torch.tensor(math.inf)
    clip_by_norm(large, no_threshold, global_norm(large))
    clip_by_value(large, no_threshold)
    assert torch.equal(large[0], torch.full((3,), 1e6))


@pytest.mark.parametrize(("name", "theirs"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_optimizers_are_pytorchs(name: str, theirs: type[torch.optim.Optimizer]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 2), (4,))]
    ours, parameters = [tensor.clone() for tensor in start], [nn.Parameter(tensor.clone()) for tensor in start]
    optimizer, reference = OPTIMIZERS[name](ours), theirs(parameters, lr=0.1)
    for _ in range(20):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        optimizer.update(ours, [parameter.grad.clone() for parameter in parameters], torch.tensor(0.1).double())
        reference.step()
        # ours counts its steps in single precision, on the device
        torch.testing.assert_close(ours, [parameter.detach() for parameter in parameters], rtol=1e-5, atol=1e-5)
