"""The gradient map, live: how much of every step's loss reaches every earlier hidden state, while a network learns.

Before: live_view.py.
"""

import math
from typing import Any

import ipywidgets as widgets

from rnnlib.cells import CELLS
from rnnlib.figures.gradients import gradient_map_image, norms_by_lag
from rnnlib.figures.style import panels
from rnnlib.gradients import gradient_map
from rnnlib.sessions import Session, Settings
from rnnlib.widgets.knob_view import int_slider
from rnnlib.widgets.live_view import LiveView, paragraph

ROWS_OF_THE_BATCH = 4


class GradientMap(LiveView):
    """A session whose picture is the T x T map of |dL_t/dh_k|; a slider cuts the graph every so many steps.

    The map is that of the network as it was at the last look, on the first characters of the held-out text.  The
    cut changes what the map shows, not the training.
    """

    def __init__(self, *, name: str = "gradient map", num_steps: int = 24, **settings: Any):
        """Keyword arguments are those of sessions.Settings.  num_steps: T, for the training and for the map."""
        super().__init__(Session(Settings(num_steps=num_steps, **settings), name=name))
        tokens = self.session.corpus.held_out[: num_steps * ROWS_OF_THE_BATCH + 1].to(self.session.device)
        self._tokens = tokens[:-1].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self._targets = tokens[1:].view(ROWS_OF_THE_BATCH, num_steps).T.contiguous()
        self.cut_every = int_slider("Cut every k steps", num_steps, 1, num_steps)
        names = [(cell.upper(), cell) for cell in CELLS]
        cell = self.session.model.cell.name
        self.cell = widgets.Dropdown(options=names, value=cell, description="Cell", layout={"width": "200px"})
        self.cut_every.observe(lambda change: self.act(self.session.look_now), "value")
        self.cell.observe(lambda change: self.act(lambda: self.session.set(cell=change.new)), "value")
        buttons = self.make_buttons(
            [
                ("Start", "Train in the background", self.session.start),
                ("Pause", "Stop after the step under way", self.session.pause),
                ("Step", "Train one step", self.session.step),
                ("Reset", "Begin again with fresh weights", lambda: self.session.reset(cell=self.cell.value)),
            ]
        )
        self._words = widgets.HTML()
        knobs = widgets.HBox([self.cut_every, self.cell], layout={"flex_flow": "row wrap"})
        self.children = [widgets.HBox(buttons), knobs, self._status, self._news, self._image, self._words]
        self.add_class("gradient-map")
        self.start_painting()

    @property
    def norms(self) -> Any:
        """|dL_t/dh_k| of the last look's network, (T, T), float tensor."""
        model = self.session.snapshot
        cut = self.cut_every.value if self.cut_every.value < len(self._tokens) else 0
        state = model.initial_state(ROWS_OF_THE_BATCH)
        return gradient_map(model, self._tokens, self._targets, state, cut_every=cut)

    def draw(self) -> bytes:
        """The map at the left, its mean over each lag at the right."""
        norms = self.norms.cpu().numpy()
        drawing, (image, by_lag) = panels(2, height=3.8)
        gradient_map_image(image, norms)
        norms_by_lag(by_lag, norms)
        return drawing._repr_png_()

    def show(self) -> None:
        """Set the traits: picture, status, and what the map says in words."""
        super().show()
        norms = self.norms
        T, lag = len(norms), min(10, len(norms) - 1)
        ratio = float(norms.diagonal(-lag).mean() / norms.diagonal().mean())
        arrives = f"{ratio:.1e}" if math.isfinite(ratio) else "nothing that can be measured"
        at = f"step {self.session.looks[-1].step}" if self.session.looks else "step 0"
        self._words.value = paragraph(
            f"At {at}: over {lag} steps {arrives} of the gradient arrives; {int((norms > 0).sum())} of "
            f"{T * (T + 1) // 2} cells are not zero."
        )
