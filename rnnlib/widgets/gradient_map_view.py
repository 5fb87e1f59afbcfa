"""The gradient map, live: how much of every step's loss reaches every earlier hidden state, while a network learns.

Before: session_view.py.
"""

import math
from typing import Any

import numpy as np

from rnnlib import engine
from rnnlib.figures.chart import Chart, Field, Line, Panel
from rnnlib.gradients import gradient_map
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.widgets.knobs import cell_choice, int_slider, row
from rnnlib.widgets.session_view import SessionView

ROWS_OF_THE_BATCH = 4


class GradientMap(SessionView):
    """A session whose picture is the T x T map of |dL_t/dh_j|; a slider cuts the graph every so many steps.

    The map is that of the network as it was at the last evaluation, on the first characters of the validation text.
    The cut changes what the map shows, not the training.
    """

    def __init__(self, *, name: str = "gradient map", num_steps: int = 24, **settings: Any):
        """Keyword arguments are those of Settings.  num_steps: T, for the training and for the map."""
        super().__init__(Session(Settings(num_steps=num_steps, **settings), name=name))
        tokens = self.session.corpus.validation[: num_steps * ROWS_OF_THE_BATCH + 1].to(self.session.device)
        self.tokens = tokens[:-1].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self.targets = tokens[1:].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self._known: tuple[object, np.ndarray, int] = (None, np.empty((0, 0)), 0)
        self.cut_every = int_slider("Cut every k steps", num_steps, 1, num_steps)
        self.cell = cell_choice(self.session.model.cell.name)
        self.cut_every.observe(lambda change: self.show_now(), "value")
        self.cell.observe(lambda change: self.act(lambda: self.session.set(cell=change.new)), "value")
        buttons = self.make_buttons(
            [
                ("Start", "Train in the background", self.session.start),
                ("Pause", "Stop after the step under way", self.session.pause),
                ("Step", "Train one step", self.session.step),
                ("Reset", "Begin again with fresh weights", lambda: self.session.reset(cell=self.cell.value)),
            ]
        )
        knobs = row(self.cut_every, self.cell)
        self.children = [row(*buttons), knobs, self.plot]
        self.add_class("gradient-map")
        self.follow()

    def compute(self) -> Chart:
        """The map of the last evaluation's network, and its mean over each lag."""
        norms, names = self._norms(), tuple(map(str, range(1, len(self.tokens) + 1)))
        largest, T = max(norms.max(), 1e-30), len(norms)
        means = np.array([np.diagonal(norms, -lag).mean() for lag in range(T)])
        over_lags = np.column_stack([np.arange(T), np.maximum(means / max(means[0], 1e-30), 1e-12)])
        map_of_all = Field("|dLₜ/dhⱼ|, the largest is 1", "map", names, names, (1e-6, 1.0), "state hⱼ", "loss Lₜ")
        mean = Panel(
            "mean; at distance 0 it is 1", (Line("mean", "mean", "blue", "marked"),), x_name="distance t - j",
            x_limits=(0, max(1, T - 1)), at_least=(1e-8, 1.5), at_most=(1e-8, 10),
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            shown = np.where(norms > 0, norms / largest, np.nan)
        return Chart((map_of_all, mean), {"map": shown.astype(np.float32), "mean": over_lags.astype(np.float32)})

    def _norms(self) -> np.ndarray:
        """|dL_t/dh_j| (T, T), worked out anew only for another network or cut."""
        session, T, cut = self.session, len(self.tokens), self.cut_every.value
        model = session.snapshot
        if (model, cut) != self._known[0]:
            initial_state = model.initial_state(ROWS_OF_THE_BATCH)
            with engine.undisturbed():
                norms = gradient_map(model, self.tokens, self.targets, initial_state, cut_every=cut if cut < T else 0)
            step = session.evaluations[-1].step if session.evaluations else 0
            self._known = (model, cut), norms.cpu().numpy(), step
        return self._known[1]

    def words(self, result: Chart) -> str:
        """What is left of the gradient after some steps, and how much of the map is not zero."""
        _, norms, step = self._known
        T = len(norms)
        lag = min(10, T - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = float(np.diagonal(norms, -lag).mean() / np.diagonal(norms).mean())
        arrives = f"{ratio:.1e}" if math.isfinite(ratio) else "nothing that can be measured"
        return (
            f"At step {step}: over {lag} steps {arrives} of the gradient arrives; {int((norms > 0).sum())} of "
            f"{T * (T + 1) // 2} cells are not zero."
        )
