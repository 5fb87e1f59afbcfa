"""The map without a browser: it fills in from a thread of its own, follows its sliders, leaves no thread behind."""

import math
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from factories import wait_until, when

from rnnlib.live.sweeps import sweep
from rnnlib.widgets import LearningMap
from rnnlib.widgets.learning_map import fraction_name

SMALL = {"hidden_size": 8, "batch_size": 8, "num_steps": 10, "max_train_tokens": 2000}
GRID = {"learning_rates": (0.5, 2.0, 30.0), "clip_thresholds": (0.05, math.inf), "steps": 60}


@pytest.fixture
def view():
    small = LearningMap(name="test map", **GRID, **SMALL)
    yield small
    small.stop()


class Waiting(Executor):
    """Keeps every task waiting until it is told to do the next one."""

    def __init__(self) -> None:
        self.tasks: list[tuple] = []

    def submit(self, function, /, *arguments, **options) -> Future:
        self.tasks.append((Future(), function, arguments))
        return self.tasks[-1][0]

    def do_next(self) -> None:
        future, function, arguments = self.tasks.pop(0)
        if future.set_running_or_notify_cancel():
            future.set_result(function(*arguments))


@pytest.fixture
def waiting():
    """A map whose networks are trained when its executor is told so."""
    view = LearningMap(name="test map", executor=Waiting(), **GRID, **SMALL)
    yield view
    view.worker.pause()
    while view.executor.tasks:
        view.executor.do_next()
    view.stop()


def test_the_map_holds_the_numbers_of_the_sweep(view: LearningMap) -> None:
    view.start()
    view.wait()
    expected = np.array([run.validation_loss for run in sweep(view.settings, **GRID)]).reshape(2, 3)
    lost = np.array([[False, False, False], [False, False, True]])
    np.testing.assert_allclose(view.compute().series["map"][~lost], np.exp(expected[~lost]), rtol=1e-6)
    assert np.isinf(view.compute().series["map"][lost]).all()


def test_the_map_fills_in_while_the_reader_does_something_else(waiting: LearningMap) -> None:
    waiting.start()
    wait_until(lambda: len(waiting.executor.tasks) == 6)
    wait_until(lambda: "0 of 6 networks, training" in waiting.text)
    assert np.isnan(waiting.compute().series["map"]).all()
    waiting.executor.do_next()
    wait_until(lambda: "1 of 6 networks, training" in waiting.text)
    assert np.isfinite(waiting.compute().series["map"]).sum() == 1
    while waiting.executor.tasks:
        waiting.executor.do_next()
    waiting.wait()
    wait_until(lambda: "6 of 6 networks, all trained" in waiting.text)


def test_starting_returns_at_once_and_stopping_keeps_what_is_known(waiting: LearningMap) -> None:
    waiting.buttons["Start"].click()
    for known in (1, 2):
        wait_until(lambda: waiting.executor.tasks)
        waiting.executor.do_next()
        wait_until(lambda known=known: len(waiting.runs) == known)
    waiting.buttons["Stop"].click()
    waiting.executor.do_next()  # the one that trains now
    waiting.wait()
    assert len(waiting.runs) == 3 and not waiting.running
    assert all(future.cancelled() for future, *_ in waiting.executor.tasks)
    wait_until(lambda: "3 of 6 networks, not training" in waiting.text)


def test_a_field_shows_the_median_over_its_seeds_and_a_cross_where_that_diverged(view: LearningMap) -> None:
    view.start()
    view.wait()
    view.add_seeds(1, 2)
    view.wait()
    assert view.seeds == (0, 1, 2) and all(len(runs) == 3 for runs in view.runs.values())
    for row, threshold in enumerate(GRID["clip_thresholds"]):
        for column, rate in enumerate(GRID["learning_rates"]):
            runs = view.runs[rate, threshold]
            assert [run.settings.seed for run in runs] == [0, 1, 2]
            ends = [math.inf if run.diverged else math.exp(run.validation_loss) for run in runs]
            assert view.compute().series["map"][row, column] == pytest.approx(np.median(ends), rel=1e-6)
    wait_until(lambda: "18 of 18 networks, all trained" in view.text and "threshold off, seed 2:" in view.text)
    assert {"training 0", "training 1", "training 2"} <= view.compute().series.keys()


def test_more_seeds_are_what_a_map_of_all_seeds_has_from_the_beginning(view: LearningMap) -> None:
    view.start()
    view.wait()
    view.add_seeds(1)
    view.wait()
    both = LearningMap(name="another map", seeds=(0, 1), **GRID, **SMALL)
    both.start()
    both.wait()
    assert np.array_equal(both.compute().series["map"], view.compute().series["map"])
    both.stop()


def test_thresholds_are_named_as_they_are_written_in_code() -> None:
    assert [fraction_name(each) for each in (1 / 64, 1 / 4, 1.0, 4.0, 0.05, math.inf)] == [
        "1/64", "1/4", "1", "4", "0.05", "off",
    ]  # fmt: skip


