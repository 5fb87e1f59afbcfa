"""No view fails in silence: exploded networks, one step, one rate, signs of mathtext, the reader's own style."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import pytest
from factories import SMALL_SESSION

from rnnlib import widgets
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus, load_corpus

TEXT = "the lamp burns low"


@pytest.fixture(scope="module")
def story() -> Corpus:
    return load_corpus("story")


def network(corpus: Corpus, value: float, cell: str = "rnn") -> LanguageModel:
    """One whose weights all have this value."""
    model = LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=8)
    model.vector.data.fill_(value)
    return model


VIEWS: dict[str, Callable[[LanguageModel, Corpus], Any]] = {
    "next character": lambda model, corpus: widgets.NextCharacter(model, corpus.vocab, TEXT),
    "hidden states": lambda model, corpus: widgets.HiddenStates(model, corpus.vocab, TEXT),
    "gates": lambda model, corpus: widgets.Gates([model], corpus.vocab, TEXT),
    "truncation": lambda model, corpus: widgets.Truncation(model, corpus),
}


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e20, -3e38, 0.0], ids=str)
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_an_exploded_network_shows_a_picture_or_a_sentence(story: Corpus, name: str, value: float) -> None:
    cell = "gru" if name == "gates" else "rnn"
    try:
        view = VIEWS[name](network(story, value, cell), story)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
    else:
        assert view.text and (view.png.startswith(b"\x89PNG") or "the network is lost" in view.text)


@contextlib.contextmanager
def lab(**settings: Any) -> Iterator[Any]:
    view = widgets.TrainingLab(session=Session(Settings(**{**SMALL_SESSION, **settings}), name="views"))
    try:
        yield view
    finally:
        view.session.stop()


@pytest.mark.parametrize(
    "settings",
    [
        {"num_steps": 1},
        {"learning_rate": 3e38, "clip_threshold": math.inf},
        {"learning_rate": 3e38, "optimizer": "adam"},
        {"learning_rate": 1.2e-38, "clip_threshold": 1.2e-38},
        {"hidden_size": 1, "batch_size": 1, "cell": "lstm"},
    ],
    ids=str,
)
def test_the_lab_draws_a_session_at_the_edges(settings: dict[str, Any]) -> None:
    with lab(**settings) as view:
        session = view.session
        session.keep_evaluating(60)
        for _ in range(3):
            session.run(5)
            session.evaluate_now()
            session.worker.settle()
        view.figure(view.compute())
        assert session.error is None and view.words(view.compute()) is not None


def test_a_map_of_one_rate_and_one_threshold_is_drawn() -> None:
    view = widgets.LearningMap(learning_rates=(1.0,), clip_thresholds=(1.0,), steps=3, name="one", **SMALL_SESSION)
    view.figure(view.compute())
    assert view.words(view.compute()) is not None


@pytest.mark.parametrize(
    "style",
    [
        {"text.usetex": True},
        {"axes.facecolor": "black", "figure.facecolor": "black", "text.color": "white"},
        {"font.family": "a font that is nowhere"},
        {"axes.formatter.use_mathtext": True, "mathtext.fontset": "cm"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_drawn_whatever_style_its_reader_has_set(story: Corpus, name: str, style: dict[str, Any]) -> None:
    model = network(story, 0.1, "gru" if name == "gates" else "rnn")
    with matplotlib.rc_context(style):
        assert VIEWS[name](model, story).png.startswith(b"\x89PNG")


def test_signs_of_mathtext_in_a_text_are_shown_as_they_are(tmp_path) -> None:
    path = tmp_path / "signs.txt"
    path.write_text(r"costs $_$ and $\frac{1}$ or $x^ % # {} <b>bold</b> &amp; ~" * 60)
    corpus = load_corpus(path, tokens="characters")
    model = network(corpus, 0.1)
    view = widgets.NextCharacter(model, corpus.vocab, "$_$")
    assert view.png.startswith(b"\x89PNG")
    assert widgets.HiddenStates(model, corpus.vocab, r"$\frac{1}$").png.startswith(b"\x89PNG")


# --------------------------------------------------------------------------- what a vocabulary does not have


def test_hidden_states_and_gates_say_which_letters_of_a_text_they_cannot_read(story: Corpus) -> None:
    said = "3 of the 9 characters are not in the vocabulary and are read as <unk>: 'T' 'L' '!'. "
    for name in ("hidden states", "gates"):
        model = network(story, 0.1, "gru")
        views = {"hidden states": widgets.HiddenStates, "gates": lambda model, *others: widgets.Gates([model], *others)}
        assert views[name](model, story.vocab, "The Lamp!").text.startswith(said)
        assert "<unk>" not in views[name](model, story.vocab, "the lamp").text


def test_a_text_is_shown_word_by_word_where_the_tokens_are_words(tmp_path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("The lamp burns low; and the sea is calm.\n" * 60)
    corpus = load_corpus(path, tokens="words")
    model = network(corpus, 0.1, "gru")
    for view, shown in [
        (seen := widgets.HiddenStates(model, corpus.vocab, "the sea  the"), lambda: seen.hidden),
        (gates := widgets.Gates([model], corpus.vocab, "the sea  the"), lambda: gates.values["GRU: reset gate"]),
    ]:
        changes = [place + 1 for place in range(11) if not (shown()[place] == shown()[place + 1]).all()]
        assert changes == [4, 9] and view.png.startswith(b"\x89PNG")
    said = "1 of the 2 words are not in the vocabulary and are read as <unk>: 'sun'. "
    assert widgets.HiddenStates(model, corpus.vocab, "the sun").text.startswith(said)


@pytest.mark.parametrize("view", [widgets.HiddenStates, lambda model, *others: widgets.Gates([model], *others)])
def test_a_text_without_a_word_is_told(tmp_path, view: Callable[..., Any]) -> None:
    path = tmp_path / "own.txt"
    path.write_text("the lamp burns low and the sea is calm\n" * 60)
    corpus = load_corpus(path, tokens="words")
    with pytest.raises(ValueError, match="there are no words to read in ' {3}'; give a text of some words"):
        view(network(corpus, 0.1, "gru"), corpus.vocab, "   ")


def test_a_prefix_that_a_vocabulary_does_not_have_is_told_and_by_default_one_is_chosen_that_it_has(tmp_path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("Смотритель маяка зажёг лампу; море было спокойно. " * 60)
    corpus = load_corpus(path)
    assert "It writes: смотритель маяка" in widgets.CountedBaselines(corpus).text
    with pytest.raises(ValueError, match="the prefix 'the lamp' has characters the network never saw"):
        widgets.CountedBaselines(corpus, prefix="the lamp")
    with pytest.raises(ValueError, match="the prefix 'Маяка' has characters the network never saw: 'М'"):
        widgets.NextCharacter(network(corpus, 0.1), corpus.vocab, "Маяка")
