"""Who remembers longest?  Five small networks that learn the same task from the same draws.

Before: tasks.py, initialisation.py.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnlib.topics import initialisation
from rnnlib.topics.tasks import Task

CONTESTANTS = ("RNN", "orthogonal RNN", "IRNN", "GRU", "LSTM")
HIDDEN_SIZE, BATCH_SIZE, ROWS_OF_A_TEST, STEPS_BETWEEN_TESTS = 32, 32, 256, 10
LARGEST_GRADIENT_NORM = 1.0


class Contestant(nn.Module):
    """A recurrent layer and an output layer that is asked at the last K steps."""

    def __init__(self, kind: str, task: Task, generator: torch.Generator):
        """kind: a name in CONTESTANTS.

        "RNN" and "GRU" begin as PyTorch's layers do.  "orthogonal RNN": W_hh a random rotation.  "IRNN": ReLU, W_hh the
        identity, other weights small (Le, Jaitly and Hinton 2015).  "LSTM": forget gates open, by a bias of 1
        (Jozefowicz, Zaremba and Sutskever 2015).
        """
        if kind not in CONTESTANTS:
            raise ValueError(f"there is no contestant {kind!r}; the contestants are {', '.join(CONTESTANTS)}.")
        super().__init__()
        layers = {"GRU": nn.GRU, "LSTM": nn.LSTM}
        with torch.device("meta"):  # torch's own first weights would take random numbers from the reader
            if kind in layers:
                self.rnn: nn.RNNBase = layers[kind](task.input_size, HIDDEN_SIZE)
            else:
                self.rnn = nn.RNN(task.input_size, HIDDEN_SIZE, nonlinearity="relu" if kind == "IRNN" else "tanh")
            self.output = nn.Linear(HIDDEN_SIZE, task.output_size)
        self.to_empty(device="cpu")
        bound = HIDDEN_SIZE**-0.5
        weights = dict(self.rnn.named_parameters())
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
            if kind == "orthogonal RNN":
                weights["weight_hh_l0"].copy_(initialisation.orthogonal(HIDDEN_SIZE, generator))
            if kind == "IRNN":
                weights["weight_hh_l0"].copy_(initialisation.identity(HIDDEN_SIZE))
                weights["weight_ih_l0"].normal_(0, 0.1, generator=generator)
                weights["bias_hh_l0"].zero_()
                weights["bias_ih_l0"].zero_()
            if kind == "LSTM":
                weights["bias_ih_l0"][HIDDEN_SIZE : 2 * HIDDEN_SIZE] = 1
        self.learning_rate = 0.001 if kind == "IRNN" else 0.003

    def forward(self, inputs: Tensor, num_outputs: int) -> Tensor:
        """inputs (T, B, I) -> outputs at the last num_outputs = K steps, (K, B, O)."""
        hidden, _ = self.rnn(inputs)
        answer: Tensor = self.output(hidden[-num_outputs:])
        return answer


class Test(NamedTuple):
    """After so many steps, the error on sequences that the network has not seen."""

    step: int
    error: float


def learn(
    kind: str, task: Task, delay: int, *, seed: int = 0, prepare: Callable[[nn.RNNBase], object] | None = None
) -> Iterator[Test]:
    """Train a contestant without end: Adam, gradients clipped by norm at 1; a test every STEPS_BETWEEN_TESTS steps.

    prepare: may change the recurrent layer's first weights.
    """
    generator = torch.Generator().manual_seed(seed)
    network = Contestant(kind, task, generator)
    if prepare is not None:
        prepare(network.rnn)
    optimizer = torch.optim.Adam(network.parameters(), lr=network.learning_rate)
    for step in itertools.count():
        if step % STEPS_BETWEEN_TESTS == 0:
            inputs, targets = task.draw(delay, ROWS_OF_A_TEST, generator)
            with torch.no_grad():
                error = task.error(network(inputs, len(targets)), targets)
            yield Test(step, error)
        inputs, targets = task.draw(delay, BATCH_SIZE, generator)
        optimizer.zero_grad()
        task.loss(network(inputs, len(targets)), targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT_NORM)
        optimizer.step()


def steps_to_success(kind: str, task: Task, delay: int, *, seed: int, most_steps: int) -> int | None:
    """After how many steps two tests in a row were passed; None if it took more than most_steps."""
    passed = 0
    for test in learn(kind, task, delay, seed=seed):
        passed = passed + 1 if test.error < task.solved_below else 0
        if passed == 2:
            return test.step
        if test.step >= most_steps:
            return None
    raise AssertionError("learning has no end")
