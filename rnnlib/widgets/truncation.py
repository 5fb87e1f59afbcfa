"""Full, truncated and randomised truncated backpropagation through time: memory, time and gradient, measured here.

Before: hidden_states.py.
"""

import torch

from rnnlib import engine
from rnnlib.figures.gradients import against_length
from rnnlib.figures.style import COLORS, Drawing, label_lines, panels
from rnnlib.models import LanguageModel
from rnnlib.text import Corpus
from rnnlib.topics.truncation import Truncated, cut_after, cut_at_random, truncated_bptt
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import option_slider

KINDS, QUANTITIES = ("full", "truncated", "randomised"), ("kilobytes", "milliseconds", "error")
LENGTHS, CUTS = (4, 8, 16, 32, 64, 128), (2, 4, 8, 16, 32)
ROWS_OF_THE_BATCH, TIMES_MEASURED = 8, 3


class Truncation(KnobView):
    """Everything is measured when the view is made; the slider chooses among the truncation lengths."""

    def __init__(self, model: LanguageModel, corpus: Corpus):
        """model: an RNN of cells.py.  corpus: its validation text is what the gradients are taken on."""
        self._measured = _measure(model, corpus)
        self.length = option_slider("Cut every k steps", CUTS, 8)
        super().__init__([self.length])

    def compute(self) -> dict[str, dict[str, list[float]]]:
        """By quantity and kind, one value for each length T.  error: |g - g_full| / |g_full|."""
        return {
            quantity: {kind: [self._value(kind, T, quantity) for T in LENGTHS] for kind in KINDS}
            for quantity in QUANTITIES
        }

    def _value(self, kind: str, T: int, quantity: str) -> float:
        full, found = self._measured["full", T, 0], self._measured[kind, T, 0 if kind == "full" else self.length.value]
        if quantity == "kilobytes":
            return found.bytes / 1000
        if quantity == "milliseconds":
            return found.seconds * 1000
        return float((found.gradient - full.gradient).norm() / full.gradient.norm())

    def figure(self, result: dict[str, dict[str, list[float]]]) -> Drawing:
        """Memory, time and error against T."""
        drawing, axes = panels(3, width=10.4, height=3.4)
        titles = {"kilobytes": "kB held for the way back", "milliseconds": "ms for a pass", "error": "gradient error"}
        for ax, (quantity, title) in zip(axes, titles.items(), strict=True):
            against_length(ax, LENGTHS, result[quantity], title, log=quantity != "error")
        axes[2].set_ylim(-0.05, 1.5)
        label_lines(axes[0], list(zip(KINDS, COLORS, strict=False)))
        return drawing

    def words(self, result: dict[str, dict[str, list[float]]]) -> str:
        """The three kinds at the longest T."""
        T, k = LENGTHS[-1], self.length.value
        at_longest = {kind: [result[quantity][kind][-1] for quantity in QUANTITIES] for kind in KINDS}
        told = [
            f"{kind}: {kilobytes:,.0f} kB, {milliseconds:.1f} ms, error {error:.2f}"
            for kind, (kilobytes, milliseconds, error) in at_longest.items()
        ]
        return f"At T = {T}, cut every {k} steps (randomised: on average, one draw). {'; '.join(told)}."


def _measure(model: LanguageModel, corpus: Corpus) -> dict[tuple[str, int, int], Truncated]:
    """Every kind, number of time steps and truncation length; the quickest of a few passes."""
    generator, measured = torch.Generator().manual_seed(0), {}
    for T in LENGTHS:
        text = corpus.validation[: T * ROWS_OF_THE_BATCH + 1].to(model.device)
        if len(text) < T * ROWS_OF_THE_BATCH + 1:
            raise ValueError(
                f"the validation text has {len(text)} tokens; {T * ROWS_OF_THE_BATCH + 1} are needed for T = {T}."
            )
        tokens, targets = text[:-1].view(ROWS_OF_THE_BATCH, T).T, text[1:].view(ROWS_OF_THE_BATCH, T).T
        state = model.initial_state(ROWS_OF_THE_BATCH)
        plans = {("full", 0): [1.0] * T}
        for k in CUTS:
            plans["truncated", k] = cut_after(T, k)
            plans["randomised", k] = cut_at_random(T, k, generator)
        for (kind, k), factors in plans.items():
            with engine.undisturbed():
                passes = [truncated_bptt(model, tokens, targets, state, factors) for _ in range(TIMES_MEASURED)]
            measured[kind, T, k] = min(passes, key=lambda one: one.seconds)
    return measured
