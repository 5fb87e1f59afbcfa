"""An LSTM and a GRU from inside: every number of a step, gates that can be held by hand.

Before: clipped_gradients.py.  Next: vanishing_gradients.py.
"""

from collections.abc import Sequence

import ipywidgets as widgets

from rnnlib.figures.gated_cells import gru_cell, lstm_cell
from rnnlib.figures.style import Drawing
from rnnlib.topics.small_cells import INPUTS, GRUStep, LSTMStep, gru_steps, lstm_steps
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, float_slider, int_slider

COMPUTED, BY_HAND = "as computed", "by hand"
AFTER, BEFORE = "after the product (PyTorch)", "before the product (D2L)"


class _InsideCell(KnobView):
    """A step slider, and sliders for the gates of unit 1."""

    def __init__(self, gates: Sequence[tuple[str, str]], *more: list[widgets.Widget]) -> None:
        """gates: letter and name.  more: further rows of knobs."""
        self.t = int_slider("Step t", 1, 1, len(INPUTS))
        self.mode = choice("Gates of unit 1", [COMPUTED, BY_HAND])
        self.gates = {letter: float_slider(name, 1.0, 0, 1, 0.05) for letter, name in gates}
        super().__init__([self.t, self.mode], list(self.gates.values()), *more)

    def held(self) -> dict[str, float]:
        """The gates that are held by hand."""
        return {letter: knob.value for letter, knob in self.gates.items()} if self.mode.value == BY_HAND else {}


class InsideLSTM(_InsideCell):
    """A step of a small LSTM with its numbers."""

    def __init__(self) -> None:
        super().__init__((("f", "Forget gate f"), ("i", "Input gate i"), ("o", "Output gate o")))

    def compute(self) -> list[LSTMStep]:
        """All steps."""
        return lstm_steps(by_hand=self.held())

    def figure(self, result: list[LSTMStep]) -> Drawing:
        """The cell at step t, and unit 1 over all steps."""
        return lstm_cell(result, self.t.value, tuple(self.held()))

    def words(self, result: list[LSTMStep]) -> str:
        """How unit 1 gets its new c and h."""
        t = self.t.value
        step = result[t - 1]
        c_before, i, f, g, o, c, h = (
            float(part[0]) for part in (step.c_before, step.i, step.f, step.g, step.o, step.c, step.h)
        )
        return (
            f"Unit 1, step {t}, input {step.x:+.0f}: c = f c + i g = {f:.2f} x {c_before:.2f} + {i:.2f} x {g:.2f} = "
            f"{c:.2f}; h = o tanh(c) = {o:.2f} x tanh({c:.2f}) = {h:.2f}."
        )


class InsideGRU(_InsideCell):
    """A step of a small GRU with its numbers, with the reset gate as in PyTorch or as in D2L."""

    def __init__(self) -> None:
        self.reset = choice("Reset gate acts", [AFTER, BEFORE])
        super().__init__((("z", "Update gate z"), ("r", "Reset gate r")), [self.reset])

    def compute(self) -> list[GRUStep]:
        """All steps."""
        return gru_steps(reset_first=self.reset.value == BEFORE, by_hand=self.held())

    def figure(self, result: list[GRUStep]) -> Drawing:
        """The cell at step t, and unit 1 over all steps."""
        return gru_cell(result, self.t.value, reset_first=self.reset.value == BEFORE, held=tuple(self.held()))

    def words(self, result: list[GRUStep]) -> str:
        """How unit 1 gets its new h, and what the other order would give."""
        t = self.t.value
        step = result[t - 1]
        other = gru_steps(reset_first=self.reset.value != BEFORE, by_hand=self.held())[t - 1]
        h_before, z, n, h = (float(part[0]) for part in (step.h_before, step.z, step.n, step.h))
        return (
            f"Unit 1, step {t}, input {step.x:+.0f}: h = z h + (1 - z) n = {z:.2f} x {h_before:.2f} + {1 - z:.2f} x "
            f"{n:.2f} = {h:.2f}. With the reset gate on the other side of the product: {float(other.h[0]):.2f}."
        )
