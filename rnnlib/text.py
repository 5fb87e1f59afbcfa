"""From a text to batches of tokens: text -> Vocab -> Corpus -> batches of shape (T, B).

Comes before everything else.  Next: baselines.py, what counting alone can predict.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnlib.alphabets import LARGEST_VOCABULARY, check_sizes, kept_of, normal, share_left_out, words_of
from rnnlib.alphabets import letters_only as letters_only
from rnnlib.named_texts import read_text


class Vocab:
    """Tokens <-> their numbers.  Token 0 is <unk>, which stands for every token that is not in the vocabulary."""

    UNKNOWN = "<unk>"

    def __init__(self, text: str, *, words: bool = False, max_size: int = LARGEST_VOCABULARY):
        """The tokens of a text, its characters or its words; of more than max_size - 1 those that come most often."""
        self.words = words
        self.tokens = [self.UNKNOWN, *sorted(dict(Counter(self.split(text)).most_common(max_size - 1)))]
        self._index = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def split(self, text: str) -> Iterable[str]:
        """A text's tokens, in order."""
        return words_of(text) if self.words else text

    def join(self, tokens: Iterable[str]) -> str:
        """The text of some tokens, in order."""
        return (" " if self.words else "").join(tokens)

    def encode(self, text: str) -> Tensor:
        """Text of n tokens -> their numbers (n,), int64; 0 for those that are not in the vocabulary."""
        return torch.from_numpy(np.fromiter(map(self._index.get, self.split(text), repeat(0)), np.int64))

    def decode(self, tokens: Tensor) -> str:
        """Token numbers (n,) -> text."""
        return self.join(self.tokens[index] for index in tokens.tolist())


@dataclass(frozen=True)
class Corpus:
    """A text as tokens in three parts: one to train on, one to choose by, and one to report on, once, at the end.

    train (n,), validation (m,) and test (m,) are int64 tokens; `name` is what the text was loaded by.  left_out: which
    share of its visible characters is no token, unknown: which share of its tokens is <unk>; 0 to 1.
    """

    name: str
    vocab: Vocab
    train: Tensor
    validation: Tensor
    test: Tensor
    left_out: float = 0.0
    unknown: float = 0.0


def load_corpus(
    name: str | Path = "story",
    *,
    max_train_tokens: int | None = None,
    tokens: str = "letters",
    max_vocab_size: int = LARGEST_VOCABULARY,
    normal_form: str = "NFC",
) -> Corpus:
    """Read a text by name or path and split it: the last tenth is for the test, the tenth before for validation.

    max_train_tokens: train on the first so many tokens only (D2L uses 10,000); the other parts are the same.
    tokens: "letters" (lower case, the rest one space), "characters" (all of them) or "words" (of such letters).
    max_vocab_size: 2 to 10,000; rarer tokens are <unk>.  normal_form: see alphabets.py.
    A file of 50 MB takes about 5 seconds and 0.9 GB of memory, or with words 7 seconds and 0.4 GB.
    Raises what read_text raises, and ValueError for fewer than 100 tokens and for a choice that is not there.
    """
    check_sizes(max_vocab_size, max_train_tokens)
    text = normal(read_text(name), normal_form)
    kept = kept_of(text, tokens, normal_form)
    vocab = Vocab(kept, words=tokens == "words", max_size=max_vocab_size)
    numbers = vocab.encode(kept)
    if len(numbers) < 100:
        raise ValueError(f"the text {str(name)!r} has {len(numbers)} {tokens}; at least 100 are needed.")
    tenth = len(numbers) // 10
    train, validation, test = numbers.split([len(numbers) - 2 * tenth, tenth, tenth])
    # counted without torch, whose threads a process that was forked off would wait for in vain
    shares = {"left_out": share_left_out(text, kept), "unknown": (numbers.numpy() == 0).mean().item()}
    return Corpus(str(name), vocab, train[:max_train_tokens], validation, test, **shares)


# ---------------------------------------------------------------------------------------- batches


