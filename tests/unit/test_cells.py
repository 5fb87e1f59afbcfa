"""Cells: forward and backward over a sequence equal autograd over the definition, and PyTorch's layers."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlib import loops
from rnnlib.cells import CELLS, Cell, Way, Workspace

shapes = {"T": st.integers(1, 9), "B": st.integers(1, 4), "H": st.integers(1, 6), "seed": st.integers(0, 99)}
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def random_inputs(cell: Cell, T: int, B: int, H: int, seed: int) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """Pre-activations, W_hh, initial state (one or two parts), and dL/dh_t from outside; float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    state = [draw(B, H) for _ in range(1 + cell.has_cell)]
    return draw(*cell.blocks, T, B, H), draw(*cell.blocks, H, H) / H**0.5, state, draw(T, B, H)


def forward(cell: Cell, shares: Tensor, state: list[Tensor], W_hh: Tensor, workspace: Workspace | None = None) -> Way:
    """The cell's forward pass, over copies."""
    parts = [part.numpy().copy() for part in state]
    initial = tuple(parts) if cell.has_cell else parts[0]
    return cell.forward(shares.numpy().copy(), initial, W_hh.numpy(), workspace or Workspace())


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@given(**shapes)
@example(T=2, B=3, H=21, seed=0)  # more units than a tile of loops.multiply has, and not a multiple of it
def test_forward_and_backward_equal_autograd_over_steps(cell: Cell, T: int, B: int, H: int, seed: int) -> None:
    shares, W_hh, state, direct = random_inputs(cell, T, B, H, seed)
    leaves = [tensor.clone().requires_grad_() for tensor in (shares, W_hh, *state)]
    current = tuple(leaves[2:]) if cell.has_cell else leaves[2]
    hidden = []
    for t in range(T):
        current = cell.step(leaves[0][..., t, :, :], current, leaves[1])
        hidden.append(current[0] if cell.has_cell else current)
        hidden[-1].retain_grad()
    torch.stack(hidden).mul(direct).sum().backward()

    way = forward(cell, shares, state, W_hh)
    torch.testing.assert_close(torch.as_tensor(way.hidden[1:]), torch.stack(hidden).detach())
    back = cell.backward(way, direct.numpy().copy(), W_hh.numpy())
    expected = [leaves[0].grad, leaves[1].grad, torch.stack([h.grad for h in hidden]), leaves[2].grad]
    found = [back.inputs, back.W_hh, back.hidden, back.initial_hidden]
    if cell.has_cell:
        expected.append(leaves[3].grad)
        found.append(back.initial_cell)
    for ours, autograds in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.as_tensor(ours), autograds)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@given(**shapes)
def test_forward_equals_pytorchs_layer_with_the_same_weights(cell: Cell, T: int, B: int, H: int, seed: int) -> None:
    _, W_hh, state, _ = random_inputs(cell, T, B, H, seed)
    layer = LAYERS[cell.name](3, H, bias=True).double()
    nn.init.zeros_(layer.bias_hh_l0)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(W_hh.mT.reshape(-1, H))
    W_xh = layer.weight_ih_l0.detach().view(*cell.blocks, H, 3).mT
    b_h = layer.bias_ih_l0.detach().view(*cell.blocks, 1, 1, H)
    x = torch.randn(T, B, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    shares = (x.flatten(0, 1) @ W_xh).unflatten(-2, (T, B)) + b_h
    initial = tuple(part[None] for part in state) if cell.has_cell else state[0][None]
    expected, _ = layer(x, initial)
    way = forward(cell, shares, state, W_hh)
    torch.testing.assert_close(torch.as_tensor(way.hidden[1:]), expected.detach())


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_backward_equals_finite_differences(cell: Cell) -> None:
    shares, W_hh, state, direct = random_inputs(cell, T=5, B=2, H=3, seed=3)

    def loss(weights: Tensor) -> float:
        return float((forward(cell, shares, state, weights).hidden[1:] * direct.numpy()).sum())

    gradient = cell.backward(forward(cell, shares, state, W_hh), direct.numpy().copy(), W_hh.numpy()).W_hh
    for index in [(0, 0), (1, 2), (2, 1)]:
        place = (*[0 for _ in cell.blocks], *index)
        nudge = torch.zeros_like(W_hh)
        nudge[place] = 1e-6
        difference = (loss(W_hh + nudge) - loss(W_hh - nudge)) / 2e-6
        assert abs(difference - float(gradient[place])) < 1e-7


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_a_workspace_used_again_changes_nothing(seed: int) -> None:
    for cell in CELLS.values():
        workspace = Workspace()
        for T, B, H in [(6, 2, 4), (6, 2, 4), (3, 1, 5)]:
            shares, W_hh, state, _ = random_inputs(cell, T, B, H, seed)
            again = forward(cell, shares, state, W_hh, workspace).hidden
            assert np.array_equal(again, forward(cell, shares, state, W_hh).hidden)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_what_does_not_fit_is_refused_before_a_loop_reads_beyond_it(cell: Cell) -> None:
    shares, W_hh, state, direct = random_inputs(cell, T=4, B=2, H=3, seed=0)
    for wrong_W_hh, wrong_state in ((W_hh[..., :2], state), (W_hh, [part[:1] for part in state])):
        with pytest.raises(ValueError, match="must be a NumPy array of shape"):
            forward(cell, shares, wrong_state, wrong_W_hh)
    with pytest.raises(ValueError, match="it is a Tensor"):
        cell.forward(shares, state[0], W_hh, Workspace())
    way = forward(cell, shares, state, W_hh)
    with pytest.raises(ValueError, match=r"direct must be a NumPy array of shape \(4, 2, 3\)"):
        cell.backward(way, direct.repeat(2, 1, 1).numpy(), W_hh.numpy())
    if cell.has_cell:
        with pytest.raises(ValueError, match=r"direct_cell must be a NumPy array of shape \(2, 3\)"):
            cell.backward(way, direct.numpy(), W_hh.numpy(), direct[0, :1].numpy())


def test_tanh_and_sigmoid_are_those_of_mathematics_in_both_precisions() -> None:
    for dtype, tolerance in ((np.float32, 3e-7), (np.float64, 1e-15)):
        a = np.concatenate([np.linspace(-20, 20, 20001), np.geomspace(1e-30, 1, 2001)]).astype(dtype)
        tanh, sigmoid = np.empty_like(a), np.empty_like(a)
        squash(a, tanh, sigmoid)
        exact = a.astype(np.float64)
        np.testing.assert_allclose(tanh, np.tanh(exact), rtol=tolerance, atol=0)
        np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-exact)), rtol=0, atol=tolerance)
        assert abs(tanh).max() == 1


def test_what_is_not_a_number_or_infinite_is_not_hidden() -> None:
    for dtype in (np.float32, np.float64):
        a = np.array([np.nan, np.inf, -np.inf], dtype)
        tanh, sigmoid = np.empty_like(a), np.empty_like(a)
        squash(a, tanh, sigmoid)
        np.testing.assert_equal(tanh, [np.nan, 1, -1])
        np.testing.assert_equal(sigmoid, [np.nan, 1, 0])


@numba.njit
def squash(a, tanh_a, sigmoid_a):
    """tanh and sigmoid of every number, as the compiled loops compute them."""
    for place in range(len(a)):
        tanh_a[place], sigmoid_a[place] = loops.tanh(a[place]), loops.sigmoid(a[place])
