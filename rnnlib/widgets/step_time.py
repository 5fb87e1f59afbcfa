"""How long a training step takes, against time steps T, batch size B and hidden size H, measured on this machine.

Before: gates.py.
"""

import time

import torch

from rnnlib.arguments import choose_device
from rnnlib.figures.gradient_problems import step_times
from rnnlib.figures.style import Drawing, panels
from rnnlib.models import LanguageModel
from rnnlib.text import SequentialBatches
from rnnlib.training import Trainer
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice

SIZES = {"T": (8, 16, 32, 64, 128), "B": (1, 4, 16, 64, 256), "H": (16, 32, 64, 128, 256)}
MIDDLE = {"T": 32, "B": 16, "H": 64}
TIMES_MEASURED, VOCAB_SIZE = 3, 28
NAMES = {"T": "time steps T", "B": "batch size B", "H": "hidden size H"}


class StepTime(KnobView):
    """Everything is measured when the view is made; the buttons choose which curve is described."""

    def __init__(self, cell: str = "rnn", *, device: str = "auto"):
        """cell: "rnn", "gru" or "lstm".  device: see arguments.choose_device."""
        where = choose_device(device)
        self.device = where.type
        self.milliseconds = {
            name: [_step_milliseconds(cell, where, **{**MIDDLE, name: size}) for size in sizes]
            for name, sizes in SIZES.items()
        }
        self.size = choice("Look at", list(NAMES.values()))
        super().__init__([self.size])

    def compute(self) -> str:
        """The chosen size: "T", "B" or "H"."""
        return next(name for name, label in NAMES.items() if label == self.size.value)

    def figure(self, result: str) -> Drawing:
        """Three panels, one for each size."""
        drawing, axes = panels(3, width=10.4, height=3.4)
        times = {NAMES[name]: (SIZES[name], self.milliseconds[name]) for name in SIZES}
        step_times(axes, times, marked=list(NAMES).index(result))
        return drawing

    def words(self, result: str) -> str:
        """By which factor the time grows with the chosen size."""
        sizes, found = SIZES[result], self.milliseconds[result]
        others = ", ".join(f"{other} = {MIDDLE[other]}" for other in SIZES if other != result)
        return (
            f"On {self.device}, with {others}: {result} grows {sizes[-1] // sizes[0]} times, from {sizes[0]} to "
            f"{sizes[-1]}, and a step takes {found[-1] / found[0]:.1f} times as long, "
            f"{found[0]:.1f} to {found[-1]:.1f} ms."
        )


def _step_milliseconds(cell: str, device: torch.device, *, T: int, B: int, H: int) -> float:
    """The quickest of a few training steps."""
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(cell, vocab_size=VOCAB_SIZE, hidden_size=H, device=device, generator=generator)
    tokens = torch.randint(VOCAB_SIZE, (8 * (B + 1) * T,), generator=generator).to(device)
    trainer = Trainer(model, SequentialBatches(tokens, batch_size=B, num_steps=T))
    seconds = []
    for _ in range(1 + TIMES_MEASURED):
        started = time.perf_counter()
        float(trainer.step().loss)  # waits for a GPU
        seconds.append(time.perf_counter() - started)
    return 1000 * min(seconds[1:])