@dataclass(frozen=True)
class Batch:
    """One minibatch.  tokens, targets: (T, B) int64; targets[t, b] is the token after tokens[t, b].

    continues: whether row b goes on where row b of the batch before ended, so that the state may be carried.
    """

    tokens: Tensor
    targets: Tensor
    continues: bool


class Batches:
    """Minibatches of a text by number: batches[k] is always the same one, so a run can be repeated.

    An epoch of whole batches leaves some tokens out.  So even epochs are counted from the front of the text and odd
    ones from its end: within two epochs every token is trained on (if an epoch has more than one batch; if not, within
    a few).  From the third epoch on there is a random offset of less than T tokens, drawn from `seed` and the epoch's
    number, so that the same characters do not always stand at the same place in a sequence (D2L draws one, too).
    """

    def __init__(self, tokens: Tensor, *, batch_size: int = 32, num_steps: int = 35, seed: int = 0):
        if batch_size < 1 or num_steps < 1:
            raise ValueError(f"batch_size and num_steps must be at least 1; they are {batch_size} and {num_steps}.")
        needed = (batch_size + 1) * num_steps
        if len(tokens) < needed:
            raise ValueError(
                f"the text has {len(tokens):,} tokens; batch_size={batch_size} and num_steps={num_steps} need at "
                f"least {needed:,}. Use a longer text or smaller batches."
            )
        self.tokens, self.batch_size, self.num_steps, self.seed = tokens, batch_size, num_steps, seed
        # An offset takes up to T - 1 tokens, and the last token is only ever a target.
        self.num_batches = (len(tokens) - num_steps) // (batch_size * num_steps)
        self._steps = torch.arange(num_steps + 1, device=tokens.device)[:, None]
        self._epoch = -1

    def rows_begin(self, epoch: int) -> Tensor:
        """Where in the text each row of each minibatch of an epoch begins, (num_batches, B)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        with torch.device("cpu"):
            offset = int(torch.randint(self.num_steps, (), generator=generator)) if epoch > 1 else 0
            left_out = len(self.tokens) - 1 - self.num_batches * self.batch_size * self.num_steps
            return self.starts(generator) + (left_out - offset if epoch % 2 else offset)

    def __getitem__(self, number: int) -> Batch:
        """Minibatch `number`, counted through all epochs: 0, 1, 2, ...  Raises IndexError for a number below 0."""
        if number < 0:
            raise IndexError(f"minibatches are counted from 0 on, through all epochs; {number} is below.")
        epoch, place = divmod(number, self.num_batches)
        if epoch != self._epoch:
            self._begin, self._epoch = self.rows_begin(epoch).to(self.tokens.device), epoch
        sequences = self.tokens[self._begin[place] + self._steps]  # (T + 1, B)
        return Batch(sequences[:-1], sequences[1:], self.rows_continue and place > 0)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        """The minibatches of the first epoch.  Those of epoch e begin at batches[e * len(batches)]."""
        return map(self.__getitem__, range(self.num_batches))

    rows_continue: bool
    """Whether each row goes on where the same row of the batch before ended."""

    def starts(self, generator: torch.Generator) -> Tensor:
        """Where each row of each batch of an epoch begins, counted from where the epoch begins: (num_batches, B)."""
        raise NotImplementedError


class SequentialBatches(Batches):
    """Row b walks through the b-th of B equal parts of the text: consecutive batches are neighbours in it."""

    rows_continue = True

    def starts(self, generator: torch.Generator) -> Tensor:
        first_of_row = torch.arange(self.batch_size) * self.num_batches * self.num_steps
        return first_of_row + torch.arange(self.num_batches)[:, None] * self.num_steps


class RandomBatches(Batches):
    """The text is cut into sequences of T tokens, shuffled anew every epoch: no batch continues another."""

    rows_continue = False

    def starts(self, generator: torch.Generator) -> Tensor:
        order = torch.randperm(self.num_batches * self.batch_size, generator=generator)
        return order.view(self.num_batches, self.batch_size) * self.num_steps
