"""The views of notebook 04: the numbers behind the pictures, edge values, callbacks called directly."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.cells import LSTM
from rnnlib.models import LanguageModel, embed
from rnnlib.text import Corpus
from rnnlib.topics.cliff import descend
from rnnlib.widgets import Cliff, ClippedGradients, Gates, JacobianProducts, StepTime
from rnnlib.widgets.knob_view import KnobView


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
    view = Gates(model, corpus.vocab, text)
    with torch.no_grad():
        W_xh, W_hh, b_h, *_ = model.weights
        x_in, state = embed(corpus.vocab.encode(text)[:, None], W_xh, b_h), model.initial_state(1)
        for t in range(len(text)):
            first_two = torch.sigmoid(x_in[:2, t] + state[0] @ W_hh[:2])[:, 0]  # i, f of an LSTM; r, z of a GRU
            np.testing.assert_allclose(view.values[:2, t], first_two, atol=1e-5)
            state = model.cell.step(x_in[:, t], state, W_hh)
    assert changes(view, view.unit, 4)
    assert changes(view, view.gate, "input i" if model.cell is LSTM else "reset r")


def test_a_network_without_gates_is_refused(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="only GRU and LSTM have gates; this model's cell is rnn"):
        Gates(LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=2), corpus.vocab, "the")


def test_step_times_are_measured_for_every_size() -> None:
    view = StepTime()
    assert all(milliseconds > 0 for times in view.milliseconds.values() for milliseconds in times)
    assert changes(view, view.size, "hidden size H")
    assert "H grows 16 times, from 16 to 256" in view.text
