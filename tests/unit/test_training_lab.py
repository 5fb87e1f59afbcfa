"""The lab without a browser: knobs set by value, what is shown compared, nothing left running."""

import base64
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from factories import pixels, wait_until

from rnnlib.figures.perplexity import thin_out
from rnnlib.figures.style import panels, plain_log_axis
from rnnlib.live import experiments, recordings
from rnnlib.live.curves import MOST_POINTS
from rnnlib.live.experiments import MAIN
from rnnlib.live.presets import PRESETS
from rnnlib.live.settings import Event
from rnnlib.widgets import TrainingLab, training_lab
from rnnlib.widgets.event_words import name_of, sentence_of
from rnnlib.widgets.lab_knobs import CLIP_THRESHOLDS

SMALL = {"hidden_size": 16, "batch_size": 8, "num_steps": 10, "max_train_tokens": 4000, "device": "cpu"}


@pytest.fixture
def lab():
    small = TrainingLab(name="test lab", **SMALL)
    yield small
    small.stop()


def changes(lab: TrainingLab) -> list[tuple]:
    """What was changed, in order."""
    lab.session.worker.settle()
    return [(event.knob, event.new) for event in lab.session.events]


def test_every_knob_reaches_the_training(lab: TrainingLab) -> None:
    lab.buttons["Start"].click()
    wait_until(lambda: lab.session.steps_made > 5)
    knobs = lab.knobs
    knobs.learning_rate.value = 0.5
    knobs.clip_threshold.value = 0.1
    knobs.clip_by.value = "value"
    knobs.clip_by.value = "off"
    knobs.hidden_size.value = 24
    knobs.cell.value = "gru"
    knobs.optimizer.value = "adam"
    knobs.temperature.value = 0.0
    assert changes(lab) == [
        ("learning_rate", 0.5), ("clip_threshold", 0.1), ("clip_by", "value"), ("clip_threshold", math.inf),
        ("hidden_size", 24), ("cell", "gru"), ("optimizer", "adam"),
    ]  # fmt: skip
    knobs.pace.value = 5.0
    assert lab.session.temperature == 0 and lab.session.steps_per_second == 5
    wait_until(lambda: lab.news == f"Optimizer adam from step {lab.session.events[-1].step} on.")


def test_clipping_is_switched_off_and_comes_back_where_it_was(lab: TrainingLab) -> None:
    lab.knobs.clip_threshold.value = 0.1
    changes(lab)  # what waits is replaced by what comes after it
    lab.knobs.clip_by.value = "off"
    changes(lab)
    assert lab.plot.handle == -1
    lab.knobs.clip_by.value = "norm"
    assert changes(lab) == [("clip_threshold", 0.1), ("clip_threshold", math.inf), ("clip_threshold", 0.1)]


def test_the_line_in_the_picture_and_the_slider_are_one(lab: TrainingLab) -> None:
    assert lab.plot.handle == lab.knobs.clip_threshold.index == CLIP_THRESHOLDS.index(1.0)
    lab.plot.handle = 3  # dragged in the page
    assert lab.knobs.clip_threshold.value == CLIP_THRESHOLDS[3]
    changes(lab)
    lab.knobs.clip_threshold.index = 5
    assert lab.plot.handle == 5
    assert changes(lab) == [("clip_threshold", CLIP_THRESHOLDS[3]), ("clip_threshold", CLIP_THRESHOLDS[5])]
    (places,) = [panel.handle.places for panel in lab.compute().panels if panel.handle]
    assert places == CLIP_THRESHOLDS


def test_undo_moves_the_knob_back_that_was_moved_last(lab: TrainingLab, monkeypatch) -> None:
    lab.buttons["Undo"].click()
    wait_until(lambda: "there is nothing to undo" in lab.news)
    monkeypatch.setattr("rnnlib.widgets.training_lab.ONE_MOVE", 60.0)
    lab.knobs.hidden_size.value = 24
    for index in (9, 10, 11):  # one drag
        lab.knobs.clip_threshold.index = index
    changes(lab)
    monkeypatch.setattr("rnnlib.widgets.training_lab.ONE_MOVE", 0.0)
    lab.knobs.clip_threshold.index = 4
    changes(lab)
    expected = [CLIP_THRESHOLDS[11], CLIP_THRESHOLDS[8]]
    for threshold in expected:
        lab.buttons["Undo"].click()
        assert lab.knobs.clip_threshold.value == threshold and changes(lab)[-1] == ("clip_threshold", threshold)
    assert lab.plot.handle == 8
    lab.buttons["Undo"].click()
    assert changes(lab)[-1] == ("hidden_size", 16)
    lab.buttons["Undo"].click()
    wait_until(lambda: "there is nothing to undo" in lab.news)


