"""Views of networks on a GPU."""

from typing import Any

import pytest

from rnnlib import widgets
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_views_of_a_trained_network(gpu: str, story: Corpus, cell: str) -> None:
    model = LanguageModel(cell, vocab_size=len(story.vocab), hidden_size=8, device=gpu)
    for view in (widgets.HiddenStates, widgets.NextCharacter):
        view(model, story.vocab, "the keeper")._repr_mimebundle_()
    if cell == "lstm":
        widgets.Gates([model], story.vocab, "the keeper")._repr_mimebundle_()


@pytest.mark.parametrize("kind", [widgets.TrainingLab, widgets.GradientMap])
def test_live_views_of_a_session(small: dict[str, Any], kind: Any) -> None:
    view = kind(name=f"on a gpu: {kind.__name__}", **small)
    view.session.run(12)
    view.session.evaluate_now()
    view.session.wait()
    view._repr_mimebundle_()
    assert view.message == "" and view.session.error is None and "could not be drawn" not in view.text
    assert "tested only without a real GPU" in view.describe_status()
    view.stop()


def test_a_picture_waits_for_the_gpu_before_its_time_is_taken(cuda: str, fake: Any, small: dict[str, Any]) -> None:
    lab = widgets.TrainingLab(name="waits", **small)
    fake.waits.clear()
    fake.Device.seconds_of_a_replay = 0.02
    lab.session.run(20)
    lab.stop()
    where = [place for place in fake.waits if "widgets" in place]
    assert where and all(place.startswith("rnnlib/engine/gpu.py") for place in where)


def test_the_learning_map_trains_all_its_networks(small: dict[str, Any]) -> None:
    view = widgets.LearningMap(steps=6, **small)
    view.start()
    view.wait()
    assert view.message == "" and len(view.runs) == len(view.learning_rates) * len(view.clip_thresholds)
    view.stop()
