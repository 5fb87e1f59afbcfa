"""The plain textbook loop that our training step is measured against.

One-hot float input, a layer of torch.nn, autograd, clipping in Python that asks for the norm, torch.optim.SGD,
the loss asked for at every step: as in D2L, sections 8.5 and 8.6, rewritten.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def textbook_step(
    cell: str, vocab_size: int, hidden_size: int, *, device: torch.device | str = "cpu"
) -> Callable[[Tensor, Tensor], float]:
    """A function that trains one minibatch: tokens, targets (T, B) int64 -> loss."""
    rnn = LAYERS[cell](vocab_size, hidden_size, device=device)
    output = nn.Linear(hidden_size, vocab_size, device=device)
    parameters = [*rnn.parameters(), *output.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    state = None

    def step(tokens: Tensor, targets: Tensor) -> float:
        nonlocal state
        if state is not None:
            state = tuple(part.detach() for part in state) if cell == "lstm" else state.detach()
        one_hot = F.one_hot(tokens, vocab_size).float()
        hidden, state = rnn(one_hot, state)
        loss = F.cross_entropy(output(hidden.reshape(-1, hidden_size)), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum(torch.sum(parameter.grad**2) for parameter in parameters))
        if norm > 1:
            for parameter in parameters:
                parameter.grad[:] *= 1 / norm
        optimizer.step()
        return loss.item()

    return step
