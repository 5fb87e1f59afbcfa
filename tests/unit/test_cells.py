"""Cells: their steps are PyTorch's, and their hand-derived way back is what autograd and finite differences find."""

import pytest
import torch
from factories import LAYERS
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlib.cells import CELLS, Cell, State, unroll

sizes = {"T": st.integers(1, 9), "B": st.integers(1, 4), "H": st.integers(1, 6), "seed": st.integers(0, 99)}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def random_inputs(cell: Cell, T: int, B: int, H: int, seed: int) -> tuple[Tensor, Tensor, State, Tensor]:
    """x_in, W_hh, the initial state, and dL/dh_t from outside; float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    state = tuple(draw(B, H) for _ in range(cell.state_size))
    return draw(*cell.gates, T, B, H), draw(*cell.gates, H, H) / H**0.5, state, draw(T, B, H)


@cells
@given(**sizes)
@example(T=1, B=1, H=1, seed=0)
def test_the_way_back_equals_autograds(cell: Cell, T: int, B: int, H: int, seed: int) -> None:
    x_in, W_hh, state, direct = random_inputs(cell, T, B, H, seed)
    leaves = [tensor.clone().requires_grad_() for tensor in (x_in, W_hh, *state)]
    hidden = [h for h, *_ in unroll(cell, leaves[0], tuple(leaves[2:]), leaves[1])[1:]]
    loss = (torch.stack(hidden) * direct).sum()
    dx_in, dW_hh, *rest = torch.autograd.grad(loss, [*leaves, *hidden])
    d_state, d_hidden = tuple(rest[: cell.state_size]), torch.stack(rest[cell.state_size :])

    found = cell.backward(x_in, unroll(cell, x_in, state, W_hh), W_hh, direct)
    torch.testing.assert_close(tuple(found), (dx_in, dW_hh, d_hidden, d_state))


@cells
def test_the_way_back_equals_finite_differences(cell: Cell) -> None:
    x_in, W_hh, state, direct = random_inputs(cell, T=5, B=2, H=3, seed=3)

    def loss(x_in: Tensor, W_hh: Tensor, *state: Tensor) -> Tensor:
        return (torch.stack([h for h, *_ in unroll(cell, x_in, state, W_hh)[1:]]) * direct).sum()

    inputs = [x_in, W_hh, *state]
    back = cell.backward(x_in, unroll(cell, x_in, state, W_hh), W_hh, direct)
    for place, gradient in enumerate([back.x_in, back.W_hh, *back.initial_state]):
        for index in range(0, gradient.numel(), max(1, gradient.numel() // 7)):
            nudge = torch.zeros_like(gradient).flatten()
            nudge[index] = 1e-6
            ahead, behind = (
                loss(*inputs[:place], inputs[place] + sign * nudge.view_as(gradient), *inputs[place + 1 :])
                for sign in (1, -1)
            )
            assert abs(float((ahead - behind) / 2e-6 - gradient.flatten()[index])) < 1e-7


@cells
@given(**sizes)
def test_steps_equal_those_of_pytorchs_layer(cell: Cell, T: int, B: int, H: int, seed: int) -> None:
    _, W_hh, state, _ = random_inputs(cell, T, B, H, seed)
    layer = LAYERS[cell.name](3, H).double()
    nn.init.zeros_(layer.bias_hh_l0)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(W_hh.mT.reshape(-1, H))
    W_xh = layer.weight_ih_l0.detach().view(*cell.gates, H, 3).mT
    b_h = layer.bias_ih_l0.detach().view(*cell.gates, 1, 1, H)
    x = torch.randn(T, B, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    states = unroll(cell, (x.flatten(0, 1) @ W_xh).unflatten(-2, (T, B)) + b_h, state, W_hh)
    initial = tuple(part[None] for part in state)
    hidden, last = layer(x, initial if cell.state_size == 2 else initial[0])
    torch.testing.assert_close(torch.stack([h for h, *_ in states[1:]]), hidden.detach())
    last = last if cell.state_size == 2 else (last,)
    torch.testing.assert_close(states[-1], tuple(part[0].detach() for part in last))


@cells
def test_a_state_is_always_a_tuple(cell: Cell) -> None:
    x_in, W_hh, state, _ = random_inputs(cell, T=3, B=2, H=4, seed=0)
    states = unroll(cell, x_in, state, W_hh)
    assert len(states) == 4
    assert all(isinstance(each, tuple) and len(each) == cell.state_size for each in states)
    assert all(part.shape == (2, 4) for each in states for part in each)