def test_starting_again_begins_from_the_beginning(view: LearningMap) -> None:
    view.start()
    view.wait()
    first = view.compute().series["map"]
    view.start()
    view.wait()
    assert np.array_equal(view.compute().series["map"], first)


def test_the_sliders_open_the_curve_of_their_pair(view: LearningMap) -> None:
    view.start()
    view.wait()
    view.learning_rate.value, view.clip_threshold.value = 0.5, 0.05
    (run,) = view.runs[0.5, 0.05]
    words = (
        f"Learning rate 0.5, threshold 0.05: validation perplexity {math.exp(run.validation_loss):.1f} after 60 steps"
    )
    wait_until(lambda: words in view.text)
    curve = view.compute().series["training 0"]
    np.testing.assert_allclose(curve[:, 1], np.exp(run.losses), rtol=1e-6)
    assert view.plot.selected == [0, 0]
    view.plot.selected = [1, 2]  # a field was chosen in the page
    assert (view.learning_rate.value, view.clip_threshold.value) == (30.0, math.inf)
    wait_until(lambda: "Learning rate 30, threshold off: diverged" in view.text)
    assert view.compute().selected == (1, 2)


def test_a_pair_that_is_not_trained_yet_is_said_so(view: LearningMap) -> None:
    assert "0 of 6 networks, not training. Learning rate 2, threshold off: not trained yet." in view.text
    assert "Best so far" not in view.text


def test_the_best_network_is_named(view: LearningMap) -> None:
    view.start()
    view.wait()
    row, column = np.unravel_index(view.compute().series["map"].argmin(), (2, 3))
    rate, threshold = GRID["learning_rates"][column], ("0.05", "off")[row]
    best = f"Best so far: {view.compute().series['map'].min():.1f}, at learning rate {rate:.3g}, threshold {threshold}."
    wait_until(lambda: best in view.text)


def test_an_error_in_the_thread_is_shown_and_raised_by_wait(view: LearningMap) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    view.executor = pool
    view.start()
    with pytest.raises(RuntimeError, match="after shutdown"):
        view.wait()
    wait_until(lambda: "The training ended: cannot schedule new" in view.news)
    view.executor = None
    view.start()
    view.wait()
    wait_until(lambda: len(view.runs) == 6 and "all trained" in view.text and not view.news)


def test_what_cannot_be_trained_is_told_when_the_map_is_made() -> None:
    with pytest.raises(ValueError, match="learning rate must be a number above 0"):
        LearningMap(learning_rates=(0.0, 1.0), **SMALL)
    with pytest.raises(ValueError, match="need at least"):
        LearningMap(max_train_tokens=50)


def test_running_the_cell_again_leaves_no_thread_of_the_first_map(waiting: LearningMap) -> None:
    executor, threads = waiting.executor, threading.enumerate
    waiting.start()
    wait_until(lambda: len(executor.tasks) == 6)
    earlier = waiting.worker
    when(lambda: not earlier.alive, executor.do_next)  # its first network is trained while the new map waits for it
    newer = LearningMap(name="test map", executor=executor, **GRID, **SMALL)
    assert not waiting.running and len(waiting.runs) == 1 and "1 of 6 networks, not training" in waiting.text
    assert all(future.cancelled() for future, *_ in executor.tasks)
    executor.tasks.clear()
    newer.start()
    wait_until(lambda: len(executor.tasks) == 6)
    later = newer.worker
    when(lambda: not later.alive, executor.do_next)
    waiting.start()  # from a page that still shows it
    assert not newer.running and waiting.running
    wait_until(lambda: len(executor.tasks) == 5 + 6)  # those of the newer map, which were dropped, and its own
    executor.tasks = executor.tasks[5:]
    waiting.worker.pause()
    while executor.tasks:
        executor.do_next()
    waiting.stop()
    newer.stop()
    assert not [thread.name for thread in threads() if "test map" in thread.name]


def test_what_is_trained_later_is_shown_on_a_map_that_was_started_again_from_an_old_page(view: LearningMap) -> None:
    newer = LearningMap(name="test map", **GRID, **SMALL)
    view.start()
    view.wait()
    wait_until(lambda: "6 of 6 networks, all trained" in view.text)
    newer.stop()


def test_a_reader_without_a_kernel_sees_the_map_and_a_constant_text(view: LearningMap) -> None:
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"].startswith("LearningMap\n") and bundle["image/png"]
    assert view.learning_rate.description and view.clip_threshold.description


def test_python_ends_cleanly_while_a_map_trains() -> None:
    code = "from rnnlib.widgets import LearningMap; LearningMap(hidden_size=64, steps=400).start()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_networks_of_several_seeds_have_names_and_colors_of_their_own(view: LearningMap) -> None:
    (alone, _) = view.compute().panels[1].lines
    assert (alone.name, alone.color) == ("training", "blue")
    view.seeds = (0, 7, 9)
    *training, _ = view.compute().panels[1].lines
    assert [line.name for line in training] == ["seed 0", "seed 7", "seed 9"]
    assert len({line.color for line in training}) == 3 and "orange" not in {line.color for line in training}
