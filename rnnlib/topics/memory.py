"""How much of what it has read does a network still know?  Two measurements over a whole text.

Before: models.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.models import LanguageModel

RIDGE = 1e-3


@torch.no_grad()
def loss_with_context(model: LanguageModel, tokens: Tensor, lengths: Sequence[int]) -> list[float]:
    """Mean cross-entropy, nats per token, of a model that is shown only the last 1, 2, ... tokens before each.

    tokens (n,).  lengths: how many are shown; the same places of the text are predicted for each.
    """
    longest = max(lengths)
    windows = tokens.unfold(0, longest + 1, 1).T.to(model.device)  # (longest + 1, places)
    losses = []
    for length in lengths:
        logits, _ = model(windows[longest - length : -1], model.initial_state(windows.shape[1]))
        losses.append(float(F.cross_entropy(logits[-1], windows[-1])))
    return losses


@torch.no_grad()
def states_over(model: LanguageModel, tokens: Tensor) -> Tensor:
    """h_t after each token of a text that is read from its beginning to its end, (n, H)."""
    hidden, _ = model.hidden_states(tokens[:, None].to(model.device), model.initial_state(1))
    return hidden[:, 0]


class Probe:
    """Reads off a state which token was read k steps ago, by one weighted sum for each token: the largest one wins.

    The weights are those of least squares from states to one-hot tokens.
    """

    def __init__(self, states: Tensor, tokens: Tensor, steps_back: int, vocab_size: int):
        """states (n, H): after each of tokens (n,)."""
        self._back = steps_back
        inputs, wanted = self._pairs(states, tokens)
        square = inputs.T @ inputs + RIDGE * len(inputs) * torch.eye(inputs.shape[1])
        self._weights = torch.linalg.solve(square, inputs.T @ F.one_hot(wanted, vocab_size).float())

    def _pairs(self, states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        inputs = torch.cat([states, torch.ones(len(states), 1)], dim=1)
        return inputs[self._back :], tokens[: len(tokens) - self._back]

    def accuracy(self, states: Tensor, tokens: Tensor) -> float:
        """The share of places where it names the token."""
        inputs, wanted = self._pairs(states, tokens)
        return float(((inputs @ self._weights).argmax(1) == wanted).float().mean())
