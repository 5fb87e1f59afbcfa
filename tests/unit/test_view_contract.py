"""What every view keeps to: each of compute, figure and words once for every change, and none without one."""

from collections import Counter
from collections.abc import Iterator

import pytest
from factories import SMALL_SESSION, wait_until

from rnnlib.live.worker import Worker
from rnnlib.text import Corpus
from rnnlib.widgets import (
    Cliff,
    ClippingInTwoDimensions,
    CountedBaselines,
    GradientMap,
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
        (ClippingInTwoDimensions, "threshold", 2.0),
        (JacobianProducts, "num_steps", 20),
        (lambda: PerplexityOfADistribution("ab", (1, 1)), "shares", 3),
    ],
    ids=["cliff", "clipping", "products", "distribution"],
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


@pytest.fixture(params=["lab", "gradient map", "learning map", "race"])
def live(request: pytest.FixtureRequest) -> Iterator[LiveView]:
    small = {**SMALL_SESSION, "hidden_size": 8}
    view: LiveView = {
        "lab": lambda: TrainingLab(name="test", **small),
        "gradient map": lambda: GradientMap(name="test", **small),
        "learning map": lambda: LearningMap(
            name="test", learning_rates=(0.5, 1.0), clip_thresholds=(1.0,), steps=20, **small
        ),
        "race": lambda: MemoryRace(name="test", delay=5, most_steps=20),
    }[request.param]()
    yield view
    view.stop()


def start(view: LiveView) -> None:
    view.session.start(40) if isinstance(view, (TrainingLab, GradientMap)) else view.start()


def test_what_is_shown_already_is_not_computed_again(live: LiveView, monkeypatch) -> None:
    start(live)
    live.worker.wait()
    live._painter.wait()
    live.paint()  # the end of the training, if the painter's last picture came just before it
    calls = count(live, monkeypatch)
    for _ in range(3):
        live.paint()
        live.show_soon()
        live.show_now()
        live._repr_mimebundle_()
        live._painter.wait()
    assert not calls


def test_all_three_are_called_equally_often_while_something_trains(live: LiveView, monkeypatch) -> None:
    calls = count(live, monkeypatch)
    start(live)
    live.worker.wait()
    live._painter.wait()
    live.paint()
    assert calls["compute"] == calls["figure"] == calls["words"] > 0


def test_training_and_painting_are_workers_and_end_with_the_view(live: LiveView) -> None:
    assert isinstance(live.worker, Worker) and isinstance(live._painter, Worker)
    start(live)
    wait_until(lambda: live.png)
    live.stop()
    assert not live.worker.alive and not live._painter.alive


@pytest.mark.parametrize("broken", VERBS)
def test_a_picture_that_cannot_be_drawn_is_told_and_stops_no_training(live: LiveView, broken: str, monkeypatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a fault in the drawing")

    with monkeypatch.context() as patch:
        patch.setattr(live, broken, fail)
        start(live)
        wait_until(lambda: live.text == "The picture could not be drawn: a fault in the drawing")
        live.worker.wait()
        assert live.worker.error is None
    live.show_now()
    wait_until(lambda: "could not be drawn" not in live.text)
