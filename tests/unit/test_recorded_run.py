"""Films of what trains: what was to be seen is written, read and shown again, at any moment."""

import json
from pathlib import Path

import numpy as np
import pytest
from factories import SMALL_SESSION, wait_until
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.live import films
from rnnlib.live.films import Moment
from rnnlib.widgets import GradientMap, LearningMap, MemoryRace, RecordedRun, TrainingLab
from rnnlib.widgets.live_view import LiveView
from rnnlib.widgets.recorded_run import moment_of

numbers = st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("inf")]), max_size=6)


def rows(values: list[float], width: int) -> np.ndarray:
    return np.repeat(np.array(values, np.float32)[:, None], width, axis=1)


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), st.tuples(numbers, st.integers(1, 3)), max_size=3), numbers),
        max_size=8,
    )
)
def test_a_film_has_every_moment_as_it_was(tmp_path_factory: pytest.TempPathFactory, seen: list) -> None:
    moments = [
        Moment({name: rows(*values) for name, values in series.items()}, {"marks": [str(each) for each in items]}, {})
        for series, items in seen
    ]
    path = tmp_path_factory.mktemp("film") / "a.film"
    films.save(moments, path)
    read = films.load(path)
    assert len(read) == len(moments)
    for one, other in zip(moments, read, strict=True):
        assert {name: (each.shape, each.tobytes()) for name, each in one.series.items()} == {
            name: (each.shape, each.tobytes()) for name, each in other.series.items()
        }
        assert one.lists == other.lists


def trained(view: LiveView) -> list[Moment]:
    """Three moments of a short training."""
    moments = [moment_of(view)]
    for steps in (4, 9):
        if isinstance(view, TrainingLab | GradientMap):
            view.session.run(steps)
            view.session.evaluate_now()
        elif not moments[1:]:
            view.start()
        view.worker.wait()
        moments.append(moment_of(view))
    return moments


SMALL = {**SMALL_SESSION, "hidden_size": 8}
VIEWS = {
    "lab": lambda: TrainingLab(name="filmed", **SMALL),
    "gradient map": lambda: GradientMap(name="filmed", **SMALL),
    "learning map": lambda: LearningMap(
        name="filmed", learning_rates=(0.5, 1.0), clip_thresholds=(1.0, np.inf), steps=9, **SMALL
    ),
    "race": lambda: MemoryRace(name="filmed", delay=5, most_steps=20),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_recorded_run_shows_what_the_view_showed_and_nothing_to_drag(name: str, tmp_path: Path) -> None:
    view = VIEWS[name]()
    moments = trained(view)
    films.save(moments, tmp_path / "it.film")
    shown, was = RecordedRun(tmp_path / "it.film"), view.compute()
    shown.moment.value = 3
    now = shown.compute()
    assert [panel.title for panel in now.panels] == [panel.title for panel in was.panels]
    assert now.series.keys() == was.series.keys() and now.last_step == was.last_step and now.selected == was.selected
    assert all(np.array_equal(now.series[each], was.series[each], equal_nan=True) for each in was.series)
    assert shown.text == view.text
    assert json.dumps(shown.texts()) == json.dumps(view.texts())
    assert shown._repr_mimebundle_()["image/png"] and not any(getattr(panel, "handle", None) for panel in now.panels)
    shown.moment.value = 1
    assert all(
        np.array_equal(shown.compute().series[each], points, equal_nan=True)
        for each, points in moments[0].series.items()
    )
    view.stop()


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    lab = TrainingLab(name="filmed", **SMALL)
    films.save(trained(lab), tmp_path / "it.film")
    lab.session.stop()
    return RecordedRun(tmp_path / "it.film")


def test_played_it_comes_to_its_end_and_begins_again_from_there(run: RecordedRun, monkeypatch) -> None:
    monkeypatch.setattr("rnnlib.widgets.recorded_run.SECONDS_OF_A_MOMENT", 0.0)
    seen = [run.moment.value]
    run.moment.observe(lambda change: seen.append(change.new), "value")
    run.start()
    run.wait()
    run.start()
    run.wait()
    assert seen == [1, 2, 3, 1, 2, 3]


def test_paused_it_stays_where_it_is_and_says_that_it_is_no_training(run: RecordedRun) -> None:
    run.buttons["Play"].click()
    wait_until(lambda: run.moment.value == 2)
    run.buttons["Pause"].click()
    run.wait()
    assert run.told()["status"] == "recorded run, paused at moment 2 of 3"


def test_a_field_that_somebody_selects_in_a_film_is_the_films(tmp_path: Path) -> None:
    view = VIEWS["learning map"]()
    films.save([moment_of(view)], tmp_path / "it.film")
    shown = RecordedRun(tmp_path / "it.film")
    selected = shown.plot.selected
    shown.plot.selected = [0, 0]
    assert shown.plot.selected == selected != [0, 0]


@pytest.mark.parametrize("content", [{}, {"moments": [{"series": [], "lists": []}]}, {"moments": "none"}], ids=str)
def test_what_is_no_film_is_refused_in_a_sentence(content: dict, tmp_path: Path) -> None:
    films.write_file(tmp_path / "it.film", {"format": films.FILM_FORMAT, **content})
    with pytest.raises(ValueError, match=r"has the form of a film but not its content .*; it was not loaded\.$"):
        RecordedRun(tmp_path / "it.film")
