"""Models: shapes as documented, gradients equal to autograd's, PyTorch's layers matched weight by weight."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib import loops, models
from rnnlib.cells import CELLS
from rnnlib.models import LanguageModel, RNNModel, parts

V = 7
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
shapes = {"T": st.integers(1, 8), "B": st.integers(1, 4), "H": st.integers(1, 9), "seed": st.integers(0, 99)}


def scratch_model(cell: str, H: int, seed: int) -> LanguageModel:
    return LanguageModel(
        cell, vocab_size=V, hidden_size=H, generator=torch.Generator().manual_seed(seed)
    ).double()  # fmt: skip


def concise_twin(model: LanguageModel) -> RNNModel:
    """The same weights in PyTorch's layer."""
    H, V, weights = model.hidden_size, model.vocab_size, model.weights
    twin = RNNModel(LAYERS[model.cell.name](V, H), V).double()
    with torch.no_grad():
        twin.rnn.weight_ih_l0.copy_(weights.W_xh.mT.reshape(-1, V))
        twin.rnn.weight_hh_l0.copy_(weights.W_hh.mT.reshape(-1, H))
        twin.rnn.bias_ih_l0.copy_(weights.b_h.reshape(-1))
        twin.output.weight.copy_(weights.W_hq.mT)
        twin.output.bias.copy_(weights.b_q)
    return twin


def random_tokens(T: int, B: int, seed: int) -> tuple[Tensor, Tensor]:
    tokens = torch.randint(V, (T + 1, B), generator=torch.Generator().manual_seed(seed))
    return tokens[:-1], tokens[1:]


@pytest.mark.parametrize("cell", CELLS)
@given(**shapes)
def test_scratch_and_concise_models_agree_in_logits_state_loss_and_gradients(
    cell: str, T: int, B: int, H: int, seed: int
) -> None:
    ours = scratch_model(cell, H, seed)
    theirs = concise_twin(ours)
    tokens, targets = random_tokens(T, B, seed)
    logits, state = ours(tokens, ours.initial_state(B))
    expected_logits, expected_state = theirs(tokens, theirs.initial_state(B))
    torch.testing.assert_close(logits, expected_logits)
    for part, expected in zip(parts(state), parts(expected_state), strict=True):
        torch.testing.assert_close(part, expected[0])

    by_hand = ours.backpropagate(tokens, targets, ours.initial_state(B))
    by_autograd = theirs.backpropagate(tokens, targets, theirs.initial_state(B))
    torch.testing.assert_close(by_hand.loss, by_autograd.loss)
    mine = ours.named(by_hand.gradients[0])
    transposed = [
        mine.W_xh.mT.reshape(-1, V),
        mine.W_hh.mT.reshape(-1, H),
        mine.b_h.reshape(-1),
        mine.W_hq.mT,
        mine.b_q,
    ]
    for gradient, expected in zip(transposed, by_autograd.gradients, strict=True):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("cell", CELLS)
@given(**shapes)
def test_backpropagation_by_hand_equals_autograd_through_the_model(
    cell: str, T: int, B: int, H: int, seed: int
) -> None:
    model = scratch_model(cell, H, seed)
    tokens, targets = random_tokens(T, B, seed)
    _, carried = model(tokens, model.initial_state(B))
    state = tuple(part.detach() for part in carried) if isinstance(carried, tuple) else carried.detach()
    logits, _ = model(tokens, state)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    (expected,) = torch.autograd.grad(loss, model.trainable)
    by_hand = model.backpropagate_by_hand(tokens, targets, state)
    fastest = model.backpropagate(tokens, targets, state)
    for found in (by_hand, fastest):
        torch.testing.assert_close(found.gradients[0], expected)
        torch.testing.assert_close(found.loss, loss.detach())
    for part, other in zip(parts(by_hand.state), parts(fastest.state), strict=True):
        torch.testing.assert_close(part, other)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("B", [1, 8, 19])
def test_threads_that_share_a_batch_find_the_gradient_of_one(cell: str, B: int, monkeypatch) -> None:
    monkeypatch.setattr(models, "CPU_THREADS", 3)
    model = scratch_model(cell, 192, 0)
    tokens, targets = random_tokens(5, B, 0)
    shared = model.backpropagate_by_hand(tokens, targets, model.initial_state(B))
    shared_gradient, pieces = shared.gradients[0].clone(), len(shared.hidden)
    monkeypatch.setattr(models, "SMALLEST_HIDDEN_SIZE_FOR_THREADS", 1000)
    alone = model.backpropagate_by_hand(tokens, targets, model.initial_state(B))
    assert pieces == {1: 1, 8: 1, 19: 3}[B] and len(alone.hidden) == 1
    torch.testing.assert_close(shared_gradient, alone.gradients[0])
    torch.testing.assert_close(shared.loss, alone.loss)
    for part, other in zip(parts(shared.state), parts(alone.state), strict=True):
        torch.testing.assert_close(part, other)


@pytest.mark.parametrize("cell", CELLS)
@given(**shapes)
def test_what_a_gpu_does_gives_the_numbers_of_the_cpu(cell: str, T: int, B: int, H: int, seed: int) -> None:
    model = scratch_model(cell, H, seed)
    tokens, targets = random_tokens(T, B, seed)
    by_hand = model.backpropagate_by_hand(tokens, targets, model.initial_state(B))
    by_autograd = model.backpropagate_by_autograd(tokens, targets, model.initial_state(B))
    torch.testing.assert_close(by_autograd, by_hand)


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_compiled_for_one_size_serves_all(cell: str) -> None:
    models.compile_loops()
    functions = [loops.rnn_forward, loops.gru_backward, loops.lstm_backward, loops.multiply, models.learn_output]
    before = [len(function.signatures) for function in functions]
    for T, B, H in [(1, 1, 1), (6, 2, 9), (4, 20, 64)]:
        model = LanguageModel(cell, vocab_size=V, hidden_size=H)
        model.backpropagate(*random_tokens(T, B, 0), model.initial_state(B))
    assert [len(function.signatures) for function in functions] == before


