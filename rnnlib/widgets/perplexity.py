"""What a perplexity means: a distribution picked by sliders, and counted n-grams over order and amount of text.

Before: partitions.py.
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from rnnlib.baselines import NGram
from rnnlib.figures.perplexity import ngram_curves, surprise_bars
from rnnlib.figures.style import Drawing, panels
from rnnlib.live.sessions import first_words
from rnnlib.sampling import check_prefix
from rnnlib.text import Corpus
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import int_slider, option_slider

ORDERS = (1, 2, 3, 4, 5)
LETTERS_WRITTEN, WORDS_WRITTEN = 90, 18


class Distribution(NamedTuple):
    """probabilities (n,), and their perplexity: exp(-sum p log p), between 1 and n."""

    probabilities: np.ndarray
    perplexity: float


class PerplexityOfADistribution(KnobView):
    """One slider for each of a few characters sets its share; the perplexity of the distribution is exp(entropy)."""

    def __init__(self, characters: str = "abcde", shares: tuple[int, ...] = (8, 4, 2, 1, 1)):
        """shares: one for each character, 0 to 20, not all 0."""
        self.characters = characters
        self.shares = [
            int_slider(f"Share of {name}", share, 0, 20) for name, share in zip(characters, shares, strict=True)
        ]
        super().__init__(self.shares)

    def compute(self) -> Distribution:
        """The distribution of the sliders.  Raises ValueError where all are 0."""
        shares = np.array([slider.value for slider in self.shares], dtype=float)
        if shares.sum() == 0:
            raise ValueError("one share at least must be above 0: some character comes next.")
        probabilities = shares / shares.sum()
        p = probabilities[probabilities > 0]
        return Distribution(probabilities, math.exp(-(p * np.log(p)).sum()))

    def figure(self, result: Distribution) -> Drawing:
        """Probabilities at the left, surprises at the right."""
        drawing, axes = panels(2, height=3)
        surprise_bars(axes, result.probabilities, self.characters)
        return drawing

    def words(self, result: Distribution) -> str:
        """The perplexity as a fair die."""
        entropy = math.log(result.perplexity)
        return (
            f"The mean of log 1/p is {entropy:.3f} nats, so the perplexity is exp({entropy:.3f}) = "
            f"{result.perplexity:.2f}: as unsure as a fair die with {result.perplexity:.2f} faces. "
            f"It lies between 1 and {len(self.characters)}."
        )


class Baseline(NamedTuple):
    """A counted model: perplexity on validation text and on the text it was counted on, and what it writes."""

    validation: float
    on_its_own: float
    text: str


class CountedBaselines(KnobView):
    """Validation perplexity of counted n-grams, for every order and amount of text, and what such a model writes."""

    def __init__(self, corpus: Corpus, *, prefix: str | None = None):
        """prefix: what the texts begin with; by default the text's first two words.

        Raises ValueError for a prefix that is empty or has tokens not in the vocabulary.
        """
        self._corpus, self._prefix = corpus, first_words(corpus) if prefix is None else prefix
        check_prefix(self._prefix, corpus.vocab)
        total = len(corpus.train)
        self._amounts = [round(total / 2**halvings) for halvings in reversed(range(8))]
        V = len(corpus.vocab)
        self._models = [
            [NGram(corpus.train[:amount], order=order, vocab_size=V) for amount in self._amounts] for order in ORDERS
        ]
        self.perplexities = np.array([[model.perplexity(corpus.validation) for model in row] for row in self._models])
        self._on_their_own = [
            [model.perplexity(corpus.train[:amount]) for model, amount in zip(row, self._amounts, strict=True)]
            for row in self._models
        ]
        options = [(f"{amount:,}", place) for place, amount in enumerate(self._amounts)]
        self.order = int_slider("Order n", 2, ORDERS[0], ORDERS[-1])
        name = "Words" if corpus.vocab.words else "Characters"
        self._kind = name.lower()
        self.amount = option_slider(name, options, len(options) - 1)
        super().__init__([self.order, self.amount])

    def compute(self) -> Baseline:
        """The chosen model."""
        row, column = self.order.value - 1, self.amount.value
        written = self._write(self._models[row][column])
        return Baseline(float(self.perplexities[row, column]), self._on_their_own[row][column], written)

    def figure(self, result: Baseline) -> Drawing:
        """All curves, the chosen one marked."""
        drawing, (ax,) = panels(height=3.6)
        chosen = self.order.value - 1, self.amount.value
        ngram_curves(ax, np.array(self._amounts), self.perplexities, chosen, self._kind)
        return drawing

    def words(self, result: Baseline) -> str:
        """The chosen model's perplexities, and a text drawn from it."""
        amount = self._amounts[self.amount.value]
        return (
            f"A {self.order.value}-gram counted on {amount:,} {self._kind} has perplexity {result.validation:.2f} on "
            f"validation text and {result.on_its_own:.2f} on the text it was counted on. It writes: {result.text}"
        )

    def _write(self, model: NGram) -> str:
        vocab, generator = self._corpus.vocab, torch.Generator().manual_seed(0)
        tokens = vocab.encode(self._prefix)
        for _ in range(WORDS_WRITTEN if vocab.words else LETTERS_WRITTEN):
            probabilities = torch.from_numpy(model.next_probabilities(tokens))
            probabilities[0] = 0  # <unk> cannot be written
            tokens = torch.cat([tokens, torch.multinomial(probabilities, 1, generator=generator)])
        return vocab.decode(tokens)
