"""Sequences whose memory length is a knob: adding, temporal order, copying, a noisy sine.

Comes before models that learn them (long_memory.py).  Every draw takes its random numbers from `generator`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def noisy_sine(length: int, generator: torch.Generator, *, noise: float = 0.2) -> Tensor:
    """sin(0.01 t) for t = 0 to length - 1, with normal noise of that standard deviation, (length,).   D2L, 8.1."""
    return torch.sin(0.01 * torch.arange(length)) + noise * torch.randn(length, generator=generator)


Draw = tuple[Tensor, Tensor]  # inputs (T, B, input_size) and targets (K, B), wanted at the last K steps


@dataclass(frozen=True)
class Task:
    """A task that needs memory.

    draw(delay, batch_size, generator) -> inputs (T, B, input_size), targets (K, B) for the last K steps.
    chance: the error of whoever remembers nothing.  solved_below: the error at which the task counts as solved.
    most_steps: after how many training steps a race ends for those who have not learnt it.
    classes: whether targets are classes (the error is the share of wrong ones) or numbers (mean squared error).
    """

    name: str
    input_size: int
    output_size: int
    chance: float
    solved_below: float
    most_steps: int
    classes: bool
    draw: Callable[[int, int, torch.Generator], Draw]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What a network minimises.  outputs (K, B, output_size), targets (K, B) -> ()."""
        if self.classes:
            return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())
        return F.mse_loss(outputs[..., 0], targets)

    def error(self, outputs: Tensor, targets: Tensor) -> float:
        """What success is measured by: the share of wrong classes, or the mean squared error."""
        if self.classes:
            return float((outputs.argmax(-1) != targets).float().mean())
        return float(F.mse_loss(outputs[..., 0], targets))


def _check(delay: int, batch_size: int) -> None:
    if delay < 1 or batch_size < 1:
        raise ValueError(f"delay and batch_size must be at least 1; they are {delay} and {batch_size}.")


def adding(delay: int, batch_size: int, generator: torch.Generator) -> Draw:
    """Add two marked numbers among T = 2 delay: one in the first half, one in the second.

    Inputs: a number from 0 to 1 and a mark, 0 or 1.  Target: the sum of the two marked numbers, at the last step.
    Hochreiter and Schmidhuber 1997, section 5.4, in the form of Le, Jaitly and Hinton 2015, section 4.1.
    Whoever always says 1 has the mean squared error 1/6.
    """
    _check(delay, batch_size)
    rows, numbers = torch.arange(batch_size), torch.rand(2 * delay, batch_size, generator=generator)
    marks = torch.zeros(2 * delay, batch_size)
    for first in (0, delay):
        marks[first + torch.randint(delay, (batch_size,), generator=generator), rows] = 1
    return torch.stack([numbers, marks], dim=-1), (numbers * marks).sum(0, keepdim=True)


def temporal_order(delay: int, batch_size: int, generator: torch.Generator) -> Draw:
    """Say in which order two symbols came, each A or B, hidden among distractors: one of four classes.

    The first stands at the first step, the second halfway, the answer is due `delay` steps after the first.  Inputs:
    one-hot over A, B and four distractors.   Hochreiter and Schmidhuber 1997, section 5.6 (task 6a), where the two
    places vary; here they are fixed, so that the delay is what the slider says.
    """
    _check(delay, batch_size)
    symbols = torch.randint(2, 6, (delay + 1, batch_size), generator=generator)
    first, second = torch.randint(2, (2, batch_size), generator=generator)
    symbols[0] = first
    symbols[(delay + 1) // 2] = second
    return F.one_hot(symbols, 6).float(), (2 * first + second)[None]


def copying(delay: int, batch_size: int, generator: torch.Generator, *, length: int = 3) -> Draw:
    """Repeat `length` symbols, each one of eight, after `delay` steps: blanks, and at the last of them a sign to begin.

    Inputs: one-hot over eight symbols, the blank and the sign.  Targets: the symbols, at the last `length` steps.
    Hochreiter and Schmidhuber 1997, section 5.2; Arjovsky, Shah and Bengio 2016, section 5.1 (with ten symbols).
    """
    _check(delay, batch_size)
    wanted = torch.randint(8, (length, batch_size), generator=generator)
    symbols = torch.full((2 * length + delay, batch_size), 8)
    symbols[:length] = wanted
    symbols[length + delay - 1] = 9
    return F.one_hot(symbols, 10).float(), wanted


TASKS = {
    task.name: task
    for task in (
        Task(
            "temporal order", 6, 4, chance=3 / 4, solved_below=0.01, most_steps=1500, classes=True, draw=temporal_order
        ),
        Task("adding", 2, 1, chance=1 / 6, solved_below=0.01, most_steps=2500, classes=False, draw=adding),
        Task("copying", 10, 8, chance=7 / 8, solved_below=0.01, most_steps=2500, classes=True, draw=copying),
    )
}