def test_step_pause_reset_and_fork_do_what_they_say(lab: TrainingLab) -> None:
    lab.buttons["Step"].click()
    lab.session.wait()
    assert lab.session.steps_made == 1
    lab.fork_name.value = "as it was"
    lab.buttons["Fork"].click()
    lab.buttons["Fork"].click()
    lab.session.wait()
    assert set(lab.session.trainers) == {"main", "as it was", "fork"} and lab.fork_name.value == ""
    lab.buttons["Drop"].click()
    lab.session.wait()
    assert set(lab.session.trainers) == {"main", "as it was"}
    lab.fork_name.value = "as it was"
    lab.buttons["Drop"].click()
    lab.session.wait()
    assert set(lab.session.trainers) == {"main"} and lab.fork_name.value == ""
    lab.buttons["Drop"].click()
    assert "there is no fork" in lab.news
    lab.buttons["Start"].click()
    wait_until(lambda: lab.session.steps_made > 10)
    lab.buttons["Pause"].click()
    lab.session.wait()
    assert not lab.session.running
    lab.buttons["Reset"].click()
    assert lab.session.steps_made == 0 and set(lab.session.trainers) == {"main"}


def test_when_a_fork_is_dropped_the_others_keep_their_lines(lab: TrainingLab) -> None:
    def forks() -> dict[str, tuple[str, tuple[int, ...]]]:
        lines = lab.compute().panels[0].lines
        return {line.name: (line.color, line.dash) for line in lines if line.series.startswith("fork ")}

    for name in ("a", "b", "c", "d"):
        lab.fork_name.value = name
        lab.buttons["Fork"].click()
        lab.session.run(1)
    before = forks()
    lab.buttons["Fork"].click()
    assert "or drop one" in lab.news
    lab.fork_name.value = "b"
    lab.buttons["Drop"].click()
    wait_until(lambda: lab.news.startswith('Fork "b" dropped at step 4.'))
    assert forks() == {name: line for name, line in before.items() if name != "b"} and lab.fork_name.value == ""
    lab.buttons["Drop"].click()
    wait_until(lambda: lab.news.startswith('Fork "d" dropped'))
    lab.fork_name.value = "e"
    lab.buttons["Fork"].click()
    wait_until(lambda: "e" in lab.session.trainers)
    assert forks() == {"a": before["a"], "c": before["c"], "e": before["b"]}  # the first line that is free


def test_what_acts_with_a_reset_waits_for_it(lab: TrainingLab) -> None:
    lab.session.run(3)
    lab.knobs.batch_size.value, lab.knobs.num_steps.value, lab.knobs.clip_by.value = 4, 7, "off"
    settings = lab.session.settings
    assert (settings.batch_size, settings.num_steps) == (8, 10)
    lab.buttons["Reset"].click()
    settings = lab.session.settings
    assert (settings.batch_size, settings.num_steps, settings.clip_threshold) == (4, 7, math.inf)
    assert lab.compute().panels[1].x_limits == (0, 6)
    lab.knobs.batch_size.value = 4000
    lab.buttons["Reset"].click()
    wait_until(lambda: "batch_size=4000" in lab.news)
    assert lab.session.settings.batch_size == 4


