"""The lab without a browser: knobs set by value, pictures compared, nothing left running."""

import base64
import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from factories import pixels, wait_until

from rnnlib.figures.perplexity import thin_out
from rnnlib.figures.style import panels, plain_log_axis
from rnnlib.live import recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.settings import Event
from rnnlib.widgets import TrainingLab
from rnnlib.widgets.lab_picture import _rows_without_overlap, describe
from rnnlib.widgets.training_lab import CLIP_THRESHOLDS

SMALL = {"hidden_size": 16, "batch_size": 8, "num_steps": 10, "max_train_tokens": 4000, "device": "cpu"}


@pytest.fixture
def lab():
    small = TrainingLab(name="test lab", **SMALL)
    yield small
    small.stop()


def test_every_knob_reaches_the_training(lab: TrainingLab) -> None:
    lab.buttons["Start"].click()
    wait_until(lambda: lab.session.steps_made > 5)
    lab.learning_rate.value = 0.5
    lab.clip_threshold.value = math.inf
    lab.hidden_size.value = 24
    lab.cell.value = "gru"
    wait_until(lambda: len(lab.session.events) == 4)
    lab.buttons["Pause"].click()
    lab.session.wait()
    changes = {event.knob: (event.old, event.new) for event in lab.session.events}
    assert changes["learning_rate"] == (1.0, 0.5) and changes["clip_threshold"] == (1.0, math.inf)
    assert changes["hidden_size"] == (16, 24) and changes["cell"] == ("rnn", "gru")


def test_step_pause_reset_and_fork_do_what_they_say(lab: TrainingLab) -> None:
    lab.buttons["Step"].click()
    lab.session.wait()
    assert lab.session.steps_made == 1
    lab.buttons["Fork"].click()
    lab.session.wait()
    assert set(lab.session.trainers) == {"main", "fork"}
    lab.buttons["Start"].click()
    wait_until(lambda: lab.session.steps_made > 10)
    lab.buttons["Pause"].click()
    lab.session.wait()
    assert not lab.session.running
    lab.buttons["Reset"].click()
    assert lab.session.steps_made == 0 and set(lab.session.trainers) == {"main"}


def test_the_picture_moves_while_it_trains(lab: TrainingLab) -> None:
    before = pixels(lab.png)
    lab.session.run(200)
    wait_until(lambda: not np.array_equal(pixels(lab.png), before))
    assert before.shape == (600, 1040, 4)


def test_status_text_and_progress_are_shown(lab: TrainingLab) -> None:
    lab.steps.value = 120
    lab.buttons["Start"].click()
    wait_until(lambda: "paused at step 120" in lab.status)
    assert "RNN with 16 hidden units on cpu" in lab.status and "last heard from the kernel" in lab.status
    wait_until(lambda: lab.progress.value == 1 and lab.time_left.value == "120 of 120 steps")
    wait_until(lambda: "At step 120 it writes" in lab.text)


def test_the_lines_show_the_recorded_numbers(lab: TrainingLab) -> None:
    lab.session.run(300)
    figure = lab.figure(lab.compute())
    columns = lab.session.trainers[MAIN].history.columns()
    steps, perplexities = figure.curves["training"].get_data()
    assert list(steps) == list(range(1, 301))
    np.testing.assert_allclose(perplexities, np.exp(columns["loss"]))
    np.testing.assert_allclose(figure.curves["norm"].get_ydata(), columns["gradient_norm"])
    norms = figure.curves["over lags"].get_ydata()
    np.testing.assert_allclose(norms, lab.session.evaluations[-1].norms_over_lags)
    np.testing.assert_allclose(
        figure.curves["over lags at first"].get_ydata(), lab.session.evaluations[0].norms_over_lags
    )
    assert len(norms) == 10
    clipped = int((columns["gradient_norm"] > columns["clip_threshold"])[-200:].sum())
    said = figure.data[-1]
    assert f"{said.get_text()} {said.xycoords.get_text()}" == f"clipped: {clipped} within the last 200 steps"


def test_limits_of_the_axes_hold_all_lines(lab: TrainingLab) -> None:
    lab.session.run(20)
    lab.session.set(learning_rate=30.0, clip_threshold=math.inf)
    lab.session.run(30)
    for name, line in lab.figure(lab.compute()).curves.items():
        y = np.asarray(line.get_ydata(), dtype=float)
        low, high = line.axes.get_ylim()
        finite = y[np.isfinite(y) & (y > 0)]
        if name in ("training", "held out", "fork"):  # a blind guess has 28; what is ten times worse may leave
            finite = finite[finite <= 10 * 28]
        assert (finite >= low * 0.999).all() and (finite <= high * 1.001).all(), name


