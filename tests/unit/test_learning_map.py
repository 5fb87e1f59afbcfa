"""The map without a browser: it fills in from a thread of its own, follows its sliders, leaves no thread behind."""

import io
import math
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

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
        future.set_result(function(*arguments))


def until(condition, seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "this did not happen in time"
        time.sleep(0.01)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_map_holds_the_numbers_of_the_sweep(view: LearningMap) -> None:
    view.start()
    view.wait()
    expected = np.array([run.held_out_loss for run in sweep(view.settings, **GRID)]).reshape(2, 3)
    lost = np.array([[False, False, False], [False, False, True]])
    np.testing.assert_allclose(view.perplexities[~lost], np.exp(expected[~lost]))
    assert np.isinf(view.perplexities[lost]).all()


def test_the_map_fills_in_while_the_reader_does_something_else() -> None:
    executor = Waiting()
    view = LearningMap(name="test map", executor=executor, **GRID, **SMALL)
    view.start()
    until(lambda: len(executor.tasks) == 6)
    assert np.isnan(view.perplexities).all() and "0 of 6 networks, training" in view._words.value
    before = pixels(view._image.value)
    time.sleep(0.5)  # the next run is drawn at once
    executor.do_next()
    until(lambda: "1 of 6 networks" in view._words.value)
    assert np.isfinite(view.perplexities).sum() == 1 and not np.array_equal(pixels(view._image.value), before)
    while executor.tasks:
        executor.do_next()
    view.wait()
    assert "6 of 6 networks, all trained" in view._words.value


def test_starting_returns_at_once_and_stopping_keeps_what_is_known(view: LearningMap) -> None:
    view.buttons["Start"].click()
    until(lambda: len(view.runs) >= 2)
    view.buttons["Stop"].click()
    view.wait()
    assert 2 <= len(view.runs) < 6 and not view.running
    assert f"{len(view.runs)} of 6 networks, not training" in view._words.value


def test_starting_again_begins_from_the_beginning(view: LearningMap) -> None:
    view.start()
    view.wait()
    first = view.perplexities
    view.start()
    assert len(view.runs) < 6
    view.wait()
    assert np.array_equal(view.perplexities, first)


def test_the_sliders_open_the_curve_of_their_pair(view: LearningMap) -> None:
    view.start()
    view.wait()
    view.learning_rate.value, view.clip_threshold.value = 0.5, 0.05
    picture, run = view._image.value, view.runs[0.5, 0.05]
    words = f"Learning rate 0.5, threshold 0.05: held-out perplexity {math.exp(run.held_out_loss):.1f} after 60 steps"
    assert words in view._words.value
    curve = view.drawing().axes[1].lines[2]
    np.testing.assert_allclose(curve.get_ydata(), np.exp(run.losses))
    view.learning_rate.value = 30.0
    assert view._image.value != picture
    view.clip_threshold.value = math.inf
    assert "Learning rate 30, threshold off: diverged" in view._words.value


def test_a_pair_that_is_not_trained_yet_is_said_so(view: LearningMap) -> None:
    assert "0 of 6 networks, not training. Learning rate 2, threshold off: not trained yet." in view._words.value
    assert "Best so far" not in view._words.value


def test_the_best_network_is_named(view: LearningMap) -> None:
    view.start()
    view.wait()
    row, column = np.unravel_index(view.perplexities.argmin(), (2, 3))
    rate, threshold = GRID["learning_rates"][column], ("0.05", "off")[row]
    best = f"Best so far: {view.perplexities.min():.1f}, at learning rate {rate:.3g}, threshold {threshold}."
    assert best in view._words.value


def test_an_error_in_the_thread_is_shown_and_raised_by_wait(view: LearningMap) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    view._executor = pool
    view.start()
    with pytest.raises(RuntimeError, match="after shutdown"):
        view.wait()
    assert 'role="alert"' in view._words.value and "The training ended: cannot schedule new" in view._words.value
    view._executor = None
    view.start()
    view.wait()
    assert len(view.runs) == 6 and "all trained" in view._words.value


def test_what_cannot_be_trained_is_told_when_the_map_is_made() -> None:
    with pytest.raises(ValueError, match="learning rate must be a number above 0"):
        LearningMap(learning_rates=(0.0, 1.0), **SMALL)
    with pytest.raises(ValueError, match="need at least"):
        LearningMap(max_train_tokens=50)


def test_running_the_cell_again_leaves_no_thread_of_the_first_map(view: LearningMap) -> None:
    view.start()
    newer = LearningMap(name="test map", **GRID, **SMALL)
    assert not view.running and len(view.runs) < 6
    newer.start()
    view.start()  # from a page that still shows it
    assert not newer.running
    view.stop()
    assert "map test map" not in [thread.name for thread in threading.enumerate()]


def test_an_interrupt_while_waiting_stops_the_map(view: LearningMap, monkeypatch) -> None:
    view.start()
    thread = view._thread
    assert thread is not None

    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            view.wait()
    view.wait()
    assert len(view.runs) < 6


def test_a_reader_without_a_kernel_sees_the_map_and_a_constant_text(view: LearningMap) -> None:
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == "LearningMap" and bundle["image/png"]
    assert view.learning_rate.description and view.clip_threshold.description


def test_drawing_again_and_again_leaves_nothing_on_the_kept_axes(view: LearningMap) -> None:
    left, right = view._canvas.figure.axes
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