def test_another_text_begins_anew_with_its_own_line_of_counting(tmp_path) -> None:
    (tmp_path / "own.txt").write_text("one two three four five six seven " * 200)
    lab = TrainingLab(name="test lab", text=str(tmp_path / "own.txt"), **{**SMALL, "max_train_tokens": None})
    lab.session.run(3)
    counted = lab.compute().panels[0].levels
    lab.knobs.text.value = "story"
    assert lab.compute().panels[0].levels == counted
    lab.buttons["Reset"].click()
    assert lab.session.settings.text == "story" and lab.compute().panels[0].levels != counted
    lab.stop()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_knob(lab: TrainingLab, name: str) -> None:
    for _ in range(2):  # the same preset may be chosen again
        lab.session.run(2)
        lab.knobs.preset.value = name
    for setting, value in PRESETS[name].settings.items():
        assert getattr(lab.session.settings, setting) == value
    assert lab.knobs.hidden_size.value == lab.session.model.hidden_size
    assert lab.knobs.num_steps.value == lab.session.settings.num_steps == 35
    assert (lab.knobs.clip_by.value == "off") == (lab.session.settings.clip_threshold == math.inf)
    wait_until(lambda: lab.news == PRESETS[name].sentence)
    assert lab.session.events == []


def test_status_and_text_are_shown(lab: TrainingLab) -> None:
    lab.knobs.steps.value = 120
    lab.buttons["Start"].click()
    wait_until(lambda: "paused at step 120" in lab.status and "120 of 120 steps" in lab.status)
    assert "RNN with 16 hidden units on cpu" in lab.status and "last heard from the kernel" in lab.status
    wait_until(lambda: "At step 120 it writes" in lab.text)
    assert lab.texts()[-1]["step"] == 120


def test_the_share_that_was_clipped_is_that_of_the_steps_made(lab: TrainingLab) -> None:
    lab.session.run(60)
    columns = lab.session.trainers[MAIN].history.columns()
    clipped = int((columns["gradient_norm"] > columns["clip_threshold"]).sum())
    assert f"clipped: {clipped} of the last 60 steps" in lab.more_facts()
    lab.session.run(300)
    clipped = int(lab.session.trainers[MAIN].history.columns()["clipped"][-200:].sum())
    assert f"clipped: {clipped} of the last 200 steps" in lab.more_facts()


def test_the_lines_show_the_recorded_numbers(lab: TrainingLab) -> None:
    lab.session.run(100)
    lab.session.fork()
    lab.knobs.clip_threshold.value = 0.1
    lab.session.run(200)
    lab.session.evaluate_now()
    lab.session.worker.settle()
    chart = lab.compute()
    columns = lab.session.trainers[MAIN].history.columns()
    np.testing.assert_array_equal(chart.series["training"][:, 0], np.arange(1, 301))
    np.testing.assert_allclose(chart.series["training"][:, 1], np.exp(columns["loss"]), rtol=1e-5)
    fork = lab.session.trainers["fork"].history.columns()["loss"]
    np.testing.assert_allclose(chart.series["fork fork"][:, 1], np.exp(fork), rtol=1e-5)
    np.testing.assert_allclose(chart.series["norm"][:, 1], columns["gradient_norm"], rtol=1e-6)
    clipped = np.where(columns["clipped"] > 0, columns["gradient_norm"], np.nan)
    np.testing.assert_allclose(chart.series["clipped"][:, 1], clipped, rtol=1e-6)
    assert np.isfinite(clipped).any() and np.isnan(clipped).any()
    np.testing.assert_allclose(chart.series["threshold"], [[0, 1], [100, 0.1]], rtol=1e-6)
    last = lab.session.evaluations[-1]
    np.testing.assert_allclose(chart.series["lags now"][:, 1], last.norms_over_lags, rtol=1e-6)
    first = lab.session.evaluations[0]
    np.testing.assert_allclose(chart.series["lags at first"][:, 1], first.norms_over_lags, rtol=1e-6)
    assert chart.series["radius"][-1].tolist() == pytest.approx([last.step, last.spectral_radius])
    shown = {line.series for panel in chart.panels for line in panel.lines}
    assert shown == set(chart.series)
    assert [mark.name for mark in chart.marks] == ["fork", "clip 0.1"] and chart.last_step == 300


def test_another_cell_leaves_the_last_curve_of_the_one_before(lab: TrainingLab) -> None:
    lab.session.run(20)
    lab.session.evaluate_now()
    lab.knobs.cell.value = "gru"
    lab.session.run(20)
    lab.session.evaluate_now()
    lab.session.worker.settle()
    chart = lab.compute()
    of_rnn = [each for each in lab.session.evaluations if each.step <= 20][-1]
    np.testing.assert_allclose(chart.series["lags rnn"][:, 1], of_rnn.norms_over_lags, rtol=1e-6)
    assert [line.name for line in chart.panels[1].lines if line.name] == ["earlier", "RNN", "now, GRU"]


