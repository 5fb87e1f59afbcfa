"""How often every n-gram of a text occurs, for any number of tokens: sorted tables of those that do occur.

Not part of the reading path: baselines.py says what is done with the counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Counted(NamedTuple):
    """Of some n-grams of one length, arrays of one shape each.

    n_gram: how often each occurs.  context: how often its first n - 1 tokens do, followed by any token; followers: by
    how many different ones.
    """

    n_gram: Integers
    context: Integers
    followers: Integers


class Counts:
    """All n-grams of a text up to n = order, counted.

    An n-gram is one number: the place of its first n - 1 tokens in the sorted table of those that occur, times V, plus
    its last token.  So numbers stay small however large V and n are, and no two n-grams have the same one.
    """

    def __init__(self, text: Integers, *, order: int, vocab_size: int):
        """text (n,).  Takes memory and time in proportion to n, not to V.

        Raises ValueError for tokens that are not from 0 to vocab_size - 1.
        """
        self._vocab_size = vocab_size
        self._check(text)
        self._tables = list[tuple[Integers, ...]]()
        place = np.zeros_like(text)
        for n in range(order):
            numbers = place * vocab_size + text[n:]
            grams, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
            contexts, first, followers = np.unique(grams // vocab_size, return_index=True, return_counts=True)
            self._tables.append((grams, counts, contexts, np.add.reduceat(counts, first), followers))
            place = place[:-1]

    def _check(self, text: Integers) -> None:
        if text.size and not 0 <= text.min() <= text.max() < self._vocab_size:
            raise ValueError(f"tokens must be 0 to {self._vocab_size - 1}; these are {text.min()} to {text.max()}.")

    def of(self, text: Integers) -> Iterator[Counted]:
        """For n = 1, 2, ... what is known of each n-gram of a text (..., m): arrays (..., m - n + 1)."""
        self._check(text)
        place = np.zeros_like(text)
        for n, (grams, counts, contexts, context_counts, followers) in enumerate(self._tables[: text.shape[-1]]):
            numbers = np.where(place < 0, -1, place * self._vocab_size + text[..., n:])
            before = numbers // self._vocab_size
            yield Counted(
                _look_up(numbers, grams, counts),
                _look_up(before, contexts, context_counts),
                _look_up(before, contexts, followers),
            )
            place = _look_up(numbers, grams, np.arange(len(grams)), missing=-1)[..., :-1]


def _look_up(keys: Integers, table_keys: Integers, table_values: Integers, *, missing: int = 0) -> Integers:
    """The value of each key in a table sorted by key."""
    places = np.searchsorted(table_keys, keys).clip(max=len(table_keys) - 1)
    return np.where(table_keys[places] == keys, table_values[places], missing)
