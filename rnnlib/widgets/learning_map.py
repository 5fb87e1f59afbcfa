"""Learning rate x clipping threshold: many small networks train one after another while their map fills in.

Before: live_view.py, layered_figure.py, sweeps.py.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from rnnlib.baselines import NGram
from rnnlib.figures.chart import Chart, Field, Level, Line, Panel, threshold_name
from rnnlib.live.curves import Curves
from rnnlib.live.settings import Settings
from rnnlib.live.sweeps import Run, sweep
from rnnlib.live.worker import Worker
from rnnlib.text import load_corpus
from rnnlib.training import perplexity
from rnnlib.widgets.knobs import option_slider, row
from rnnlib.widgets.live_view import LiveView

LEARNING_RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
CLIP_THRESHOLDS = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, math.inf)
SMALL_NETWORK: dict[str, Any] = {"hidden_size": 32, "batch_size": 16, "num_steps": 20, "device": "cpu"}


class LearningMap(LiveView):
    """A map of how networks end, one field for each pair of knobs, and the curve of the pair the sliders select.

    Other keyword arguments are those of Settings (text="story", cell="gru", hidden_size=32, ...).
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
        super().__init__()
        self.settings, self.steps, self.name = Settings(**{**SMALL_NETWORK, **settings}), steps, name
        self.learning_rates, self.clip_thresholds = tuple(learning_rates), tuple(clip_thresholds)
        self.executor = executor
        self._begin()  # raises what is wrong before anything is shown
        corpus = load_corpus(self.settings.text, max_train_tokens=self.settings.max_train_tokens)
        V = len(corpus.vocab)
        counted = NGram(corpus.train, order=4, vocab_size=V).perplexity(corpus.validation)
        self._panels = self._describe_panels(V, counted)
        rates = [(f"{rate:.3g}", rate) for rate in self.learning_rates]
        thresholds = [(threshold_name(threshold), threshold) for threshold in self.clip_thresholds]
        self.learning_rate = option_slider("Learning rate", rates, rates[len(rates) // 2][1])
        self.clip_threshold = option_slider("Clipping threshold", thresholds, thresholds[len(thresholds) // 2][1])
        for knob in (self.learning_rate, self.clip_threshold):
            knob.observe(lambda change: self._select(), "value")
        self.plot.observe(lambda change: self._selected(*change.new), "selected")
        buttons = self.make_buttons(
            [
                ("Start", "Train all networks, from the beginning", self.start),
                ("Stop", "Stop after the network that trains now", lambda: self.worker.pause()),
            ]
        )
        knobs = row(self.learning_rate, self.clip_threshold)
        self.children = [row(*buttons), knobs, self.plot]
        self.add_class("learning-map")
        self._select()

    def _begin(self) -> None:
        """Nothing is known; another map of this name ends, or this one, if it is at work."""
        grid = {"learning_rates": self.learning_rates, "clip_thresholds": self.clip_thresholds}
        sweeping = sweep(self.settings, **grid, steps=self.steps, executor=self.executor)
        runs: dict[tuple[float, float], Run] = {}

        def train_one() -> float | None:
            run = next(sweeping, None)
            if run is None:
                return None
            runs[run.settings.learning_rate, run.settings.clip_threshold] = run
            self.show_now()  # the next one may take long
            return 0.0

        def end() -> None:
            sweeping.close()  # what has not begun is dropped
            self.show_soon()

        self.worker, self.runs = Worker(f"map {self.name}", train_one, at_rest=end), runs

    # --------------------------------------------------------------------------- what a reader does

    @property
    def running(self) -> bool:
        """Whether it trains."""
        return self.worker.running

    def start(self) -> None:
        """Train all networks, from the beginning, in the background."""
        self._begin()
        self.worker.start()
        self.show_now()

    def wait(self) -> None:
        """Wait until all networks are trained or the map is stopped; raises what ended the training, if something did.

        An interrupt of the kernel stops the map.
        """
        self.worker.wait()

    # ---------------------------------------------------------------------------------- what is shown

    def _select(self) -> None:
        """The sliders say which network is looked at."""
        self.plot.selected = [self.clip_threshold.index, self.learning_rate.index]
        self.show_now()

    def _selected(self, row: int, column: int) -> None:
        """A field was chosen in the picture."""
        self.clip_threshold.index, self.learning_rate.index = row, column

    def _describe_panels(self, vocab_size: int, ngram_perplexity: float) -> tuple[Field, Panel]:
        fields = Field(
            "validation perplexity, × diverged", "map",
            tuple(threshold_name(threshold) for threshold in self.clip_thresholds),
            tuple(f"{rate:.3g}" for rate in self.learning_rates),
            (vocab_size, 3.0), "learning rate", "threshold", upwards=True, shows_numbers=True,
        )  # fmt: skip
        run = Panel(
            "perplexity",
            (Line("training", "training", "blue"), Line("validation", "validation, at the end", "orange", "dots", 3)),
            x_limits=(0, 1.04 * self.steps),
            at_least=(0.75 * ngram_perplexity, 2 * vocab_size),
            at_most=(1, 4 * vocab_size),
            levels=(
                Level(ngram_perplexity, f"counted 4-gram: {ngram_perplexity:.2f}"),
                Level(vocab_size, f"blind guess: {vocab_size}", "grey"),
            ),
        )
        return fields, run

    def compute(self) -> Chart:
        """What is known by now, and of the selected network."""
        runs = dict(self.runs)
        pairs = [[(rate, threshold) for rate in self.learning_rates] for threshold in self.clip_thresholds]
        run = runs.get((self.learning_rate.value, self.clip_threshold.value))
        curve, end = Curves(), list[tuple[int, float]]()
        if run is not None:
            curve.extend(np.arange(1, len(run.losses) + 1), [np.exp(np.clip(run.losses, None, 30))])
            end = [(len(run.losses), math.exp(min(run.validation_loss, 30)))]
        known = np.array([[_final_perplexity(runs.get(pair)) for pair in row] for row in pairs], np.float32)
        series = {"map": known, "training": curve.points[0], "validation": np.array(end, np.float32).reshape(-1, 2)}
        return Chart(self._panels, series, selected=(self.clip_threshold.index, self.learning_rate.index))

    def words(self, result: Chart) -> str:
        """How many networks are trained, how the selected one ended, and which is the best."""
        known = result.series["map"]
        run = self.runs.get((self.learning_rate.value, self.clip_threshold.value))
        doing = "training" if self.running else "all trained" if not np.isnan(known).any() else "not training"
        told = [f"{(~np.isnan(known)).sum()} of {known.size} networks, {doing}."]
        pair = f"Learning rate {self.learning_rate.label}, threshold {self.clip_threshold.label}"
        if run is None:
            told.append(f"{pair}: not trained yet.")
        else:
            end = "diverged" if run.diverged else f"validation perplexity {perplexity(run.validation_loss):.1f}"
            told.append(f"{pair}: {end} after {len(run.losses)} steps, {run.clipped_fraction:.0%} of them clipped.")
        if np.isfinite(known).any():
            row, column = np.unravel_index(np.argmin(np.nan_to_num(known, nan=np.inf)), known.shape)
            rate, threshold = f"{self.learning_rates[column]:.3g}", threshold_name(self.clip_thresholds[row])
            told.append(f"Best so far: {known[row, column]:.1f}, at learning rate {rate}, threshold {threshold}.")
        return " ".join(told)


def _final_perplexity(run: Run | None) -> float:
    if run is None:
        return math.nan
    return math.inf if run.diverged else perplexity(run.validation_loss)
