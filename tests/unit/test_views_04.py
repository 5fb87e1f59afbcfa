"""The views of notebook 04: the numbers behind the pictures, edge values, callbacks called directly."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.cells import LSTM
from rnnlib.models import LanguageModel, embed
from rnnlib.text import Corpus
from rnnlib.topics import small_cells
from rnnlib.topics.cliff import descend
from rnnlib.widgets import (
    Cliff,
    ClippedGradients,
    Gates,
    InsideGRU,
    InsideLSTM,
    JacobianProducts,
    StepTime,
    VanishingGradients,
    step_time,
)
from rnnlib.widgets.knob_view import KnobView

GATE_NAMES = {"lstm": ("LSTM: input gate", "LSTM: forget gate"), "gru": ("GRU: reset gate", "GRU: update gate")}


def shown(view: KnobView) -> tuple[bytes, str]:
    return view.png, view.text


def changes(view: KnobView, knob, value) -> bool:
    before = shown(view)
    knob.value = value
    return all(new != old for new, old in zip(shown(view), before, strict=True))


@pytest.mark.parametrize("kind", ["normal", "orthogonal", "identity"])
def test_the_matrix_has_the_spectral_radius_of_the_slider(kind: str) -> None:
    view = JacobianProducts()
    view.kind.value = kind
    view.radius.value = 0.6
    assert float(torch.linalg.eigvals(view.W_hh.double()).abs().max()) == pytest.approx(0.6, rel=1e-4)
    assert changes(view, view.radius, 1.5)


def test_every_knob_of_the_jacobian_view_changes_picture_and_words() -> None:
    view = JacobianProducts()
    assert changes(view, view.num_steps, 1) and changes(view, view.num_steps, 20)
    assert changes(view, view.activation, "sigmoid")
    view.radius.value = 0.5
    assert "it must vanish" in view.text
    assert changes(view, view.activation, "linear")


def test_the_cliff_shows_the_descents_of_the_library() -> None:
    view = Cliff()
    options = {"threshold": 1.0, "learning_rate": 0.05, "steps": 100}
    for name, kind in (("not clipped", "not"), ("by norm", "norm"), ("by value", "value")):
        np.testing.assert_array_equal(view.compute().ways[name], descend((4.45, -2.9), clip_by=kind, **options))
    assert changes(view, view.steps, 0) and view.compute().ways["by norm"].shape == (1, 2)
    assert changes(view, view.steps, 90) and changes(view, view.threshold, 2.0) and changes(view, view.w, 4.5)


def test_the_whole_descent_without_clipping_lies_in_the_picture() -> None:
    way = Cliff().compute().ways["not clipped"]
    assert ((way > (4.0, -3.1)) & (way < (5.3, -1.5))).all()


def test_more_descents_arrive_when_they_are_clipped() -> None:
    arrived = Cliff().compute().arrived
    assert arrived["by norm"] > arrived["by value"] > arrived["not clipped"] > 0


def test_a_gradient_of_two_components_is_shortened_and_turned_as_on_paper() -> None:
    view = ClippedGradients({"3, 4": torch.tensor([3.0, 4.0]), "0.3, 0.4": torch.tensor([0.3, 0.4])}, threshold=1.0)
    assert "5.00 long. By norm: 1.000 long, not turned. By value: 100.0% of the components are cut" in view.text
    assert f"{math.sqrt(2):.3f} long, turned by 8 degrees" in view.text
    assert changes(view, view.moment, "0.3, 0.4") and "0.0% of the components are cut, 0.500 long" in view.text


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=30).filter(lambda numbers: max(map(abs, numbers)) > 1e-3))
def test_by_norm_is_never_turned_and_by_value_never_by_more_than_a_right_angle(numbers: list[float]) -> None:
    found = ClippedGradients({"drawn": torch.tensor(numbers)}).compute()
    assert max(found.degrees["norm"]) < 1e-3 and max(found.degrees["value"]) < 90
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(found.lengths["value"]))


def test_a_gradient_of_zeros_is_refused() -> None:
    with pytest.raises(ValueError, match="every gradient must be finite and other than zero"):
        ClippedGradients({"none": torch.zeros(3)})


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_gates_are_those_of_a_step_by_step_pass(corpus: Corpus, cell: str) -> None:
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=5, generator=generator)
    text = corpus.vocab.decode(corpus.validation[:70])
    view = Gates([model], corpus.vocab, text)
    with torch.no_grad():
        W_xh, W_hh, b_h, *_ = model.weights
        x_in, state = embed(corpus.vocab.encode(text)[:, None], W_xh, b_h), model.initial_state(1)
        for t in range(len(text)):
            first_two = torch.sigmoid(x_in[:2, t] + state[0] @ W_hh[:2])[:, 0]  # i, f of an LSTM; r, z of a GRU
            for name, gate in zip(GATE_NAMES[cell], first_two, strict=True):
                np.testing.assert_allclose(view.values[name][t], gate, atol=1e-5)
            state = model.cell.step(x_in[:, t], state, W_hh)
    assert changes(view, view.unit, 4)
    assert changes(view, view.gate, "LSTM: input gate" if model.cell is LSTM else "GRU: reset gate")


def test_two_networks_share_the_buttons_of_their_gates(corpus: Corpus) -> None:
    models = [LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=3) for cell in ("lstm", "gru")]
    view = Gates(models, corpus.vocab, "the lamp")
    assert [name.split(":")[0] for name in view.gate.options] == ["LSTM"] * 3 + ["GRU"] * 2
    assert changes(view, view.gate, "GRU: update gate") and view.compute().shape == (8, 3)


def test_a_network_without_gates_is_refused(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="only GRU and LSTM have gates; this model's cell is rnn"):
        Gates([LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=2)], corpus.vocab, "the")


def test_the_time_for_a_token_is_measured_for_every_size() -> None:
    view = StepTime()
    for found in view.measured.values():
        assert all(len(times) == len(found.sizes) and min(times) > 0 for times in found.microseconds.values())
    assert all(T * B == 1024 for T, B in step_time.SIZES[step_time.TRADED])
    assert changes(view, view.axis, step_time.TRADED) and "from 4 to 1024" in view.text


# ----------------------------------------------------------------------------------------- inside cells


def layer_like(cell: small_cells.SmallCell, layer: torch.nn.RNNBase) -> torch.nn.RNNBase:
    """PyTorch's layer with the weights of a small cell."""
    with torch.no_grad():
        layer.weight_ih_l0.copy_(cell.W_xh.reshape(-1, 1))
        layer.weight_hh_l0.copy_(cell.W_hh.mT.reshape(-1, 2))
        layer.bias_ih_l0.copy_(cell.b_h.flatten())
        layer.bias_hh_l0.zero_()
    return layer