def test_a_network_that_diverges_does_not_hide_one_that_learns(lab: TrainingLab) -> None:
    lab.session.set(learning_rate=30.0, clip_threshold=math.inf)
    lab.session.run(30)
    drawing = lab.figure(lab.compute())
    assert drawing.axes[0].get_ylim()[1] <= 12 * 28


def test_a_reader_without_a_kernel_sees_a_picture_and_its_words(lab: TrainingLab) -> None:
    lab.session.run(50)
    bundle = lab._repr_mimebundle_()
    name, words = bundle["text/plain"].split("\n")
    assert name == "TrainingLab" and words == lab.text and words.startswith("At step 50 it writes: ")
    picture = pixels(base64.b64decode(bundle["image/png"]))
    assert picture.shape == (620, 1040, 4) and picture[0, 0, 3] == 0  # no background: seen on light and on dark pages
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_divergence_is_told_in_the_view(lab: TrainingLab) -> None:
    lab.session.set(learning_rate=3e38, clip_threshold=math.inf)
    lab.buttons["Start"].click()
    wait_until(lambda: "Lower the learning rate" in lab.news and lab.told()["alert"])


def test_a_screen_reader_says_each_change_once_when_it_has_taken_effect(lab: TrainingLab, monkeypatch) -> None:
    said: list[list[str]] = []
    show = lab.plot.show
    monkeypatch.setattr(
        lab.plot, "show", lambda chart, texts, told: said.append(told["news"]) or show(chart, texts, told)
    )
    lab.session.run(20)
    lab.knobs.hidden_size.value = 24
    lab.session.run(20)
    wait_until(lambda: lab.news == "Hidden size 24 from step 20 on.")
    lab.knobs.clip_by.value = "off"
    lab.session.run(20)
    wait_until(lambda: lab.news == "Clip threshold off from step 40 on.")
    wait_until(lambda: "step 60" in lab.status)
    heard = [news for news, before in zip(said, [[], *said], strict=False) if news != before]
    assert heard == [["Hidden size 24 from step 20 on."], ["Clip threshold off from step 40 on."]]


def test_what_a_button_cannot_do_is_told_in_the_view(lab: TrainingLab, monkeypatch, tmp_path) -> None:
    (tmp_path / "saved").write_text("a file where the folder should be")
    monkeypatch.chdir(tmp_path)
    lab.buttons["Save"].click()
    wait_until(lambda: "saved" in lab.news)
    lab.buttons["Open"].click()
    wait_until(lambda: "there is no saved session in the folder saved/" in lab.news)
    lab.session.run(3)
    assert lab.session.steps_made == 3


