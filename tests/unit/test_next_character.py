"""The view of the next character: the numbers behind the bars, edge values of the knobs, bad prefixes."""

import pytest
import torch

from rnnlib.models import LanguageModel
from rnnlib.text import Vocab
from rnnlib.widgets import NextCharacter


@pytest.fixture
def view() -> NextCharacter:
    vocab = Vocab("abc def")
    model = LanguageModel("gru", vocab_size=len(vocab), hidden_size=12, generator=torch.Generator().manual_seed(0))
    return NextCharacter(model, vocab, "abc")


def test_the_bars_are_the_models_distribution(view: NextCharacter) -> None:
    logits, _ = view._model(view._vocab.encode("abc")[:, None], view._model.initial_state(1))
    torch.testing.assert_close(view.compute().probabilities, torch.softmax(logits[-1, 0].detach(), 0))


def test_greedy_and_one_of_one_put_everything_on_one_character(view: NextCharacter) -> None:
    view.temperature.value = 0
    assert view.compute().probabilities.max() == 1
    view.temperature.value = 2
    view.top_k.value = 1
    assert view.compute().probabilities.max() == 1


def test_moving_a_knob_changes_picture_and_text(view: NextCharacter) -> None:
    picture, text = view.png, view.text
    view.temperature.value = 0.3
    assert view.png != picture and view.text != text


def test_a_prefix_with_unknown_characters_is_told_and_loses_nothing(view: NextCharacter) -> None:
    picture = view.png
    view.prefix.value = "Abc!"
    assert "characters the network never saw" in view.text and view.png == picture
    view.prefix.value = "a"
    assert "never saw" not in view.text