INPUTS = torch.tensor(small_cells.INPUTS)[:, None, None]


def test_the_small_lstm_is_pytorchs() -> None:
    hidden, (_, c) = layer_like(small_cells.SMALL_LSTM, torch.nn.LSTM(1, 2))(INPUTS)
    steps = InsideLSTM().compute()
    torch.testing.assert_close(torch.stack([step.h for step in steps]), hidden[:, 0])
    torch.testing.assert_close(steps[-1].c, c[0, 0])


def test_the_small_gru_is_pytorchs_and_that_of_d2l_is_another() -> None:
    hidden, _ = layer_like(small_cells.SMALL_GRU, torch.nn.GRU(1, 2))(INPUTS)
    view = InsideGRU()
    torch.testing.assert_close(torch.stack([step.h for step in view.compute()]), hidden[:, 0])
    assert changes(view, view.t, 5) and changes(view, view.reset, "before the product (D2L)")
    cell, h = small_cells.SMALL_GRU, torch.zeros(2)
    for x, step in zip(small_cells.INPUTS, view.compute(), strict=True):
        R, Z = (torch.sigmoid(x * cell.W_xh[k] + h @ cell.W_hh[k] + cell.b_h[k]) for k in (0, 1))
        candidate = torch.tanh(x * cell.W_xh[2] + (R * h) @ cell.W_hh[2] + cell.b_h[2])  # D2L, equation 10.2.2
        h = Z * h + (1 - Z) * candidate
        torch.testing.assert_close(step.h, h)


def test_a_gate_held_by_hand_is_where_it_is_put_in_unit_1_alone() -> None:
    view = InsideLSTM()
    computed = view.compute()
    assert changes(view, view.mode, "by hand")
    assert changes(view, view.gates["i"], 0.0) and changes(view, view.t, 3)
    step = view.compute()[0]
    assert (step.f[0], step.i[0], step.o[0]) == (1, 0, 1) and step.f[1] == computed[0].f[1]
    assert all(step.c[0] == 0 for step in view.compute())  # nothing is let in


# -------------------------------------------------------------------------------- vanishing gradients


class TestVanishingGradients:
    @pytest.fixture
    def view(self, corpus: Corpus) -> Iterator[VanishingGradients]:
        view = VanishingGradients(corpus, num_steps=8, lag=5, most_steps=40, name="test vanishing")
        yield view
        view.stop()

    def test_what_is_left_is_what_autograd_finds(self, view: VanishingGradients) -> None:
        model = view.trainers["RNN"].model
        W_xh, W_hh, b_h, W_hq, b_q = (weight.detach() for weight in model.weights)
        h, states = torch.zeros(32, 64), []
        for tokens in view.tokens:
            h = torch.tanh(W_xh[tokens] + b_h + (h if not states else states[-1]) @ W_hh).requires_grad_()
            states.append(h)
        loss = torch.nn.functional.cross_entropy(states[-1] @ W_hq + b_q, view.targets[-1])
        norms = torch.stack([each.norm() for each in torch.autograd.grad(loss, states)]).flip(0)
        _, left = view.seen[0]
        np.testing.assert_allclose(left["RNN"], norms / norms[0], rtol=1e-3)

    def test_it_trains_in_the_background_until_its_end(self, view: VanishingGradients) -> None:
        view.buttons["Start"].click()
        view.worker.wait()
        assert view.steps_made == 40 and [step for step, _ in view.seen] == [0, 10, 20, 30, 40]
        view.paint()
        assert "Step 40. 5 steps back" in view.text
        assert view.compute().series["over time GRU"].shape == (5, 2)

    def test_reset_begins_again_with_the_same_weights(self, view: VanishingGradients) -> None:
        _, fresh = view.seen[0]
        view.run(20)
        view.buttons["Reset"].click()
        assert view.steps_made == 0 and len(view.seen) == 1
        np.testing.assert_array_equal(view.seen[0][1]["LSTM"], fresh["LSTM"])

    def test_a_lag_beyond_the_time_steps_is_refused(self, corpus: Corpus) -> None:
        with pytest.raises(ValueError, match="the lag must be from 1 to num_steps - 1 = 7; it is 8"):
            VanishingGradients(corpus, num_steps=8, lag=8)
