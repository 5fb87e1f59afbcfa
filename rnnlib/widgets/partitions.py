"""Which character lands where: the same text cut into sequential and into random minibatches.

Before: knob_view.py.
"""

from typing import NamedTuple

import torch

from rnnlib.figures.letters import LINE_HEIGHT, NUMBERED_LINE, partition
from rnnlib.figures.style import Drawing, blank
from rnnlib.text import Batches, Corpus, RandomBatches, SequentialBatches
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, int_slider

KINDS: dict[str, type[Batches]] = {"sequential": SequentialBatches, "random": RandomBatches}
COLUMNS, MOST_ROWS = 60, 4


class Minibatch(NamedTuple):
    """starts: where each row begins in the text, (B,).  place: of the minibatch in its epoch.

    continues: whether rows go on where those of the minibatch before ended.
    """

    epoch: int
    place: int
    starts: torch.Tensor
    continues: bool


class Partitions(KnobView):
    """The beginning of a corpus, the rows of one minibatch marked in it, and the minibatch.

    The minibatches are those that training uses: text.SequentialBatches and text.RandomBatches.
    """

    def __init__(self, corpus: Corpus, *, num_tokens: int = 240, batch_size: int = 3, num_steps: int = 8):
        """num_tokens: how much of the training text is cut.  batch_size: at most 4, for which there are colours."""
        if not 1 <= batch_size <= MOST_ROWS:
            raise ValueError(f"the view has colours for 1 to {MOST_ROWS} rows; batch_size is {batch_size}.")
        if corpus.vocab.words:
            raise ValueError('the view shows letter by letter; load a text of tokens="letters" or "characters".')
        self._tokens = corpus.train[:num_tokens]
        self._text = corpus.vocab.decode(self._tokens)
        sizes = {"batch_size": batch_size, "num_steps": num_steps}
        self._batches = {name: kind(self._tokens, **sizes) for name, kind in KINDS.items()}
        num_batches = self._batches["sequential"].num_batches
        self.kind = choice("Batches", list(KINDS))
        self.batch = int_slider("Minibatch", 0, 0, 2 * num_batches - 1)
        super().__init__([self.kind, self.batch])

    def compute(self) -> Minibatch:
        """The minibatch of the knobs, as training uses it."""
        batches = self._batches[self.kind.value]
        epoch, place = divmod(self.batch.value, batches.num_batches)
        return Minibatch(epoch, place, batches.rows_begin(epoch)[place], batches.rows_continue and place > 0)

    def figure(self, result: Minibatch) -> Drawing:
        """The text above, tokens and targets below."""
        num_steps = self._batches["sequential"].num_steps
        lines = -(-len(self._text) // COLUMNS)
        rows = len(result.starts)
        drawing = blank(9, (100 + lines * NUMBERED_LINE + rows * LINE_HEIGHT) / 100)
        partition(drawing, self._text, result.starts.tolist(), num_steps, columns=COLUMNS, kind=self.kind.value)
        return drawing

    def words(self, result: Minibatch) -> str:
        """Which epoch this is, and whether the rows go on."""
        num_batches = self._batches[self.kind.value].num_batches
        carried = "Each row goes on where it ended in the minibatch before: the state is carried."
        fresh = "No row goes on from the minibatch before: the state starts from zero."
        rows = carried if result.continues else fresh
        return f"Epoch {result.epoch}, minibatch {result.place} of {num_batches}. {rows}"
