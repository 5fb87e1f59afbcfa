"""Counted n-gram language models: the line that every network must beat.

Before: text.py.  Next: cells.py, which remember more than the last n - 1 characters.
"""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Integers = NDArray[np.int64]
Probabilities = NDArray[np.float64]


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

    def _count(self, tokens: Integers, length: int) -> tuple[Integers, ...]:
        """Every n-gram of this length with its count; every context with its count and number of followers."""
        grams, gram_counts = np.unique(self._numbers(tokens, length), return_counts=True)
        contexts, first, followers = np.unique(grams // self.vocab_size, return_index=True, return_counts=True)
        return grams, gram_counts, contexts, np.add.reduceat(gram_counts, first), followers

    def _numbers(self, tokens: Integers, length: int) -> Integers:
        """Each window of `length` tokens (..., n) read as one number in base V, (..., n - length + 1)."""
        windows = np.lib.stride_tricks.sliding_window_view(tokens, length, axis=-1)
        return windows @ self.vocab_size ** np.arange(length - 1, -1, -1)

    def probabilities(self, tokens: Tensor) -> Probabilities:
        """P(token | the tokens before it) for each token of a text, (n,), float64.

        The first tokens have less than n - 1 tokens before them: they are predicted by the lower orders.
        """
        text = tokens.cpu().numpy()
        probability = np.full(len(text), 1 / self.vocab_size)
        for length in range(1, min(self.order, len(text)) + 1):
            numbers, lower = self._numbers(text, length), probability[length - 1 :]
            lower[:] = self._interpolate(length, numbers, lower)
        return probability

    def next_probabilities(self, context: Tensor) -> Probabilities:
        """P(x | context) for every token x, (V,), float64.  context (m,): its last n - 1 tokens count."""
        before, every_token = context.cpu().numpy(), np.arange(self.vocab_size)
        probability = np.full(self.vocab_size, 1 / self.vocab_size)
        for length in range(1, min(self.order, len(before) + 1) + 1):
            last = before[len(before) - length + 1 :]
            grams = np.concatenate([np.tile(last, (self.vocab_size, 1)), every_token[:, None]], axis=1)
            probability = self._interpolate(length, self._numbers(grams, length)[:, 0], probability)
        return probability

    def _interpolate(self, length: int, numbers: Integers, lower: Probabilities) -> Probabilities:
        """The formula above for n-grams of this length, given P(x | c') of each; all (m,)."""
        grams, gram_counts, contexts, context_counts, followers = self._tables[length - 1]
        n_gram = _look_up(numbers, grams, gram_counts)
        n_context = _look_up(numbers // self.vocab_size, contexts, context_counts)
        k_context = _look_up(numbers // self.vocab_size, contexts, followers)
        return np.where(n_context > 0, (n_gram + k_context * lower) / np.maximum(n_context + k_context, 1), lower)

    def perplexity(self, tokens: Tensor) -> float:
        """exp of the mean of -log P over a text: 1 for a perfect prediction, V for a blind guess."""
        return math.exp(-np.log(self.probabilities(tokens)).mean())


def best_ngram(train: Tensor, validation: Tensor, *, vocab_size: int) -> NGram:
    """The line to beat: of all n-grams counted in `train` (n,), the one that is best on `validation` (m,)."""
    counted = [NGram(train, order=order, vocab_size=vocab_size) for order in range(1, 6)]
    return min(counted, key=lambda model: model.perplexity(validation))


def _look_up(keys: Integers, table_keys: Integers, table_values: Integers) -> Integers:
    """The value of each key in a table sorted by key; 0 for a key that is not in it."""
    places = np.searchsorted(table_keys, keys).clip(max=len(table_keys) - 1)
    return np.where(table_keys[places] == keys, table_values[places], 0)
