"""Counted n-gram language models: the line that every network must beat.

Before: text.py.  Next: cells.py, which remember more than the last n - 1 characters.
"""

import math

import numpy as np
from torch import Tensor


class NGram:
    """P(character | the n - 1 characters before it), counted, with Witten-Bell smoothing.

    A context c with N(c) occurrences, followed by K(c) different characters, gives

        P(x | c) = (N(c x) + K(c) P(x | c')) / (N(c) + K(c)),    c' = c without its first character,

    down to the uniform distribution 1/V, so that no character is impossible and every distribution sums to 1.
    Source: Witten and Bell 1991; Chen and Goodman 1999, section 2.5 (interpolated form).
    """

    def __init__(self, tokens: Tensor, *, order: int, vocab_size: int):
        """Count all n-grams up to n = `order` (1 to 5) in tokens (n,), int64."""
        if not 1 <= order <= 5:
            raise ValueError(f"the order of an n-gram model must be 1 to 5; it is {order}.")
        if len(tokens) < order:
            raise ValueError(f"the text has {len(tokens)} tokens; an n-gram model of order {order} needs {order}.")
        self.order, self.vocab_size = order, vocab_size
        self._tables = [self._count(tokens.cpu().numpy(), length) for length in range(1, order + 1)]

    def _count(self, tokens: np.ndarray, length: int) -> tuple[np.ndarray, ...]:
        """Every n-gram of this length with its count; every context with its count and number of followers."""
        grams, gram_counts = np.unique(self._numbers(tokens, length), return_counts=True)
        contexts, first, followers = np.unique(grams // self.vocab_size, return_index=True, return_counts=True)
        return grams, gram_counts, contexts, np.add.reduceat(gram_counts, first), followers

    def _numbers(self, tokens: np.ndarray, length: int) -> np.ndarray:
        """Each window of `length` tokens read as one number in base V, (n - length + 1,)."""
        windows = np.lib.stride_tricks.sliding_window_view(tokens, length)
        return windows @ self.vocab_size ** np.arange(length - 1, -1, -1)

    def probabilities(self, tokens: Tensor) -> np.ndarray:
        """P(token | the tokens before it) for each token of a text, (n,), float64.

        The first tokens have less than n - 1 tokens before them: they are predicted by the lower orders.
        """
        text = tokens.cpu().numpy()
        probability = np.full(len(text), 1 / self.vocab_size)
        for length, (grams, gram_counts, contexts, context_counts, followers) in enumerate(self._tables, start=1):
            if len(text) < length:
                break
            numbers = self._numbers(text, length)
            n_gram = _look_up(numbers, grams, gram_counts)
            n_context = _look_up(numbers // self.vocab_size, contexts, context_counts)
            k_context = _look_up(numbers // self.vocab_size, contexts, followers)
            lower = probability[length - 1 :]
            seen = n_context > 0
            lower[seen] = (n_gram[seen] + k_context[seen] * lower[seen]) / (n_context[seen] + k_context[seen])
        return probability

    def perplexity(self, tokens: Tensor) -> float:
        """exp of the mean of -log P over a text: 1 for a perfect prediction, V for a blind guess."""
        return math.exp(-np.log(self.probabilities(tokens)).mean())


def _look_up(keys: np.ndarray, table_keys: np.ndarray, table_values: np.ndarray) -> np.ndarray:
    """The value of each key in a table sorted by key; 0 for a key that is not in it."""
    places = np.searchsorted(table_keys, keys).clip(max=len(table_keys) - 1)
    return np.where(table_keys[places] == keys, table_values[places], 0)
