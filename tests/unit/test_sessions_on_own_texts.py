"""Sessions, files and the lab on texts of any script, and the sample on which a long text is judged."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import small_model
from test_own_texts import TEXTS, file_of

from rnnlib.baselines import NGram
from rnnlib.live import estimates, recordings
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus
from rnnlib.training import evaluate
from rnnlib.widgets import TrainingLab

SMALL = {"hidden_size": 8, "batch_size": 2, "num_steps": 5, "device": "cpu"}


HOW = [(name, tokens) for name in TEXTS for tokens in ("letters", "characters", "words")]
HOW.remove(("chinese", "words"))  # there are no spaces


@pytest.mark.parametrize(("name", "tokens"), HOW)
def test_a_session_on_any_text_is_trained_saved_and_goes_on(name: str, tokens: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, TEXTS[name], times=60)
    session = Session(Settings(text=str(path), tokens=tokens, **SMALL))
    session.run(3)
    recordings.save(session, tmp_path / "a.session")
    again = recordings.load(tmp_path / "a.session", name="again")
    for each in (session, again):
        each.run(2)
    assert torch.equal(session.model.vector, again.model.vector) and again.settings.tokens == tokens


def test_the_lab_says_what_of_a_text_is_lost(tmp_path: Path) -> None:
    path = file_of(tmp_path, "sun sun moon 1234. ", times=60)
    lab = TrainingLab(text=str(path), tokens="words", max_vocab_size=2, **SMALL)
    assert "33.3% of the text is no letters and left out" in lab.status
    assert "33.3% of the tokens are <unk>" in lab.status


def test_a_long_validation_text_is_judged_by_the_beginnings_of_its_pieces(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "MOST_TOKENS", 640)
    model = small_model(corpus)
    found = estimates.validation_loss(model, corpus)
    steps = (len(corpus.validation) - 1) // 32
    by_hand = [evaluate(model, corpus.validation[k * steps : k * steps + 21], batch_size=1) for k in range(32)]
    assert found.loss == pytest.approx(np.mean(by_hand), rel=1e-5)
    assert found.error == pytest.approx(np.std(by_hand, ddof=1) / math.sqrt(32), rel=1e-4)
    assert "640 tokens ±" in estimates.sample_label(corpus, found.error)


def test_a_short_validation_text_is_read_whole(corpus: Corpus) -> None:
    model = small_model(corpus)
    assert estimates.validation_loss(model, corpus) == (evaluate(model, corpus.validation), 0.0)
    line, name = estimates.counted_line(corpus)
    V = len(corpus.vocab)
    orders = {n: NGram(corpus.train, order=n, vocab_size=V).perplexity(corpus.validation) for n in range(1, 6)}
    assert line == min(orders.values()) and name == f"counted {min(orders, key=orders.get)}-gram: {line:.2f}"
    assert estimates.sample_label(corpus) == ""


def test_a_loss_does_not_depend_on_how_much_is_read_at_once() -> None:
    V = 10_000  # of which 1,000 predictions are read at once
    model = LanguageModel("rnn", vocab_size=V, hidden_size=4, generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(V, (2501,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, _ = model(tokens[:-1, None], model.initial_state(1))
        expected = torch.nn.functional.cross_entropy(logits[:, 0], tokens[1:])
    assert evaluate(model, tokens, batch_size=1) == pytest.approx(float(expected), rel=1e-5)