def test_what_was_saved_replays_and_opens(lab: TrainingLab, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    lab.knobs.learning_rate.value = 0.5
    lab.session.run(5)
    lab.buttons["Save"].click()
    (saved,) = (tmp_path / "saved").iterdir()
    again = recordings.replay(saved, name="again")
    assert again.steps_made == 5
    lab.buttons["Reset"].click()
    lab.knobs.learning_rate.value, lab.knobs.hidden_size.value = 2.0, 32
    earlier = lab.session
    assert lab.saved.value == saved.name
    lab.buttons["Open"].click()
    assert lab.session.steps_made == 5 and not earlier.alive and lab.knobs.hidden_size.value == 16
    assert lab.knobs.learning_rate.value == 0.5 and len(lab.compute().series["training"]) == 5
    lab.session.run(5)
    wait_until(lambda: "paused at step 10" in lab.status)
    beside = TrainingLab(session=recordings.load(saved, name="beside"))
    assert beside.session.steps_made == 5 and beside.knobs.hidden_size.value == 16
    beside.stop()


def test_a_session_over_a_readers_own_text_opens_where_the_reader_says_which_file_that_is(
    lab: TrainingLab, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.txt").write_text("the lamp burns low and the sea is calm " * 60)
    own = TrainingLab(name="own", **{**SMALL, "text": "own.txt", "max_train_tokens": None})
    own.session.run(4)
    own.buttons["Save"].click()
    own.stop()
    monkeypatch.setattr(experiments, "_texts_opened_here", set())  # as in another kernel
    lab.buttons["Open"].click()
    assert lab.news == "choose one of the saved sessions beside."
    (lab.saved.value,) = lab.saved.options
    lab.buttons["Open"].click()
    assert "which is not opened because a file says so; name it: text=" in lab.news and lab.session.steps_made == 0
    Path("own.txt").rename("moved.txt")
    lab.its_text.value = "moved.txt"
    lab.buttons["Open"].click()
    assert lab.session.steps_made == 4 and lab.knobs.text.value == "moved.txt" and lab.session.name == "test lab"


def test_two_labs_that_save_at_one_moment_write_two_files(lab: TrainingLab, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        lab.buttons["Save"].click()
    assert len(training_lab.saved_sessions()) == 3


def test_a_picture_after_many_changes_costs_what_it_cost_after_few(lab: TrainingLab) -> None:
    changes = np.random.default_rng(0).uniform(0.1, 2, 100_000)
    events = [Event(step, "clip_threshold", 1.0, float(new)) for step, new in enumerate(changes)]
    chart = lab.compute()
    for first in range(0, len(events), 1000):
        lab.session.events.extend(events[first : first + 1000])
        chart = lab.compute()
    thresholds = chart.series["threshold"]
    assert len(thresholds) <= MOST_POINTS + 3 and len(chart.marks) == 200
    np.testing.assert_array_equal(thresholds[-1], np.float32([len(events) - 1, changes[-1]]))
    assert thresholds[:, 1].max() == np.float32(changes.max()) and chart.marks[-1].step == len(events) - 1


def test_running_the_cell_again_leaves_no_thread_of_the_first_lab(lab: TrainingLab) -> None:
    lab.buttons["Start"].click()
    wait_until(lambda: lab.session.steps_made > 3)
    newer = TrainingLab(name="test lab", **SMALL)
    assert not lab.session.alive and "its cell was run again" in lab.status
    lab.buttons["Start"].click()  # from a page that still shows it
    assert "has ended; run the cell that made it again" in lab.news
    newer.stop()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if "test lab" in name]


def test_every_control_has_a_name_and_thresholds_are_logarithmic(lab: TrainingLab) -> None:
    for control in lab.knobs.children:
        assert control.description or control.value
    for control in (lab.fork_name, lab.saved, lab.size):
        assert control.tooltip
    ratios = np.diff(np.log(CLIP_THRESHOLDS))
    np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.parametrize("rate", [0.0001, 0.003, 1.0, 2.0, 8.0, 100.0])
def test_the_learning_rate_begins_at_a_place_of_its_slider(rate: float) -> None:
    lab = TrainingLab(name="test lab", learning_rate=rate, **SMALL)
    slider = lab.knobs.learning_rate
    places = (math.log10(rate) - slider.min) / slider.step
    assert slider.value == rate and abs(places - round(places)) < 1e-6 and slider.min < -2.9
    slider.value = rate * (1 + 1e-15)  # as a page may send it back
    lab.stop()
    assert lab.session.events == [] and lab.session.trainers[MAIN].knobs.learning_rate == rate


def test_values_between_the_places_of_a_slider_become_places() -> None:
    lab = TrainingLab(name="test lab", **{**SMALL, "hidden_size": 20}, clip_threshold=0.3)
    assert (lab.knobs.hidden_size.value, lab.knobs.clip_threshold.value) == (20, 0.3)
    assert 0.3 in lab.compute().panels[2].handle.places and lab.session.events == []
    lab.stop()


def test_thinning_out_keeps_the_mean_of_every_step() -> None:
    values = np.arange(1000.0)
    steps, means = thin_out(values, max_points=7)
    assert len(steps) == 7 and steps[-1] == 1000
    lengths = np.diff(np.append(0, steps))
    assert math.isclose(float((means * lengths).sum()), values.sum())
    assert thin_out(np.array([3.0]))[1].tolist() == [3.0] and len(thin_out(np.empty(0))[0]) == 0


@pytest.mark.parametrize(
    ("limits", "labels"), [((3, 32), ["5", "10", "20"]), ((1, 1e9), ["1", "100", "1e4", "1e6", "1e8"])]
)
def test_a_logarithmic_axis_has_room_for_its_labels(limits: tuple, labels: list) -> None:
    drawing, (ax,) = panels()
    plain_log_axis(ax)
    ax.set_ylim(limits)
    drawing._repr_png_()
    shown = [label.get_text() for place, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
             if limits[0] <= place <= limits[1]]  # fmt: skip
    assert shown == labels


def test_events_are_described_in_a_few_words_and_in_a_sentence() -> None:
    described = {
        Event(3, "learning_rate", 1.0, 0.25): ("rate 0.25", "Learning rate 0.25 from step 3 on."),
        Event(3, "clip_threshold", 1.0, math.inf): ("clip off", "Clip threshold off from step 3 on."),
        Event(3, "hidden_size", 16, 24): ("H 24", "Hidden size 24 from step 3 on."),
        Event(3, "fork", None, "fast"): ("fast", 'Forked as "fast" at step 3.'),
        Event(3, "fork dropped", None, "fast"): ("fast dropped", 'Fork "fast" dropped at step 3.'),
        Event(3, "resumed", None, True): ("resumed True", "Resumed at step 3."),
    }
    assert {event: (name_of(event), sentence_of(event)) for event in described} == described


def test_python_ends_cleanly_while_a_lab_trains() -> None:
    code = f"from rnnlib.widgets import TrainingLab; lab = TrainingLab(**{SMALL}); lab.session.start()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


# ------------------------------------------------------------------------------------------- what code sets


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"learning_rate": 0.37}, {"learning_rate": 0.37}),
        ({"hidden_size": 21}, {"hidden_size": 21}),
        ({"clip_threshold": 0.33, "clip_by": "value"}, {"clip_threshold": 0.33, "clip_by": "value"}),
        ({"clip_threshold": math.inf}, {"clip_by": "off"}),
        ({"cell": "lstm", "optimizer": "adam"}, {"cell": "lstm", "optimizer": "adam"}),
    ],
)
def test_knobs_show_what_code_sets_and_do_not_set_it_again(lab: TrainingLab, asked: dict, shown: dict) -> None:
    lab.session.set(**asked)
    assert {name: getattr(lab.knobs, name).value for name in shown} == pytest.approx(shown)
    assert sorted(changes(lab)) == sorted(asked.items())


