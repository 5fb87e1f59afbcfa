"""Learning rate x clipping threshold: many small networks train one after another while their map fills in.

Before: knob_view.py.

A background thread trains, stores each run and draws the map again; the callbacks of the sliders draw it too, and the
button that stops only says so.  One lock lets one of them draw at a time.
"""

import atexit
import contextlib
import math
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnnlib.baselines import NGram
from rnnlib.figures.png import png_of
from rnnlib.figures.style import Drawing, panels
from rnnlib.figures.sweep import run_axes, run_curve, sweep_axes, sweep_fields, threshold_name
from rnnlib.sessions import Settings
from rnnlib.live.sweeps import Run, sweep
from rnnlib.text import load_corpus
from rnnlib.training import perplexity
from rnnlib.widgets.knob_view import SLIDER_STYLE, KnobView

LEARNING_RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
CLIP_THRESHOLDS = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, math.inf)
SMALL_NETWORK: dict[str, Any] = {"hidden_size": 32, "batch_size": 16, "num_steps": 20, "device": "cpu"}
LEAST_SECONDS_BETWEEN_PICTURES = 0.4
_maps: dict[str, "LearningMap"] = {}


class LearningMap(KnobView):
    """A map of how networks end, one field for each pair of knobs, and the curve of the pair the sliders select.

    Other keyword arguments are those of sessions.Settings (text="story", cell="gru", hidden_size=32, ...).
    `start` trains in the background and returns at once; `wait` waits for the last network; `runs` holds what is known,
    by (learning rate, threshold).  Running the cell again replaces the map: the earlier one stops.
    """

    def __init__(
        self,
        *,
        learning_rates: Sequence[float] = LEARNING_RATES,
        clip_thresholds: Sequence[float] = CLIP_THRESHOLDS,
        steps: int = 200,
        executor: Executor | None = None,
        name: str = "map",
        **settings: Any,
    ):
        """steps: of every network.  executor: where they train, see sweeps.sweep.

        Raises ValueError, in one sentence, for what cannot be trained.
        """
        self.settings, self.steps, self.name = Settings(**{**SMALL_NETWORK, **settings}), steps, name
        self.learning_rates, self.clip_thresholds = tuple(learning_rates), tuple(clip_thresholds)
        self._executor = executor
        self._sweep()  # raises what is wrong before anything is shown
        corpus = load_corpus(self.settings.text, max_train_tokens=self.settings.max_train_tokens)
        self._vocab_size = len(corpus.vocab)
        self._ngram_perplexity = NGram(corpus.train, order=4, vocab_size=self._vocab_size).perplexity(corpus.held_out)
        self.runs: dict[tuple[float, float], Run] = {}
        self.running = False
        self.error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._stopping, self._painting = threading.Event(), threading.RLock()
        thresholds = [(threshold_name(threshold), threshold) for threshold in self.clip_thresholds]
        self.learning_rate = _middle_of([(f"{rate:.3g}", rate) for rate in self.learning_rates], "Learning rate")
        self.clip_threshold = _middle_of(thresholds, "Clipping threshold")
        self._canvas = FigureCanvasAgg(self._empty_drawing())
        self._canvas.draw()
        self._axes_alone = self._canvas.copy_from_bbox(self._canvas.figure.bbox)
        super().__init__([self.learning_rate, self.clip_threshold])
        self.children: tuple[widgets.Widget, ...] = (self._make_buttons(), *self.children)
        self.add_class("learning-map")
        self._replace_earlier_one()

    def _replace_earlier_one(self) -> None:
        if self.name in _maps:
            _maps[self.name].stop()
        _maps[self.name] = self

    def _make_buttons(self) -> widgets.HBox:
        actions = [
            ("Start", "Train all networks, from the beginning", self.start),
            ("Stop", "Stop after the network that trains now", self._stopping.set),
        ]
        self.buttons = {}
        for label, tooltip, action in actions:
            self.buttons[label] = widgets.Button(description=label, tooltip=tooltip, layout={"width": "90px"})
            self.buttons[label].on_click(lambda _, action=action: action())
        self.buttons["Start"].button_style = "primary"
        return widgets.HBox(list(self.buttons.values()))

    # --------------------------------------------------------------------------- what a reader does

    def start(self) -> None:
        """Train all networks, from the beginning, in the background."""
        self._replace_earlier_one()  # or begin again, if that is this one
        self.runs, self.running, self.error = {}, True, None
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name=f"map {self.name}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until all networks are trained or the map is stopped; raises what ended the training, if something did.

        An interrupt of the kernel stops the map.
        """
        try:
            if self._thread is not None:
                self._thread.join()
        except KeyboardInterrupt:
            self._stopping.set()
            raise
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Stop after the network that trains now (with an executor: when its next one is done), and wait for that."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    # -------------------------------------------------------------------------- the background thread

    def _sweep(self) -> Generator[Run]:
        grid = {"learning_rates": self.learning_rates, "clip_thresholds": self.clip_thresholds}
        return sweep(self.settings, **grid, steps=self.steps, executor=self._executor)

    def _work(self) -> None:
        try:
            with contextlib.closing(self._sweep()) as runs:
                self._train(runs)
        except Exception as error:  # a thread must not die silently: `wait` raises it, the view tells it
            self.error = error
        self.running = False
        if threading.main_thread().is_alive():  # at the kernel's end nobody looks, and its connections are closing
            self.redraw()

    def _train(self, runs: Iterator[Run]) -> None:
        """Store every run as it comes, and draw now and then."""
        self.redraw()
        drawn = time.monotonic()
        for run in runs:
            if self._stopping.is_set():
                return
            self.runs[run.settings.learning_rate, run.settings.clip_threshold] = run
            if time.monotonic() - drawn > LEAST_SECONDS_BETWEEN_PICTURES:
                self.redraw()
                drawn = time.monotonic()

    # --------------------------------------------------------------------------------------- picture

    def redraw(self) -> None:
        """Show what is known now; called by the background thread and by the sliders, one at a time."""
        with self._painting:
            super().redraw()

    @property
    def perplexities(self) -> np.ndarray:
        """Held-out perplexity (thresholds, rates): infinite where a network diverged, nan where it is not known yet."""
        runs = dict(self.runs)
        return np.array(
            [[_final_perplexity(runs.get((rate, threshold))) for rate in self.learning_rates]
             for threshold in self.clip_thresholds]
        )  # fmt: skip

    def drawing(self) -> Drawing:
        """The map, and the curve of the selected network."""
        drawing = self._empty_drawing()
        self._draw_data(drawing)
        return drawing

    def picture(self) -> bytes:
        """The drawing as PNG; its axes, which never change, are drawn once and kept."""
        with self._painting:
            self._canvas.restore_region(self._axes_alone)
            for artist in self._draw_data(self._canvas.figure):
                artist.draw(self._canvas.get_renderer())
                artist.remove()
            return png_of(self._canvas)

    def _empty_drawing(self) -> Drawing:
        drawing, (left, right) = panels(2, width=10.4, height=4.2)
        sweep_axes(left, self.learning_rates, self.clip_thresholds)
        run_axes(right, steps=self.steps, vocab_size=self._vocab_size, ngram_perplexity=self._ngram_perplexity)
        return drawing

    def _draw_data(self, figure: Figure) -> list[Artist]:
        left, right = figure.axes
        selected = (self.clip_threshold.index, self.learning_rate.index)
        fields = sweep_fields(left, self.perplexities, self._vocab_size, selected)
        run = self._selected_run
        return fields + run_curve(right, run.losses, run.held_out_loss) if run else fields

    @property
    def _selected_run(self) -> Run | None:
        return self.runs.get((self.learning_rate.value, self.clip_threshold.value))

    def words(self) -> str:
        """How many networks are trained, how the selected one ended, and which is the best."""
        if self.error is not None:
            raise ValueError(f"The training ended: {self.error}")
        known = self.perplexities
        doing = "training" if self.running else "all trained" if not np.isnan(known).any() else "not training"
        told = [f"{np.isfinite(known).sum() + np.isinf(known).sum()} of {known.size} networks, {doing}."]
        run = self._selected_run
        pair = f"Learning rate {self.learning_rate.label}, threshold {self.clip_threshold.label}"
        if run is None:
            told.append(f"{pair}: not trained yet.")
        else:
            end = "diverged" if run.diverged else f"held-out perplexity {perplexity(run.held_out_loss):.1f}"
            told.append(f"{pair}: {end} after {len(run.losses)} steps, {run.clipped_fraction:.0%} of them clipped.")
        if np.isfinite(known).any():
            row, column = np.unravel_index(np.argmin(np.nan_to_num(known, nan=np.inf)), known.shape)
            rate, threshold = f"{self.learning_rates[column]:.3g}", threshold_name(self.clip_thresholds[row])
            told.append(f"Best so far: {known[row, column]:.1f}, at learning rate {rate}, threshold {threshold}.")
        return " ".join(told)


@atexit.register
def _stop_all() -> None:
    """Python must not end while a thread is inside torch."""
    for view in _maps.values():
        view.stop()


def _final_perplexity(run: Run | None) -> float:
    if run is None:
        return math.nan
    return math.inf if run.diverged else perplexity(run.held_out_loss)


def _middle_of(options: list[tuple[str, float]], description: str) -> widgets.SelectionSlider:
    """A slider over the options, the middle one to begin with."""
    middle = options[len(options) // 2][1]
    layout = widgets.Layout(width="420px")
    return widgets.SelectionSlider(
        options=options, value=middle, description=description, style=SLIDER_STYLE, layout=layout
    )  # fmt: skip
