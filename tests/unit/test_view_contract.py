"""What every view keeps to: each of compute, figure and words once for every change, and none without one."""

from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from factories import SMALL_SESSION, wait_until
from test_training_by_epochs import fresh_trainer, view_of

from rnnlib.live.worker import Worker
from rnnlib.text import Corpus
from rnnlib.widgets import (
    Cliff,
    ClippedGradients,
    CountedBaselines,
    GradientMap,
    InsideGRU,
    InsideLSTM,
    JacobianProducts,
    LearningMap,
    MemoryRace,
    Partitions,
    PerplexityOfADistribution,
    TrainingLab,
)
from rnnlib.widgets.live_view import LiveView
from rnnlib.widgets.view import View

VERBS = ("compute", "figure", "words")
ONCE = Counter(dict.fromkeys(VERBS, 1))


def count(view: View, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each of the three is called from now on."""
    calls: Counter = Counter()

    def counted(verb: str):
        wrapped = getattr(view, verb)

        def call(*arguments: object) -> object:
            calls[verb] += 1
            return wrapped(*arguments)

        return call

    for verb in VERBS:
        monkeypatch.setattr(view, verb, counted(verb))
    return calls


@pytest.mark.parametrize(
    ("view", "knob", "value"),
    [
        (Cliff, "w", 4.5),
        (lambda: ClippedGradients({"fresh": torch.linspace(-1, 0.2, 9)}), "threshold", 0.5),
        (InsideLSTM, "t", 4),
        (InsideGRU, "t", 4),
        (JacobianProducts, "num_steps", 20),
        (lambda: PerplexityOfADistribution("ab", (1, 1)), "shares", 3),
    ],
    ids=["cliff", "clipping", "lstm", "gru", "products", "distribution"],
)
def test_a_change_of_a_knob_computes_once_and_storing_the_notebook_does_not(view, knob, value, monkeypatch) -> None:
    view = view()
    calls = count(view, monkeypatch)
    slider = getattr(view, knob)
    slider = slider[0] if isinstance(slider, list) else slider
    before = view.png, view.text
    slider.value = value
    assert calls == ONCE and (view.png, view.text) != before
    view._repr_mimebundle_()
    slider.value = value
    assert calls == ONCE


def test_views_of_a_corpus_compute_once_too(corpus: Corpus, monkeypatch) -> None:
    for view, knob in ((Partitions(corpus), "batch"), (CountedBaselines(corpus, prefix="the"), "order")):
        calls = count(view, monkeypatch)
        getattr(view, knob).value += 1
        assert calls == ONCE


@pytest.fixture(params=["lab", "gradient map", "learning map", "race", "epochs"])
def live(request: pytest.FixtureRequest) -> Iterator[LiveView]:
    small = {**SMALL_SESSION, "hidden_size": 8}
    view: LiveView = {
        "lab": lambda: TrainingLab(name="test", **small),
        "gradient map": lambda: GradientMap(name="test", **small),
        "learning map": lambda: LearningMap(
            name="test", learning_rates=(0.5, 1.0), clip_thresholds=(1.0,), steps=20, **small
        ),
        "race": lambda: MemoryRace(name="test", delay=5, most_steps=20),
        "epochs": lambda: view_of(fresh_trainer()),
    }[request.param]()
    yield view
    view.stop()


def start(view: LiveView) -> None:
    view.session.start(40) if isinstance(view, (TrainingLab, GradientMap)) else view.start()


def settle(view: LiveView) -> None:
    """Wait until it trains no more, and everything is shown."""
    view.worker.wait()
    view.paint()


def sent_by(view: LiveView, monkeypatch: pytest.MonkeyPatch) -> list:
    """The messages that its page gets from now on."""
    messages: list = []
    monkeypatch.setattr(view.plot, "send", lambda message, buffers: messages.append((message, buffers)))
    return messages


def test_what_a_page_has_already_is_not_sent_again(live: LiveView, monkeypatch) -> None:
    live.plot._answer()  # a page has asked for everything
    start(live)
    settle(live)
    messages = sent_by(live, monkeypatch)
    for _ in range(3):
        live.show_soon()
        live.show_now()
        live._repr_mimebundle_()
    assert [message["series"] or message["lists"] for message, _ in messages if message["series"]] == []
    assert all(set(message["facts"]) <= {"status"} for message, _ in messages)  # which says when it was written


def test_a_page_that_opens_later_gets_everything(live: LiveView, monkeypatch) -> None:
    live.plot._answer()
    start(live)
    settle(live)
    messages = sent_by(live, monkeypatch)
    live.plot._answer()
    names = {splice["name"]: splice for splice in messages[0][0]["series"]}
    chart = live.compute()
    assert set(names) == set(chart.series) and "panels" in messages[0][0]["facts"]
    for name, points in chart.series.items():
        buffer = messages[0][1][list(names).index(name)]
        assert names[name]["start"] == 0 and buffer == points.tobytes()


def test_until_a_page_has_asked_every_message_is_complete(live: LiveView, monkeypatch) -> None:
    messages = sent_by(live, monkeypatch)
    live.paint()
    live.paint()
    assert len(messages) == 2 and messages[0][0]["facts"].keys() == messages[1][0]["facts"].keys()


def test_nothing_is_sent_to_a_page_that_nobody_sees(live: LiveView, monkeypatch) -> None:
    live.plot.watched = False
    messages = sent_by(live, monkeypatch)
    start(live)
    live.worker.wait()
    assert not messages
    live.plot.watched = True
    wait_until(lambda: messages)


def test_results_and_words_are_worked_out_equally_often_while_something_trains(live: LiveView, monkeypatch) -> None:
    calls = count(live, monkeypatch)
    start(live)
    settle(live)
    assert calls["compute"] == calls["words"] > 0 and calls["figure"] == 0  # which only a stored notebook needs


def test_training_is_a_worker_that_ends_with_the_view(live: LiveView) -> None:
    assert isinstance(live.worker, Worker)
    start(live)
    live.stop()
    assert not live.worker.alive


@pytest.mark.parametrize("broken", ["compute", "words"])
def test_a_picture_that_cannot_be_drawn_is_told_and_stops_no_training(live: LiveView, broken: str, monkeypatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a fault in the drawing")

    with monkeypatch.context() as patch:
        patch.setattr(live, broken, fail)
        start(live)
        wait_until(lambda: live.news == "The picture could not be drawn: a fault in the drawing")
        live.worker.wait()
        assert live.worker.error is None
    live.show_now()
    wait_until(lambda: "could not be drawn" not in live.news + live.text)