def test_a_threshold_that_code_sets_switches_clipping_on_again(lab: TrainingLab) -> None:
    lab.knobs.clip_by.value = "off"
    lab.session.worker.settle()
    lab.session.set(clip_threshold=0.5)
    assert (lab.knobs.clip_by.value, lab.knobs.clip_threshold.value) == ("norm", 0.5)
    assert lab.plot.handle == lab.knobs.clip_threshold.index
    assert changes(lab) == [("clip_threshold", math.inf), ("clip_threshold", 0.5)]


def test_a_knob_moved_while_code_sets_another_is_heard(lab: TrainingLab) -> None:
    lab.session.start(10_000)
    other = threading.Thread(target=lambda: [lab.session.set(clip_threshold=0.1 + n / 100) for n in range(50)])
    other.start()
    for n in range(50):
        lab.knobs.learning_rate.value = 0.1 + n / 100
    other.join()
    lab.session.pause()
    lab.session.wait()
    knobs = lab.session.trainers[MAIN].knobs
    assert (knobs.learning_rate, knobs.clip_threshold) == pytest.approx((0.59, 0.59))
    assert lab.knobs.clip_threshold.value == pytest.approx(0.59)


def test_what_code_clips_by_is_not_shown_while_nothing_is_clipped(lab: TrainingLab) -> None:
    lab.knobs.clip_by.value = "off"
    lab.session.worker.settle()
    lab.session.set(clip_by="value")
    assert lab.knobs.clip_by.value == "off"
    lab.session.worker.settle()
    lab.session.set(clip_threshold=0.5)
    assert lab.knobs.clip_by.value == "value"


def test_a_rate_that_waits_for_its_step_stays_where_it_was_moved_to_while_code_sets_a_threshold(
    lab: TrainingLab,
) -> None:
    with lab.session.worker.settled():  # nothing that is asked for takes effect meanwhile
        lab.knobs.learning_rate.value = 0.2
        lab.session.set(clip_threshold=0.5)
        assert lab.knobs.learning_rate.value == 0.2
    lab.session.worker.settle()
    assert dict(changes(lab)) == {"learning_rate": 0.2, "clip_threshold": 0.5}
