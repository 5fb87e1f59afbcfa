"""The gradient map, live: how much of every step's loss reaches every earlier hidden state, while a network learns.

Before: session_view.py.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from rnnlib import engine
from rnnlib.figures.gradients import gradient_map_image, norms_by_lag
from rnnlib.figures.style import Drawing, panels
from rnnlib.gradients import gradient_map
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.widgets.knobs import cell_choice, int_slider, row
from rnnlib.widgets.session_view import SessionView

ROWS_OF_THE_BATCH = 4


class Map(NamedTuple):
    """norms: |dL_t/dh_k| (T, T) of a network after `step` steps."""

    norms: np.ndarray
    step: int


class GradientMap(SessionView):
    """A session whose picture is the T x T map of |dL_t/dh_k|; a slider cuts the graph every so many steps.

    The map is that of the network as it was at the last evaluation, on the first characters of the held-out text.
    The cut changes what the map shows, not the training.
    """

    def __init__(self, *, name: str = "gradient map", num_steps: int = 24, **settings: Any):
        """Keyword arguments are those of Settings.  num_steps: T, for the training and for the map."""
        super().__init__(Session(Settings(num_steps=num_steps, **settings), name=name))
        tokens = self.session.corpus.held_out[: num_steps * ROWS_OF_THE_BATCH + 1].to(self.session.device)
        self.tokens = tokens[:-1].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self.targets = tokens[1:].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
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
        self.children = [row(*buttons), knobs, self._status, self._news, self._image, self._words]
        self.add_class("gradient-map")
        self.follow()

    def state(self) -> object:
        """The session's, and the cut."""
        return super().state(), self.cut_every.value

    def compute(self) -> Map:
        """The map of the last evaluation's network."""
        session, T = self.session, len(self.tokens)
        step = session.evaluations[-1].step if session.evaluations else 0
        model, cut = session.snapshot, self.cut_every.value
        initial_state = model.initial_state(ROWS_OF_THE_BATCH)
        with engine.undisturbed():
            norms = gradient_map(model, self.tokens, self.targets, initial_state, cut_every=cut if cut < T else 0)
        return Map(norms.cpu().numpy(), step)

    def figure(self, result: Map) -> Drawing:
        """The map at the left, its mean over each lag at the right."""
        drawing, (image, by_lag) = panels(2, height=3.8)
        gradient_map_image(image, result.norms)
        norms_by_lag(by_lag, result.norms)
        return drawing

    def words(self, result: Map) -> str:
        """What is left of the gradient after some steps, and how much of the map is not zero."""
        norms, T = result.norms, len(result.norms)
        lag = min(10, T - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = float(np.diagonal(norms, -lag).mean() / np.diagonal(norms).mean())
        arrives = f"{ratio:.1e}" if math.isfinite(ratio) else "nothing that can be measured"
        return (
            f"At step {result.step}: over {lag} steps {arrives} of the gradient arrives; {int((norms > 0).sum())} of "
            f"{T * (T + 1) // 2} cells are not zero."
        )
