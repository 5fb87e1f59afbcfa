"""The gates of trained GRUs and LSTMs while they read: every value between shut (0) and open (1).

Before: vanishing_gradients.py.
"""

from collections.abc import Sequence

import numpy as np
import torch

from rnnlib.alphabets import token_of_each_character
from rnnlib.arguments import check_finite
from rnnlib.cells import GRU, LSTM, unroll
from rnnlib.figures.gradient_problems import gate_letters, gate_map
from rnnlib.figures.letters import LINE_HEIGHT
from rnnlib.figures.style import Drawing, blank
from rnnlib.models import LanguageModel, embed
from rnnlib.text import Vocab
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, int_slider
from rnnlib.widgets.reading import tokens_of

COLUMNS = 60
GATES: dict[type[GRU] | type[LSTM], dict[str, int]] = {
    GRU: {"update gate": 1, "reset gate": 0},
    LSTM: {"forget gate": 1, "input gate": 0, "output gate": 3},
}


class Gates(KnobView):
    """A text shaded by one gate of one unit, and below it the same gate of all units."""

    def __init__(self, models: Sequence[LanguageModel], vocab: Vocab, text: str):
        """models: GRUs and LSTMs with as many units each.  text: some 180 characters fill the view.

        Characters that are not in the vocabulary are told.
        values: by the name of a gate, as the buttons have it, (n, H).
        """
        self._reads, self.values = text, dict[str, np.ndarray]()
        tokens, self._unknown = tokens_of(text, vocab)
        for model in models:
            gates = _gates_of(model, tokens.to(model.device))
            places = token_of_each_character(text, words=vocab.words)
            self.values |= {name: values[places] for name, values in gates.items()}
        self.gate = choice("Gate", list(self.values))
        self.unit = int_slider("Unit", 0, 0, models[0].hidden_size - 1)
        super().__init__([self.gate], [self.unit])

    def compute(self) -> np.ndarray:
        """The chosen gate of all units over the text, (n, H)."""
        gate: np.ndarray = self.values[self.gate.value]
        return gate

    def figure(self, result: np.ndarray) -> Drawing:
        """Letters above, all units below."""
        lines = -(-len(self._reads) // COLUMNS)
        height = 20 + lines * LINE_HEIGHT + 330
        drawing = blank(9, height / 100)
        gate_letters(drawing, self._reads, result[:, self.unit.value], COLUMNS, top=10)
        ax = drawing.add_axes((0.09, 60 / height, 0.85, 250 / height))
        gate_map(ax, result, self.unit.value)
        return drawing

    def words(self, result: np.ndarray) -> str:
        """How far open the gate is, in this unit and in all."""
        values = result[:, self.unit.value]
        return (
            f"{self._unknown}{self.gate.value}, unit {self.unit.value}: {values.mean():.2f} on average, from "
            f"{values.min():.2f} to {values.max():.2f}. Over all units {result.mean():.2f} on average; "
            f"{(result > 0.9).mean():.0%} of all values are above 0.9."
        )


def _gates_of(model: LanguageModel, tokens: torch.Tensor) -> dict[str, np.ndarray]:
    """The gates of a model over a text of tokens (n, 1), (n, H) each, by name: "LSTM: forget gate"."""
    cell = model.cell
    if not issubclass(cell, (GRU, LSTM)):
        raise ValueError(f"only GRU and LSTM have gates; this model's cell is {cell.name}.")
    with torch.no_grad():
        W_xh, W_hh, b_h, *_ = model.weights
        x_in = embed(tokens, W_xh, b_h)
        before = unroll(cell, x_in, model.initial_state(1), W_hh)[:-1]
        steps = [torch.cat(cell.gates_of(x_in[:, t], h, W_hh)) for t, (h, *_) in enumerate(before)]
    gates = torch.stack(steps, dim=1).cpu()  # (gates, n, H)
    check_finite(gates)
    return {f"{cell.name.upper()}: {name}": gates[place].numpy() for name, place in GATES[cell].items()}
