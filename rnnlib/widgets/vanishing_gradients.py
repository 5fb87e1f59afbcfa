"""How much of the last loss's gradient arrives k steps back: RNN, GRU and LSTM on the same axes, while they train.

Before: inside_cells.py, worker_view.py.
"""

import numpy as np
import torch

from rnnlib import engine
from rnnlib.figures.chart import Chart, Line, Panel
from rnnlib.gradients import norms_over_lags
from rnnlib.live.worker import Worker
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus, SequentialBatches
from rnnlib.training import Knobs, Trainer
from rnnlib.widgets.knobs import row
from rnnlib.widgets.worker_view import RestartableView

OPEN_LSTM = "open LSTM"  # its forget gates begin open, by a bias
FORGET_BIAS = 3.0
NETWORKS = {"RNN": "rnn", "GRU": "gru", "LSTM": "lstm", OPEN_LSTM: "lstm"}
COLORS = {"RNN": "orange", "GRU": "green", "LSTM": "blue", OPEN_LSTM: "purple"}
HIDDEN_SIZE, ROWS_OF_THE_BATCH, STEPS_BETWEEN_LOOKS, SMALLEST = 64, 32, 10, 1e-10
LEARNING_RATE, CLIP_THRESHOLD = 0.003, 1.0
HEIGHTS = (1e-6, 1.5)  # that are always seen


class VanishingGradients(RestartableView):
    """|dL_T/dh_{T-k}| / |dL_T/dh_T| against the lag k: fresh (dashed) and now, and the same at one lag over time.

    L_T is the loss of the last step alone, on the first characters of the validation text.  All networks train on the
    same minibatches, with Adam.  Running the cell again replaces the view: the earlier one stops.
    """

    def __init__(
        self, corpus: Corpus, *, num_steps: int = 35, lag: int = 20, seed: int = 0, most_steps: int = 3000,
        name: str = "vanishing",
    ):  # fmt: skip
        """num_steps: T, for the training and for the measurement.  lag: the one that is followed, below T.

        most_steps: where the training ends.
        """
        if not 1 <= lag < num_steps:
            raise ValueError(f"the lag must be from 1 to num_steps - 1 = {num_steps - 1}; it is {lag}.")
        super().__init__()
        self.corpus, self.num_steps, self.lag, self.seed, self.most_steps = corpus, num_steps, lag, seed, most_steps
        self.name = name
        tokens = corpus.validation[: num_steps * ROWS_OF_THE_BATCH + 1]
        self.tokens = tokens[:-1].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self.targets = tokens[1:].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        buttons = self.make_buttons(
            [
                ("Start", "Train all of them, or go on", self.start),
                ("Pause", "Stop after the step under way", self.pause),
                ("Reset", "Begin again with fresh weights", self.reset),
            ]
        )
        self.children = [row(*buttons), self.plot]
        self.add_class("vanishing-gradients")
        self._take_the_name()
        self._begin()
        self.paint()

    def _take_the_name(self) -> None:
        self.worker = Worker(f"vanishing gradients {self.name}", self._advance, at_rest=self.show_soon)

    def _begin(self) -> None:
        self.trainers: dict[str, Trainer] = {}
        for name, cell in NETWORKS.items():
            generator = torch.Generator().manual_seed(self.seed)
            model = LanguageModel(cell, vocab_size=len(self.corpus.vocab), hidden_size=HIDDEN_SIZE, generator=generator)
            if name == OPEN_LSTM:
                model.weights.b_h.data[1] += FORGET_BIAS
            batches = SequentialBatches(self.corpus.train, num_steps=self.num_steps)
            knobs = Knobs(learning_rate=LEARNING_RATE, clip_threshold=CLIP_THRESHOLD)
            self.trainers[name] = Trainer(model, batches, optimizer="adam", knobs=knobs)
        self.seen: list[
            tuple[int, dict[str, np.ndarray]]
        ] = []  # steps made, and by name what is left at lags 0 to T - 1
        self._look()

    def _look(self) -> None:
        """Measure all of them."""
        left = {}
        with engine.undisturbed():
            for name, trainer in self.trainers.items():
                model = trainer.model
                assert isinstance(model, LanguageModel)
                state = model.initial_state(ROWS_OF_THE_BATCH)
                norms = norms_over_lags(model, self.tokens, self.targets, state).double()
                left[name] = (norms / norms[0]).clamp(min=SMALLEST).numpy()
        self.seen.append((self.steps_made, left))

    # ------------------------------------------------------------------------- what a reader does

    @property
    def steps_made(self) -> int:
        """By each network."""
        return min(trainer.steps_made for trainer in self.trainers.values())

    def run(self, steps: int) -> None:
        """Train for so many steps, and wait."""
        with self.worker.settled():
            for _ in range(steps):
                self._advance()
        self.paint()

    # ----------------------------------------------------------------------- the background thread

    def _advance(self) -> float | None:
        """One step for each."""
        if self.steps_made >= self.most_steps:
            return None
        for trainer in self.trainers.values():
            trainer.step()
        if self.steps_made % STEPS_BETWEEN_LOOKS == 0:
            self._look()
            self.show_soon()
        return 0.0

    # ---------------------------------------------------------------------------- what is shown

    def compute(self) -> Chart:
        """What is left at every lag, fresh and now; and at one lag, over the training."""
        seen = list(self.seen)
        (_, fresh), (last_step, now) = seen[0], seen[-1]
        lags = np.arange(self.num_steps)
        series = {f"fresh {name}": np.column_stack([lags, fresh[name]]) for name in COLORS}
        series |= {f"now {name}": np.column_stack([lags, now[name]]) for name in COLORS}
        series |= {
            f"over time {name}": np.array([(step, left[name][self.lag]) for step, left in seen]) for name in COLORS
        }
        over_lags = Panel(
            "gradient that is left",
            tuple(Line(f"fresh {name}", "", color, width=1, dash=(4, 3)) for name, color in COLORS.items())
            + tuple(Line(f"now {name}", name, color, width=2) for name, color in COLORS.items()),
            x_name="steps back, k", x_limits=(0, self.num_steps - 1), at_least=HEIGHTS, at_most=(SMALLEST, 100.0),
        )  # fmt: skip
        over_time = Panel(
            f"left {self.lag} steps back",
            tuple(Line(f"over time {name}", "", color, width=2) for name, color in COLORS.items()),
            at_least=HEIGHTS,
            at_most=(SMALLEST, 100.0),
        )
        return Chart(
            (over_lags, over_time), {name: points.astype(np.float32) for name, points in series.items()},
            last_step=last_step,
        )  # fmt: skip

    def words(self, result: Chart) -> str:
        """What is left at the lag that is followed."""
        (_, fresh), (step, now) = self.seen[0], self.seen[-1]
        told = [f"{name} {now[name][self.lag]:.0e} (fresh {fresh[name][self.lag]:.0e})" for name in COLORS]
        return f"Step {step}. {self.lag} steps back there is left of the gradient: {', '.join(told)}."
