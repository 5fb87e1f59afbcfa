"""Counted n-gram language models: the line that every network must beat.

Before: text.py.  Next: cells.py, which remember more than the last n - 1 tokens.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlib.counting import Counts

Probabilities = NDArray[np.float64]


class NGram:
    """P(token | the n - 1 tokens before it), counted, with Witten-Bell smoothing.

    A context c with N(c) occurrences, followed by K(c) different tokens, gives

        P(x | c) = (N(c x) + K(c) P(x | c')) / (N(c) + K(c)),    c' = c without its first token,

    down to the uniform distribution 1/V, so that no token is impossible and every distribution sums to 1.
    Source: Witten and Bell 1991; Chen and Goodman 1999, section 2.5 (interpolated form).
    """

    def __init__(self, tokens: Tensor, *, order: int, vocab_size: int):
        """Count all n-grams up to n = `order` (1 to 6) in tokens (n,), int64."""
        if not 1 <= order <= 6:
            raise ValueError(f"the order of an n-gram model must be 1 to 6; it is {order}.")
        if len(tokens) < order:
            raise ValueError(f"the text has {len(tokens)} tokens; an n-gram model of order {order} needs {order}.")
        self.order, self.vocab_size = order, vocab_size
        self._counts = Counts(tokens.cpu().numpy(), order=order, vocab_size=vocab_size)

    def probabilities(self, tokens: Tensor) -> Probabilities:
        """P(token | the tokens before it) for each token of a text, or of texts side by side, (..., n), float64.

        The first tokens have less than n - 1 tokens before them: they are predicted by the lower orders.
        """
        text = tokens.cpu().numpy()
        probability = np.full(text.shape, 1 / self.vocab_size)
        for n, (N_x, N, K) in enumerate(self._counts.of(text)):
            lower = probability[..., n:]
            lower[...] = np.where(N > 0, (N_x + K * lower) / np.maximum(N + K, 1), lower)
        return probability

    def next_probabilities(self, context: Tensor) -> Probabilities:
        """P(x | context) for every token x, (V,), float64.  context (m,): its last n - 1 tokens count."""
        before = context.cpu()[max(0, len(context) - self.order + 1) :].expand(self.vocab_size, -1)
        every_token = torch.arange(self.vocab_size, device="cpu")[:, None]
        return self.probabilities(torch.cat([before, every_token], dim=1))[:, -1]

    def perplexity(self, tokens: Tensor) -> float:
        """exp of the mean of -log P over a text: 1 for a perfect prediction, V for a blind guess."""
        return math.exp(-np.log(self.probabilities(tokens)).mean())


def best_ngram(train: Tensor, validation: Tensor, *, vocab_size: int) -> NGram:
    """The line to beat: of all n-grams counted in `train` (n,), the one that is best on `validation` (m,)."""
    counted = [NGram(train, order=order, vocab_size=vocab_size) for order in range(1, 6)]
    return min(counted, key=lambda model: model.perplexity(validation))
