"""How long training takes for each token, against T, against B, and against T where T times B stays, measured here.

Before: gates.py.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from rnnlib.arguments import choose_device
from rnnlib.figures.gradient_problems import token_times
from rnnlib.figures.style import BLUE, ORANGE, Drawing, label_lines, panels
from rnnlib.models import LanguageModel
from rnnlib.text import SequentialBatches
from rnnlib.training import Trainer
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice

HIDDEN_SIZES, VOCAB_SIZE, TIMES_MEASURED = (32, 128), 28, 12
LONGER, WIDER, TRADED = "T, at B = 32", "B, at T = 32", "T, at T times B = 1024"
SIZES = {
    LONGER: [(T, 32) for T in (8, 16, 32, 64, 128)],
    WIDER: [(32, B) for B in (1, 4, 16, 64, 256)],
    TRADED: [(T, 1024 // T) for T in (4, 16, 64, 256, 1024)],
}


class TokenTimes(NamedTuple):
    """microseconds: for each token of a training step, by hidden size, for the sizes of SIZES[axis]."""

    axis: str
    sizes: list[int]
    microseconds: dict[int, list[float]]


class StepTime(KnobView):
    """Everything is measured when the view is made; the buttons choose which panel is described."""

    def __init__(self, cell: str = "rnn", *, device: str = "auto"):
        """cell: "rnn", "gru" or "lstm".  device: see arguments.choose_device."""
        where = choose_device(device)
        self.device = where.type
        self.measured = {
            axis: TokenTimes(
                axis,
                [B if axis == WIDER else T for T, B in sizes],
                {H: [_microseconds(cell, where, T=T, B=B, H=H) for T, B in sizes] for H in HIDDEN_SIZES},
            )
            for axis, sizes in SIZES.items()
        }
        self.axis = choice("Look at", list(SIZES))
        super().__init__([self.axis])

    def compute(self) -> TokenTimes:
        """What the chosen panel shows."""
        return self.measured[self.axis.value]

    def figure(self, result: TokenTimes) -> Drawing:
        """Three panels with one scale; the chosen one has thick lines."""
        drawing, axes = panels(3, width=10.4, height=3.4)
        every = {axis: (found.sizes, found.microseconds) for axis, found in self.measured.items()}
        token_times(axes, every, marked=list(SIZES).index(result.axis))
        label_lines(axes[0], [(f"H = {H}", color) for H, color in zip(HIDDEN_SIZES, (BLUE, ORANGE), strict=True)])
        return drawing

    def words(self, result: TokenTimes) -> str:
        """By which factor the time for a token changes."""
        first, last = result.sizes[0], result.sizes[-1]
        told = "; ".join(
            f"H = {H}: {found[0]:.2f} to {found[-1]:.2f} microseconds for each token, times {found[-1] / found[0]:.2g}"
            for H, found in result.microseconds.items()
        )
        return f"On {self.device}, {result.axis}: from {first} to {last}. {told}."


def _microseconds(cell: str, device: torch.device, *, T: int, B: int, H: int) -> float:
    """The quickest of a few training steps, for each of its tokens."""
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(cell, vocab_size=VOCAB_SIZE, hidden_size=H, device=device, generator=generator)
    tokens = torch.randint(VOCAB_SIZE, (4 * (B + 1) * T,), generator=generator).to(device)
    trainer = Trainer(model, SequentialBatches(tokens, batch_size=B, num_steps=T))
    return 1e6 * min(list(_seconds(trainer))[1:]) / (T * B)


def _seconds(trainer: Trainer) -> Iterator[float]:
    """Of one step that warms up, and of some more."""
    for _ in range(1 + TIMES_MEASURED):
        started = time.perf_counter()
        float(trainer.step().loss)  # waits for a GPU
        yield time.perf_counter() - started
