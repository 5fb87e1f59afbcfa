"""Models: shapes as documented, gradients equal to autograd's, PyTorch's layers matched weight by weight."""

import math

import numpy as np
import pytest
import torch
from factories import LAYERS, concise_twin, random_model, random_state, random_tokens
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.cells import CELLS
from rnnlib.models import LanguageModel, RNNModel, detach, embed, embed_backward, softmax_cross_entropy

V = 7
sizes = {"T": st.integers(1, 8), "B": st.integers(1, 4), "H": st.integers(1, 9), "seed": st.integers(0, 99)}


# ------------------------------------------------------------------- between tokens and hidden states


@given(**sizes)
def test_softmax_and_cross_entropy_and_their_gradient_are_autograds(T: int, B: int, H: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(T, B, H, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(H, (T, B), generator=generator)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss, d_logits = softmax_cross_entropy(logits.detach(), targets)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(d_logits, torch.autograd.grad(expected, logits)[0])


def test_equal_logits_are_a_fair_die_and_huge_ones_are_no_trouble() -> None:
    loss, d_logits = softmax_cross_entropy(torch.zeros(2, 1, 4), torch.tensor([[0], [3]]))
    assert math.isclose(float(loss), math.log(4), rel_tol=1e-6)
    torch.testing.assert_close(d_logits[0, 0], torch.tensor([-0.75, 0.25, 0.25, 0.25]) / 2)
    loss, d_logits = softmax_cross_entropy(torch.tensor([[[1e30, 0.0]]]), torch.tensor([[0]]))
    assert float(loss) == 0 and not d_logits.any()


@pytest.mark.parametrize("gates", [(), (3,), (4,)])
def test_embedding_is_a_product_with_one_hot_vectors(gates: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(V, (5, 3), generator=generator)
    W_xh, b_h, d_out = (
        torch.randn(*gates, *shape, generator=generator, dtype=torch.float64) for shape in ((V, 2), (2,), (5, 3, 2))
    )
    W_xh.requires_grad_()
    b_h.requires_grad_()
    x = F.one_hot(tokens, V).double().flatten(0, 1)
    expected = (x @ W_xh).unflatten(-2, (5, 3)) + b_h[..., None, None, :]
    torch.testing.assert_close(embed(tokens, W_xh, b_h), expected)
    found = embed_backward(tokens, d_out, V)
    torch.testing.assert_close(found, torch.autograd.grad(expected, (W_xh, b_h), d_out))


# ---------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("cell", CELLS)
@given(**sizes)
def test_scratch_and_concise_models_agree_in_logits_state_loss_and_gradients(
    cell: str, T: int, B: int, H: int, seed: int
) -> None:
    ours = random_model(cell, hidden_size=H, seed=seed)
    theirs = concise_twin(ours)
    tokens, targets = random_tokens(T, B, seed=seed)
    logits, state = ours(tokens, ours.initial_state(B))
    expected_logits, expected_state = theirs(tokens, theirs.initial_state(B))
    torch.testing.assert_close(logits, expected_logits)
    torch.testing.assert_close(state, tuple(part[0] for part in expected_state))

    by_hand = ours.backpropagate(tokens, targets, ours.initial_state(B))
    by_autograd = theirs.backpropagate(tokens, targets, theirs.initial_state(B))
    torch.testing.assert_close(by_hand.loss, by_autograd.loss)
    mine = ours.named(by_hand.gradients[0])
    transposed = [
        mine.W_xh.mT.reshape(-1, V), mine.W_hh.mT.reshape(-1, H), mine.b_h.reshape(-1), mine.W_hq.mT, mine.b_q
    ]  # fmt: skip
    torch.testing.assert_close(transposed, by_autograd.gradients)


@pytest.mark.parametrize("cell", CELLS)
@given(**sizes)
@example(T=1, B=1, H=1, seed=0)
def test_backpropagation_by_hand_equals_autograd_through_the_model(
    cell: str, T: int, B: int, H: int, seed: int
) -> None:
    model = random_model(cell, hidden_size=H, seed=seed)
    tokens, targets = random_tokens(T, B, seed=seed)
    state = random_state(model, B, seed=seed)
    logits, last = model(tokens, state)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    (expected,) = torch.autograd.grad(loss, model.trainable)
    found = model.backpropagate(tokens, targets, state)
    torch.testing.assert_close(found.gradients[0], expected)
    torch.testing.assert_close(found.loss, loss.detach())
    torch.testing.assert_close(found.state, detach(last))
    torch.testing.assert_close(found.hidden, model.hidden_states(tokens, state)[0].detach())


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_flow_through_a_state_that_was_not_detached(cell: str) -> None:
    model = random_model(cell)
    (first, _), (second, targets) = random_tokens(6, 2, seed=1), random_tokens(6, 2, seed=2)

    def loss(whole: bool) -> Tensor:
        if whole:
            logits, _ = model(torch.cat([first, second]), model.initial_state(2))
            logits = logits[len(first) :]
        else:
            _, state = model(first, model.initial_state(2))
            logits, _ = model(second, state)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    in_one, in_two = (torch.autograd.grad(loss(whole), model.trainable)[0] for whole in (True, False))
    torch.testing.assert_close(in_two, in_one)


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_keeps_nothing_between_two_calls(cell: str) -> None:
    model = random_model(cell)
    tokens, targets = random_tokens(6, 2)
    before = dict(vars(model))
    first = model.backpropagate(tokens, targets, model.initial_state(2))
    kept = [tensor.clone() for tensor in (*first.gradients, *first.state, first.hidden, first.hidden_gradients)]
    model.backpropagate(*random_tokens(6, 2, seed=1), random_state(model, 2))
    now = [*first.gradients, *first.state, first.hidden, first.hidden_gradients]
    assert all(torch.equal(old, new) for old, new in zip(kept, now, strict=True))
    assert vars(model) == before


# ------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (1, True), (3, False), (2, True)])
def test_rnn_model_shapes_are_those_of_the_source(
    layer: type[nn.RNNBase], num_layers: int, bidirectional: bool
) -> None:
    model = RNNModel(layer(V, 5, num_layers, bidirectional=bidirectional), V)
    state = model.initial_state(4)
    assert len(state) == (2 if layer is nn.LSTM else 1)
    assert all(part.shape == (num_layers * (1 + bidirectional), 4, 5) for part in state)
    tokens, targets = random_tokens(6, 4)
    logits, new_state = model(tokens, state)
    assert logits.shape == (6, 4, V)
    assert [part.shape for part in new_state] == [part.shape for part in state]
    assert len(model.backpropagate(tokens, targets, state).gradients) == len(model.trainable)


@pytest.mark.parametrize("cell", CELLS)
def test_weights_have_the_documented_shapes_and_the_scale_of_pytorchs(cell: str) -> None:
    model = LanguageModel(cell, vocab_size=V, hidden_size=100)
    gates = {"rnn": (), "gru": (3,), "lstm": (4,)}[cell]
    assert [tuple(weight.shape) for weight in model.weights] == [
        (*gates, V, 100), (*gates, 100, 100), (*gates, 100), (100, V), (V,)
    ]  # fmt: skip
    assert 0.098 < float(model.vector.detach().abs().max()) < 0.1001
    assert sum(weight.numel() for weight in model.weights) == model.vector.numel()


def test_the_number_of_parameters_equals_pytorchs_less_its_second_bias() -> None:
    for cell, layer in LAYERS.items():
        theirs = RNNModel(layer(V, 6), V)
        assert LanguageModel(cell, vocab_size=V, hidden_size=6).vector.numel() == sum(
            p.numel() for p in theirs.trainable
        )


def test_a_hidden_size_may_be_a_number_of_numpys() -> None:
    assert LanguageModel(vocab_size=V, hidden_size=np.int64(5)).hidden_size == 5


@pytest.mark.parametrize("hidden_size", [0, -3, 5000, 64.5, "64"])
def test_a_hidden_size_that_cannot_be_is_refused(hidden_size: int) -> None:
    with pytest.raises(ValueError, match=f"the hidden size must be a whole number, 1 to 4096; it is {hidden_size!r}"):
        LanguageModel(vocab_size=V, hidden_size=hidden_size)


@pytest.mark.parametrize(
    "tokens", [torch.zeros(5, dtype=torch.int64), torch.zeros(0, 2, dtype=torch.int64), torch.zeros(5, 2)]
)
def test_tokens_of_another_shape_or_type_are_refused_with_the_way_out(tokens: Tensor) -> None:
    model = LanguageModel(vocab_size=V, hidden_size=4)
    with pytest.raises(ValueError, match=r"tokens must be int64 of shape \(T, B\)"):
        model(tokens, model.initial_state(2))


def test_unknown_cells_and_unfit_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="no cell 'transformer'; the cells are rnn, gru, lstm"):
        LanguageModel("transformer", vocab_size=V, hidden_size=4)
    with pytest.raises(ValueError, match="input_size=7 .* this one has input_size=3"):
        RNNModel(nn.RNN(3, 4), V)
    with pytest.raises(ValueError, match="batch_first=True"):
        RNNModel(nn.RNN(V, 4, batch_first=True), V)
    for layer in (nn.RNN(V, 4, nonlinearity="relu"), nn.GRU(V, 4, bias=False), nn.LSTM(V, 4, 2, dropout=0.5)):
        with pytest.raises(ValueError, match="with biases and tanh, without dropout and projections"):
            RNNModel(layer, V)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_for_another_batch_is_refused(cell: str) -> None:
    model = LanguageModel(cell, vocab_size=V, hidden_size=4)
    tokens, targets = random_tokens(3, 20)
    for rows in (1, 19, 21):
        for call in (model, model.hidden_states):
            with pytest.raises(ValueError, match=r"the state must be a tuple of tensors of the shapes .*\(20, 4\)"):
                call(tokens, model.initial_state(rows))
        with pytest.raises(ValueError, match=r"the state must be a tuple of tensors of the shapes .*\(20, 4\)"):
            model.backpropagate(tokens, targets, model.initial_state(rows))


def test_a_state_without_its_tuple_is_refused() -> None:
    model = LanguageModel(vocab_size=V, hidden_size=4)
    (h,) = model.initial_state(2)
    with pytest.raises(ValueError, match="as from initial_state; it is a Tensor"):
        model(random_tokens(3, 2)[0], h)


def test_tokens_of_another_vocabulary_are_refused() -> None:
    model = random_model("rnn")
    tokens, targets = random_tokens(5, 2)
    for wrong in (tokens + V, tokens - V):
        for given_tokens, given_targets in ((wrong, targets), (tokens, wrong)):
            with pytest.raises(ValueError, match=f"from 0 to {V - 1}, this model's vocabulary"):
                model.backpropagate(given_tokens, given_targets, model.initial_state(2))
    with pytest.raises(ValueError, match="each token needs a target"):
        model.backpropagate(tokens, targets[1:], model.initial_state(2))
