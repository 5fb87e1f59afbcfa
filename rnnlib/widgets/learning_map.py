"""Learning rate x clipping threshold: many small networks train one after another while their map fills in.

Before: worker_view.py, live/sweeps.py.
"""

import itertools
import math
from collections.abc import Generator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from rnnlib.figures.chart import Chart, Field, Level, Line, Panel, threshold_name
from rnnlib.live.curves import Curves
from rnnlib.live.estimates import counted_line, sample_label
from rnnlib.live.settings import Settings, corpus_of
from rnnlib.live.sweeps import Run, sweep
from rnnlib.live.worker import Worker
from rnnlib.text import Corpus
from rnnlib.training import perplexity
from rnnlib.widgets.knobs import option_slider, row
from rnnlib.widgets.worker_view import WorkerView

LEARNING_RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
CLIP_THRESHOLDS = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, math.inf)
COLORS_OF_SEEDS = ("blue", "purple", "green")
SMALL_NETWORK: dict[str, Any] = {"hidden_size": 32, "batch_size": 16, "num_steps": 20, "device": "cpu"}


class LearningMap(WorkerView):
    """A map of how networks end, one field for each pair of knobs, and the curves of the pair the sliders select.

    Other keyword arguments are those of Settings (text="story", cell="gru", hidden_size=32, ...).
    `start` trains in the background and returns at once, with the seeds in `seeds`, one after another; `add_seeds` goes
    on with more of them; `wait` waits for the last network.  `runs` holds what is known: a list for each (learning
    rate, threshold), one run for each seed.  A field shows their median, and a cross if that diverged.
    Running the cell again replaces the map: the earlier one stops.
    """

    def __init__(
        self,
        *,
        learning_rates: Sequence[float] = LEARNING_RATES,
        clip_thresholds: Sequence[float] = CLIP_THRESHOLDS,
        steps: int = 200,
        seeds: Sequence[int] = (0,),
        executor: Executor | None = None,
        name: str = "map",
        **settings: Any,
    ):
        """steps: of every network.  seeds: one network each a pair.  executor: where they train, see sweeps.sweep.

        Raises ValueError, in one sentence, for what cannot be trained.
        """
        super().__init__()
        self.settings, self.steps, self.name = Settings(**{**SMALL_NETWORK, **settings}), steps, name
        self.learning_rates, self.clip_thresholds = tuple(learning_rates), tuple(clip_thresholds)
        self.seeds, self.executor = tuple(seeds), executor
        self._begin(self.seeds)  # raises what is wrong before anything is shown
        self._fields, self._curves = self._describe_panels(corpus_of(self.settings))
        rates = [(f"{rate:.3g}", rate) for rate in self.learning_rates]
        thresholds = [(fraction_name(threshold), threshold) for threshold in self.clip_thresholds]
        self.learning_rate = option_slider("Learning rate", rates, rates[len(rates) // 2][1])
        self.clip_threshold = option_slider("Clipping threshold", thresholds, thresholds[len(thresholds) // 2][1])
        for knob in (self.learning_rate, self.clip_threshold):
            knob.observe(lambda change: self._select(), "value")
        self.plot.observe(lambda change: self._selected(*change.new), "selected")
        buttons = self.make_buttons(
            [
                ("Start", "Train all networks, from the beginning", self.start),
                ("Stop", "Stop after the network that trains now", self.pause),
            ]
        )
        knobs = row(self.learning_rate, self.clip_threshold)
        self.children = [row(*buttons), knobs, self.plot]
        self.add_class("learning-map")
        self._select()

    def _begin(self, seeds: Sequence[int], runs: dict[tuple[float, float], list[Run]] | None = None) -> None:
        """More runs, or at first none; another map of this name ends, or this one, if it is at work."""
        grid = {"learning_rates": self.learning_rates, "clip_thresholds": self.clip_thresholds}
        sweeps = [
            sweep(replace(self.settings, seed=seed), **grid, steps=self.steps, executor=self.executor) for seed in seeds
        ]
        known, trained = {} if runs is None else runs, _one_after_another(sweeps)

        def train_one() -> float | None:
            run = next(trained, None)
            if run is None:
                return None
            pair = run.settings.learning_rate, run.settings.clip_threshold
            known[pair] = [*known.get(pair, []), run]
            self.show_now()  # the next one may take long
            return 0.0

        def end() -> None:
            trained.close()  # what has not begun is dropped
            self.show_soon()

        self.worker, self.runs = Worker(f"map {self.name}", train_one, at_rest=end), known

    # --------------------------------------------------------------------------- what a reader does

    def start(self) -> None:
        """Train all networks, from the beginning, in the background."""
        self._begin(self.seeds)
        self.worker.start()
        self.show_now()

    def add_seeds(self, *seeds: int) -> None:
        """Train as many networks again for each of these seeds, in the background; what is known stays."""
        self._begin(seeds, self.runs)
        self.seeds += seeds
        self.worker.start()
        self.show_now()

    # ---------------------------------------------------------------------------------- what is shown

    def _select(self) -> None:
        """The sliders say which network is looked at."""
        self.plot.selected = [self.clip_threshold.index, self.learning_rate.index]
        self.show_now()

    def _selected(self, row: int, column: int) -> None:
        """A field was chosen in the picture."""
        self.clip_threshold.index, self.learning_rate.index = row, column

    def _describe_panels(self, corpus: Corpus) -> tuple[Field, Panel]:
        vocab_size, (line, name) = len(corpus.vocab), counted_line(corpus)
        fields = Field(
            f"validation perplexity{sample_label(corpus)}, × diverged", "map",
            tuple(fraction_name(threshold) for threshold in self.clip_thresholds),
            tuple(f"{rate:.3g}" for rate in self.learning_rates),
            (vocab_size, 3.0), "learning rate", "threshold", upwards=True, shows_numbers=True,
        )  # fmt: skip
        run = Panel(
            "perplexity",
            (),
            x_limits=(0, 1.04 * self.steps),
            at_least=(0.75 * line, 2 * vocab_size),
            at_most=(1, 4 * vocab_size),
            levels=(
                Level(line, name),
                Level(vocab_size, f"blind guess: {vocab_size}", "grey", at_end=True),
            ),
        )
        return fields, run

    def compute(self) -> Chart:
        """What is known by now, and the curves of the selected networks."""
        runs = dict(self.runs)
        pairs = [[(rate, threshold) for rate in self.learning_rates] for threshold in self.clip_thresholds]
        series, ends = dict[str, np.ndarray](), list[tuple[int, float]]()
        for run in runs.get((self.learning_rate.value, self.clip_threshold.value), []):
            curve = Curves()
            curve.extend(np.arange(1, len(run.losses) + 1), [np.exp(np.clip(run.losses, None, 30))])
            series[f"training {len(ends)}"] = curve.points[0]
            ends.append((len(run.losses), math.exp(min(run.validation_loss, 30))))
        series["map"] = np.array([[_final_perplexity(runs.get(pair, [])) for pair in row] for row in pairs], np.float32)
        series["validation"] = np.array(ends, np.float32).reshape(-1, 2)
        alone = len(self.seeds) == 1
        names = ["training"] if alone else [f"seed {seed}" for seed in self.seeds]
        colors = itertools.cycle(COLORS_OF_SEEDS)
        training = [
            Line(f"training {number}", name, color)
            for number, (name, color) in enumerate(zip(names, colors, strict=False))
        ]
        lines = (*training, Line("validation", "validation at the end" if alone else "validation", "orange", "dots", 3))
        panels = self._fields, replace(self._curves, lines=lines)
        return Chart(panels, series, selected=(self.clip_threshold.index, self.learning_rate.index))

    def words(self, result: Chart) -> str:
        """How many networks are trained, how the selected ones ended, and which pair is the best."""
        known, trained = result.series["map"], sum(map(len, self.runs.values()))
        doing = (
            "training" if self.running else "all trained" if trained == known.size * len(self.seeds) else "not training"
        )
        told = [f"{trained} of {known.size * len(self.seeds)} networks, {doing}."]
        pair = f"Learning rate {self.learning_rate.label}, threshold {self.clip_threshold.label}"
        runs = self.runs.get((self.learning_rate.value, self.clip_threshold.value), [])
        if not runs:
            told.append(f"{pair}: not trained yet.")
        for run in runs:
            end = "diverged" if run.diverged else f"validation perplexity {perplexity(run.validation_loss):.1f}"
            seed = f", seed {run.settings.seed}" if len(runs) > 1 else ""
            told.append(
                f"{pair}{seed}: {end} after {len(run.losses)} steps, {run.clipped_fraction:.0%} of them clipped."
            )
        if np.isfinite(known).any():
            row, column = np.unravel_index(np.argmin(np.nan_to_num(known, nan=np.inf)), known.shape)
            rate, threshold = f"{self.learning_rates[column]:.3g}", fraction_name(self.clip_thresholds[row])
            told.append(f"Best so far: {known[row, column]:.1f}, at learning rate {rate}, threshold {threshold}.")
        return " ".join(told)


def _one_after_another(sweeps: Sequence[Generator[Run]]) -> Generator[Run]:
    for each in sweeps:
        yield from each


def _final_perplexity(runs: Sequence[Run]) -> float:
    """The median over some seeds, of a pair of them the worse one; infinite where it diverged, nan if there is none."""
    ends = sorted(math.inf if run.diverged else perplexity(run.validation_loss) for run in runs)
    return ends[len(ends) // 2] if ends else math.nan


def fraction_name(threshold: float) -> str:
    """A threshold as it is written in code: 1/64 and not 0.0156; an infinite one is "off"."""
    exact = Fraction(threshold) if math.isfinite(threshold) else None
    return str(exact) if exact is not None and exact.denominator <= 64 else threshold_name(threshold)
