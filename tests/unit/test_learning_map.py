"""The map without a browser: it fills in from a thread of its own, follows its sliders, leaves no thread behind."""

import math
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from factories import pixels, wait_until, when

from rnnlib.figures.style import panels
from rnnlib.figures.sweep import run_curve, sweep_fields
from rnnlib.live.sweeps import sweep
from rnnlib.widgets import LearningMap

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
    expected = np.array([run.held_out_loss for run in sweep(view.settings, **GRID)]).reshape(2, 3)
    lost = np.array([[False, False, False], [False, False, True]])
    np.testing.assert_allclose(view.compute().perplexities[~lost], np.exp(expected[~lost]))
    assert np.isinf(view.compute().perplexities[lost]).all()


def test_the_map_fills_in_while_the_reader_does_something_else(waiting: LearningMap) -> None:
    waiting.start()
    wait_until(lambda: len(waiting.executor.tasks) == 6)
    wait_until(lambda: "0 of 6 networks, training" in waiting.text)
    assert np.isnan(waiting.compute().perplexities).all()
    before = pixels(waiting.png)
    waiting.executor.do_next()
    wait_until(lambda: "1 of 6 networks, training" in waiting.text)
    assert np.isfinite(waiting.compute().perplexities).sum() == 1 and not np.array_equal(pixels(waiting.png), before)
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


def test_starting_again_begins_from_the_beginning(view: LearningMap) -> None:
    view.start()
    view.wait()
    first = view.compute().perplexities
    view.start()
    view.wait()
    assert np.array_equal(view.compute().perplexities, first)


def test_the_sliders_open_the_curve_of_their_pair(view: LearningMap) -> None:
    view.start()
    view.wait()
    view.learning_rate.value, view.clip_threshold.value = 0.5, 0.05
    picture, run = view.png, view.runs[0.5, 0.05]
    words = f"Learning rate 0.5, threshold 0.05: held-out perplexity {math.exp(run.held_out_loss):.1f} after 60 steps"
    assert words in view.text
    curve = view.figure(view.compute()).axes[1].lines[2]
    np.testing.assert_allclose(curve.get_ydata(), np.exp(run.losses))
    view.learning_rate.value = 30.0
    assert view.png != picture
    view.clip_threshold.value = math.inf
    assert "Learning rate 30, threshold off: diverged" in view.text


def test_a_pair_that_is_not_trained_yet_is_said_so(view: LearningMap) -> None:
    assert "0 of 6 networks, not training. Learning rate 2, threshold off: not trained yet." in view.text
    assert "Best so far" not in view.text


def test_the_best_network_is_named(view: LearningMap) -> None:
    view.start()
    view.wait()
    row, column = np.unravel_index(view.compute().perplexities.argmin(), (2, 3))
    rate, threshold = GRID["learning_rates"][column], ("0.05", "off")[row]
    best = f"Best so far: {view.compute().perplexities.min():.1f}, at learning rate {rate:.3g}, threshold {threshold}."
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
    executor.tasks = executor.tasks[5:]
    waiting.worker.pause()
    wait_until(lambda: len(executor.tasks) == 6)
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
    assert bundle["text/plain"] == "LearningMap" and bundle["image/png"]
    assert view.learning_rate.description and view.clip_threshold.description


def test_drawing_again_and_again_leaves_nothing_on_the_kept_axes(view: LearningMap) -> None:
    left, right = view.figure(view.compute()).axes
    before = len(left.get_children()), len(right.get_children())
    for index in (0, 1, 2):
        view.learning_rate.index = index
    assert (len(left.get_children()), len(right.get_children())) == before


def test_every_field_says_its_number_and_a_diverged_one_has_a_cross() -> None:
    _, (ax,) = panels()
    drawn = sweep_fields(ax, np.array([[7.25, math.inf, math.nan]]), most=28, selected=(0, 1))
    assert [artist.get_text() for artist in drawn if hasattr(artist, "get_text")] == ["7.2", "×"]
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, -0.5)] * 2


@pytest.mark.parametrize("perplexities", [[[math.nan]], [[math.inf]], [[28.0]], [[40.0]]])
def test_maps_without_a_range_of_numbers_can_be_drawn(perplexities: list) -> None:
    drawing, (ax,) = panels()
    sweep_fields(ax, np.array(perplexities), most=28, selected=(0, 0))
    assert drawing._repr_png_()


def test_a_lost_run_is_drawn_without_a_warning() -> None:
    drawing, (ax,) = panels()
    run_curve(ax, np.array([3.3, 50.0, 1e30, math.inf]), math.nan)
    assert drawing._repr_png_()


def test_python_ends_cleanly_while_a_map_trains() -> None:
    code = "from rnnlib.widgets import LearningMap; LearningMap(hidden_size=64, steps=400).start()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
