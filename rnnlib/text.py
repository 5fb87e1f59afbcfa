"""From a text to batches of tokens: text -> Vocab -> Corpus -> batches of shape (T, B).

Comes before everything else.  Next: baselines.py, what counting alone can predict.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rnnlib.named_texts import read_text

# -------------------------------------------------------------------- reading, vocabulary, corpus


def letters_only(text: str) -> str:
    """Lower-case; every run of anything but the letters a-z becomes one space (D2L, section 9.2)."""
    return re.sub("[^a-z]+", " ", text.lower()).strip()


class Vocab:
    """Characters <-> token numbers.  Token 0 is <unk>, which stands for every character not in the text."""

    UNKNOWN = "<unk>"

    def __init__(self, text: str):
        self.tokens = [self.UNKNOWN, *sorted(set(text))]
        self._index = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> Tensor:
        """Text of n characters -> token numbers (n,), int64; characters not in the vocabulary become 0."""
        return torch.tensor([self._index.get(character, 0) for character in text], dtype=torch.int64, device="cpu")

    def decode(self, tokens: Tensor) -> str:
        """Token numbers (n,) -> text."""
        return "".join(self.tokens[index] for index in tokens.tolist())


@dataclass(frozen=True)
class Corpus:
    """A text as tokens in three parts: one to train on, one to choose by, and one to report on, once, at the end.

    train (n,), validation (m,) and test (m,) are int64 tokens; `name` is what the text was loaded by.
    """

    name: str
    vocab: Vocab
    train: Tensor
    validation: Tensor
    test: Tensor


def load_corpus(name: str | Path = "story", *, max_train_tokens: int | None = None) -> Corpus:
    """Read a text by name or path and split it: the last tenth is for the test, the tenth before for validation.

    max_train_tokens: train on the first so many characters only (D2L uses 10,000); the other parts are the same.
    Raises what read_text raises, and ValueError if there are fewer than 100 letters or max_train_tokens is below 1.
    """
    if max_train_tokens is not None and max_train_tokens < 1:
        raise ValueError(f"max_train_tokens must be 1 or more; it is {max_train_tokens}.")
    text = letters_only(read_text(name))
    if len(text) < 100:
        raise ValueError(f"the text {str(name)!r} has {len(text)} letters and spaces; at least 100 are needed.")
    vocab = Vocab(text)
    tokens = vocab.encode(text)
    tenth = len(tokens) // 10
    train, validation, test = tokens.split([len(tokens) - 2 * tenth, tenth, tenth])
    return Corpus(str(name), vocab, train[:max_train_tokens], validation, test)


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
            begin = self.rows_begin(epoch).to(self.tokens.device)
            self._sequences = self.tokens[begin[:, None] + self._steps]  # (num_batches, T + 1, B)
            self._epoch = epoch
        sequences = self._sequences[place]
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
