"""Cells: forward and backward over a sequence equal autograd over the definition, and PyTorch's layers."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlib.cells import CELLS, Cell, Workspace, in_columns

shapes = {"T": st.integers(1, 9), "B": st.integers(1, 4), "H": st.integers(1, 6), "seed": st.integers(0, 99)}
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def random_inputs(cell: Cell, T: int, B: int, H: int, seed: int) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """Pre-activations, W_hh, initial state (one or two parts), and dL/dh_t from outside; float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    state = [draw(B, H) for _ in range(1 + cell.has_cell)]
    return draw(*cell.blocks, T, B, H), draw(*cell.blocks, H, H) / H**0.5, state, draw(T, B, H)


def in_library(tensor: Tensor, library: str):
    """A copy, as a torch tensor or as a NumPy array."""
    return tensor.detach().clone() if library == "torch" else tensor.detach().numpy().copy()


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@given(**shapes)
@example(T=3, B=16, H=256, seed=0)  # W_hh in two pieces
@example(T=2, B=33, H=258, seed=1)  # an odd number of columns in each
def test_forward_and_backward_equal_autograd_over_steps(
    cell: Cell, library: str, T: int, B: int, H: int, seed: int
) -> None:
    shares, W_hh, state, direct = random_inputs(cell, T, B, H, seed)
    leaves = [tensor.clone().requires_grad_() for tensor in (shares, W_hh, *state)]
    current = tuple(leaves[2:]) if cell.has_cell else leaves[2]
    hidden = []
    for t in range(T):
        current = cell.step(leaves[0][..., t, :, :], current, leaves[1])
        hidden.append(current[0] if cell.has_cell else current)
        hidden[-1].retain_grad()
    torch.stack(hidden).mul(direct).sum().backward()

    parts = [in_library(part, library) for part in state]
    way = cell.forward(
        in_library(shares, library), tuple(parts) if cell.has_cell else parts[0], in_library(W_hh, library), Workspace()
    )
    torch.testing.assert_close(torch.as_tensor(way.hidden[1:]), torch.stack(hidden).detach())
    back = cell.backward(way, in_library(direct, library), in_library(W_hh, library))
    expected = [leaves[0].grad, leaves[1].grad, torch.stack([h.grad for h in hidden]), leaves[2].grad]
    found = [back.inputs, back.W_hh, back.hidden, back.initial_hidden]
    if cell.has_cell:
        expected.append(leaves[3].grad)
        found.append(back.initial_cell)
    for ours, autograds in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.as_tensor(ours), autograds)


def test_only_what_numpy_multiplies_and_is_large_is_divided_into_columns() -> None:
    W_hh = torch.randn(3, 256, 256)
    left, right = in_columns(W_hh.numpy(), B=16)
    assert (left == W_hh[..., :128].numpy()).all() and (right == W_hh[..., 128:].numpy()).all()
    assert in_columns(W_hh.numpy(), B=15).shape == in_columns(W_hh, B=16).shape == W_hh.shape
    assert in_columns(W_hh[:, :, :255].numpy(), B=16).shape == (3, 256, 255)  # nothing that divides it


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
    way = cell.forward(shares, tuple(state) if cell.has_cell else state[0], W_hh, Workspace())
    torch.testing.assert_close(way.hidden[1:], expected.detach())


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_backward_equals_finite_differences(cell: Cell) -> None:
    shares, W_hh, state, direct = random_inputs(cell, T=5, B=2, H=3, seed=3)

    def loss(weights: Tensor) -> float:
        initial = tuple(state) if cell.has_cell else state[0]
        return float((cell.forward(shares.clone(), initial, weights, Workspace()).hidden[1:] * direct).sum())

    way = cell.forward(shares.clone(), tuple(state) if cell.has_cell else state[0], W_hh, Workspace())
    gradient = cell.backward(way, direct.clone(), W_hh).W_hh
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
            initial = tuple(state) if cell.has_cell else state[0]
            again = cell.forward(shares.clone(), initial, W_hh, workspace).hidden
            fresh = cell.forward(shares.clone(), initial, W_hh, Workspace()).hidden
            assert torch.equal(again, fresh)