@pytest.mark.parametrize("cell", CELLS)
def test_single_precision_is_as_exact_as_it_can_be(cell: str) -> None:
    double = scratch_model(cell, 40, 0)
    single = LanguageModel(cell, vocab_size=V, hidden_size=40)
    single.load_state_dict(double.state_dict())
    tokens, targets = random_tokens(35, 16, 0)
    expected = double.backpropagate(tokens, targets, double.initial_state(16))
    found = single.backpropagate(tokens, targets, single.initial_state(16))
    torch.testing.assert_close(found.loss.double(), expected.loss, rtol=1e-6, atol=0)
    error = torch.linalg.vector_norm(found.gradients[0].double() - expected.gradients[0])
    assert error < 1e-5 * torch.linalg.vector_norm(expected.gradients[0])


def test_tokens_of_another_vocabulary_are_refused() -> None:
    model = scratch_model("rnn", 4, 0)
    tokens, targets = random_tokens(5, 2, 0)
    for wrong in (tokens + V, tokens - V):
        for read, wanted in ((wrong, targets), (tokens, wrong)):
            with pytest.raises(ValueError, match=f"from 0 to {V - 1}, this model's vocabulary"):
                model.backpropagate(read, wanted, model.initial_state(2))
    with pytest.raises(ValueError, match="each token needs a target"):
        model.backpropagate(tokens, targets[1:], model.initial_state(2))


def test_a_graph_cannot_be_gone_through_twice() -> None:
    model = scratch_model("gru", 4, 0)
    logits, _ = model(random_tokens(3, 2, 0)[0], model.initial_state(2))
    logits.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="gone through before"):
        logits.sum().backward()


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_flow_through_a_state_that_was_not_cut(cell: str) -> None:
    model = scratch_model(cell, 5, 0)
    (first, _), (second, targets) = random_tokens(6, 2, 1), random_tokens(6, 2, 2)

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


def test_hidden_gradients_are_total_derivatives() -> None:
    model = scratch_model("rnn", 4, 0)
    tokens, targets = random_tokens(6, 2, 0)
    W_xh, W_hh, b_h, W_hq, b_q = model.weights
    h, hidden = model.initial_state(2), []
    for t in range(6):
        h = torch.tanh(W_xh[tokens[t]] + h @ W_hh + b_h)
        h.retain_grad()
        hidden.append(h)
    F.cross_entropy((torch.stack(hidden) @ W_hq + b_q).flatten(0, 1), targets.flatten()).backward()
    (found,) = model.backpropagate(tokens, targets, model.initial_state(2)).hidden_gradients
    torch.testing.assert_close(found, torch.stack([h.grad for h in hidden]))


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (1, True), (3, False), (2, True)])
def test_rnn_model_shapes_are_those_of_the_source(
    layer: type[nn.RNNBase], num_layers: int, bidirectional: bool
) -> None:
    model = RNNModel(layer(V, 5, num_layers, bidirectional=bidirectional), V)
    state = model.initial_state(4)
    assert isinstance(state, tuple) == (layer is nn.LSTM)
    assert all(part.shape == (num_layers * (1 + bidirectional), 4, 5) for part in parts(state))
    tokens, targets = random_tokens(6, 4, 0)
    logits, new_state = model(tokens, state)
    assert logits.shape == (6, 4, V)
    assert all(part.shape == old.shape for part, old in zip(parts(new_state), parts(state), strict=True))
    assert len(model.backpropagate(tokens, targets, state).gradients) == len(model.trainable)


@pytest.mark.parametrize("cell", CELLS)
def test_weights_have_the_documented_shapes_and_the_scale_of_pytorchs(cell: str) -> None:
    model = LanguageModel(cell, vocab_size=V, hidden_size=100)
    blocks = {"rnn": (), "gru": (3,), "lstm": (4,)}[cell]
    assert [tuple(weight.shape) for weight in model.weights] == [
        (*blocks, V, 100), (*blocks, 100, 100), (*blocks, 100), (100, V), (V,)
    ]  # fmt: skip
    assert 0.098 < float(model.vector.detach().abs().max()) < 0.1001
    assert sum(weight.numel() for weight in model.weights) == model.vector.numel()


def test_the_number_of_parameters_equals_pytorchs_less_its_second_bias() -> None:
    for cell, layer in LAYERS.items():
        theirs = RNNModel(layer(V, 6), V)
        assert LanguageModel(cell, vocab_size=V, hidden_size=6).vector.numel() == sum(
            p.numel() for p in theirs.trainable
        )


def test_backpropagation_leaves_torchs_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    model = LanguageModel(vocab_size=V, hidden_size=4)
    model.backpropagate(*random_tokens(3, 2, 0), model.initial_state(2))
    assert torch.get_num_threads() == before


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
    tokens, targets = random_tokens(3, 20, 0)
    for rows in (1, 19, 21):
        with pytest.raises(ValueError, match=r"the state must be as from initial_state\(20\)"):
            model.backpropagate(tokens, targets, model.initial_state(rows))
