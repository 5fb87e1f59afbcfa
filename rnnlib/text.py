"""From a text to batches of tokens: text -> Vocab -> Corpus -> batches of shape (T, B).

Comes before everything else.  Next: baselines.py, what counting alone can predict.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rnnlib import named_texts

# ---------------------------------------------------------------------------------------- reading


def read_text(name: str | Path = "story") -> str:
    """The text called `name` ("story", "time machine"), or the text file at the path `name`.

    rnnlib/named_texts.py says where named texts are.
    Raises FileNotFoundError for an unknown name or path and for a download that is not possible, OSError for one that
    cannot be kept, ValueError for a file that is empty or not text.
    """
    path = named_texts.find(str(name)) if str(name) in named_texts.NAMES else Path(name)
    if not path.is_file():
        nearest = difflib.get_close_matches(str(name), named_texts.NAMES, n=1, cutoff=0.0)[0]
        raise FileNotFoundError(
            f"there is no text named {str(name)!r} and no file at that path; the nearest known name is {nearest!r}."
        )
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a UTF-8 text file (byte {error.start} cannot be read).") from None
    if "\0" in text:
        raise ValueError(f"{path} is a binary file, not a text.")
    if not text.strip():
        raise ValueError(f"{path} is empty; a text with some thousand characters is needed.")
    return text


def letters_only(text: str) -> str:
    """Lower-case; every run of anything but the letters a-z becomes one space (D2L, section 9.2)."""
    return re.sub("[^a-z]+", " ", text.lower()).strip()


# ----------------------------------------------------------------------------- vocabulary, corpus


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
    """A text as tokens, its first part for training and its last part held out.

    train (n,) and held_out (m,) are int64 tokens; `name` is what the text was loaded by.
    """

    name: str
    vocab: Vocab
    train: Tensor
    held_out: Tensor


def load_corpus(name: str | Path = "story", *, max_train_tokens: int | None = None) -> Corpus:
    """Read a text by name or path and split it: the last tenth is held out, the rest trains.

    max_train_tokens: train on the first so many characters only (D2L uses 10,000); held_out is the same.
    Raises what read_text raises, and ValueError if there are fewer than 100 letters or max_train_tokens is below 1.
    """
    if max_train_tokens is not None and max_train_tokens < 1:
        raise ValueError(f"max_train_tokens must be 1 or more; it is {max_train_tokens}.")
    text = letters_only(read_text(name))
    if len(text) < 100:
        raise ValueError(f"the text {str(name)!r} has {len(text)} letters and spaces; at least 100 are needed.")
    vocab = Vocab(text)
    tokens = vocab.encode(text)
    first_held_out = len(tokens) - len(tokens) // 10
    return Corpus(str(name), vocab, tokens[:first_held_out][:max_train_tokens], tokens[first_held_out:])


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

    Every epoch begins at a random offset of less than T tokens, drawn from `seed` and the epoch's number,
    so that the same characters do not always stand at the same place in a sequence.
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
        # An offset takes up to T - 1 tokens from the front, and the last token is only ever a target.
        self.num_batches = (len(tokens) - num_steps) // (batch_size * num_steps)
        self._steps = torch.arange(num_steps + 1, device=tokens.device)[:, None]
        self._epoch = -1

    def rows_begin(self, epoch: int) -> Tensor:
        """Where in the text each row of each minibatch of an epoch begins, (num_batches, B)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        with torch.device("cpu"):
            offset = torch.randint(self.num_steps, (), generator=generator)
            return offset + self.starts(generator)

    def __getitem__(self, number: int) -> Batch:
        """Minibatch `number`, counted through all epochs: 0, 1, 2, ..."""
        epoch, place = divmod(number, self.num_batches)
        if epoch != self._epoch:
            begin = self.rows_begin(epoch).to(self.tokens.device)
            self._sequences = self.tokens[begin[:, None] + self._steps]  # (num_batches, T + 1, B)
            self._epoch = epoch
        sequences = self._sequences[place]
        return Batch(sequences[:-1], sequences[1:], self.rows_continue and place > 0)

    rows_continue: bool
    """Whether each row goes on where the same row of the batch before ended."""

    def starts(self, generator: torch.Generator) -> Tensor:
        """Where each row of each batch of an epoch begins, counted from the offset: (num_batches, B)."""
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
