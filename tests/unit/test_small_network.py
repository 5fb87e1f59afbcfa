"""The small network's numbers are those of PyTorch, forward and backward."""

import numpy as np
import pytest
import torch

from rnnlib.topics.small_network import SmallNetwork, example_network, walk


def random_case(T: int, seed: int) -> tuple[SmallNetwork, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    shapes = [(3, 4), (4, 4), (4,), (4, 2), (2,)]
    return SmallNetwork(*(draw(size=shape) for shape in shapes)), draw(size=(T, 3)), draw(size=(T, 2))


@pytest.mark.parametrize("T", [1, 2, 5])
def test_every_number_equals_autograds_in_float64(T: int) -> None:
    network, x, y = random_case(T, seed=T)
    W_xh, W_hh, b_h, W_hq, b_q = (torch.tensor(part, requires_grad=True) for part in vars(network).values())
    h, hidden, outputs, loss = torch.zeros(4, dtype=torch.float64), [], [], torch.zeros((), dtype=torch.float64)
    for x_t, y_t in zip(torch.tensor(x), torch.tensor(y), strict=True):
        h = torch.tanh(x_t @ W_xh + h @ W_hh + b_h)
        h.retain_grad()
        hidden.append(h)
        outputs.append(h @ W_hq + b_q)
        loss = loss + 0.5 * ((outputs[-1] - y_t) ** 2).sum()
    loss.backward()
    found = walk(network, x, y)
    np.testing.assert_allclose(found.h[1:], torch.stack(hidden).detach(), atol=1e-12)
    np.testing.assert_allclose(found.o, torch.stack(outputs).detach(), atol=1e-12)
    np.testing.assert_allclose(found.losses.sum(), loss.item(), atol=1e-12)
    np.testing.assert_allclose(found.total, torch.stack([h.grad for h in hidden]), atol=1e-12)
    np.testing.assert_allclose(found.dW_hh, W_hh.grad, atol=1e-12)
    np.testing.assert_allclose(found.da.sum(0), b_h.grad, atol=1e-12)
    np.testing.assert_allclose(np.tanh(found.a), found.h[1:], atol=1e-12)


def test_direct_and_later_are_the_two_halves_of_the_chain() -> None:
    network, x, y = random_case(4, seed=9)
    found = walk(network, x, y)
    np.testing.assert_allclose(found.direct, found.do @ network.W_hq.T, atol=1e-12)
    np.testing.assert_allclose(found.later[:-1], found.da[1:] @ network.W_hh.T, atol=1e-12)
    np.testing.assert_allclose(found.later[-1], 0, atol=1e-12)


def test_wrong_shapes_are_named_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"x must be \(T, 3\) and y \(T, 2\)"):
        walk(example_network(), np.ones((2, 4)), np.ones((2, 2)))