def test_axes_are_drawn_anew_only_when_lines_leave_them(lab: TrainingLab, monkeypatch) -> None:
    figure, drawn = lab.figure(lab.compute()), []
    draw_axes = figure.draw_axes
    monkeypatch.setattr(figure, "draw_axes", lambda: drawn.append(1) or draw_axes())
    for _ in range(60):
        lab.session.run(10)
        lab.refresh()
    assert len(drawn) <= 8  # steps leave 100, 200 and 400; perplexity, norms and radius find their places


def test_a_network_that_diverges_does_not_hide_one_that_learns(lab: TrainingLab) -> None:
    lab.session.set(learning_rate=30.0, clip_threshold=math.inf)
    lab.session.run(30)
    figure = lab.figure(lab.compute())
    assert figure.curves["training"].axes.get_ylim()[1] <= 10 * 28


def test_a_reader_without_a_kernel_sees_a_picture_and_a_constant_text(lab: TrainingLab) -> None:
    lab.session.run(50)
    bundle = lab._repr_mimebundle_()
    assert bundle["text/plain"] == "TrainingLab"
    assert pixels(base64.b64decode(bundle["image/png"])).shape == (600, 1040, 4)
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_divergence_is_told_in_the_view(lab: TrainingLab) -> None:
    lab.session.set(learning_rate=3e38, clip_threshold=math.inf)
    lab.buttons["Start"].click()
    wait_until(lambda: "Lower the learning rate" in lab.news and 'role="alert"' in lab._news.value)


def test_a_screen_reader_says_each_change_once_when_it_has_taken_effect(lab: TrainingLab) -> None:
    said = []
    lab._news.observe(lambda change: said.append(change.new), "value")
    lab.session.run(20)
    lab.hidden_size.value = 24
    lab.session.run(20)
    wait_until(lambda: "hidden size 24 from step 20 on" in lab.news)
    lab.clip_threshold.value = math.inf
    lab.session.run(20)
    wait_until(lambda: "clip threshold off from step 40 on" in lab.news)
    wait_until(lambda: "step 60" in lab.status)
    assert len(said) == 2 and all('role="alert"' in sentence for sentence in said)


def test_what_a_button_cannot_do_is_told_in_the_view(lab: TrainingLab, monkeypatch, tmp_path) -> None:
    (tmp_path / "saved").write_text("a file where the folder should be")
    monkeypatch.chdir(tmp_path)
    lab.buttons["Save"].click()
    wait_until(lambda: "saved" in lab.news)
    lab.session.run(3)
    assert lab.session.steps_made == 3


def test_save_writes_a_session_that_replays(lab: TrainingLab, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    lab.session.run(5)
    lab.buttons["Save"].click()
    (saved,) = (tmp_path / "saved").iterdir()
    again = recordings.replay(saved, name="again")
    assert again.steps_made == 5


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
    for control in (lab.hidden_size, lab.learning_rate, lab.clip_threshold, lab.temperature, lab.cell, lab.steps):
        assert control.description
    values = CLIP_THRESHOLDS[:-1]
    ratios = np.diff(np.log(values))
    np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.parametrize("rate", [0.0001, 0.003, 1.0, 2.0, 8.0, 100.0])
def test_the_learning_rate_begins_at_a_place_of_its_slider(rate: float) -> None:
    lab = TrainingLab(name="test lab", learning_rate=rate, **SMALL)
    slider = lab.learning_rate
    places = (math.log10(rate) - slider.min) / slider.step
    assert slider.value == rate and abs(places - round(places)) < 1e-6 and slider.min < -2.9
    slider.value = rate * (1 + 1e-15)  # as a page may send it back
    lab.stop()
    assert lab.session.events == [] and lab.session.trainers[MAIN].knobs.learning_rate == rate


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


def test_events_are_described_in_a_few_words() -> None:
    assert describe(Event(3, "learning_rate", 1.0, 0.25)) == "rate 0.25"
    assert describe(Event(3, "clip_threshold", 1.0, math.inf)) == "clip off"
    assert describe(Event(3, "hidden_size", 16, 24)) == "H 24" and describe(Event(3, "fork", None, True)) == "fork"


def test_labels_of_events_never_share_a_place() -> None:
    marks = tuple(Event(step, "learning_rate", 1.0, 0.5) for step in (0, 1, 2, 3, 4, 5, 50, 100, 101))
    labelled = _rows_without_overlap(marks, least_distance=20)
    assert [mark.step for mark, _ in labelled] == [101, 100, 50, 5, 4, 3, 2]
    for mark, row in labelled:
        assert not any(other is not mark and other_row == row and abs(other.step - mark.step) < 20
                       for other, other_row in labelled)  # fmt: skip


def test_python_ends_cleanly_while_a_lab_trains() -> None:
    code = f"from rnnlib.widgets import TrainingLab; lab = TrainingLab(**{SMALL}); lab.session.start()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
