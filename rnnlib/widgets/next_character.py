"""What a network expects next: the distribution over the next character, bent by temperature and top-k.

Before: knob_view.py.
"""

from typing import NamedTuple

import torch

from rnnlib.figures.perplexity import next_character_bars
from rnnlib.figures.style import Drawing, panels
from rnnlib.models import Model
from rnnlib.sampling import check_prefix, next_token_probabilities, write
from rnnlib.text import Vocab
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import float_slider, int_slider, text_field

LENGTH = 90


class Prediction(NamedTuple):
    """probabilities: P(next character | prefix) for each token (V,), as the knobs bend it.  text: what it writes."""

    probabilities: torch.Tensor
    text: str


class NextCharacter(KnobView):
    """Bars for P(next character | prefix), and a text drawn with the same temperature and top-k.

    The same seed draws every text, so that a change in the text comes from the knobs alone.
    """

    def __init__(self, model: Model, vocab: Vocab, prefix: str):
        """Raises ValueError for a prefix that is empty or has characters not in the vocabulary."""
        check_prefix(prefix, vocab)
        self._model, self._vocab = model, vocab
        self.prefix = text_field("Prefix", prefix)
        self.temperature = float_slider("Temperature", 1, 0, 2, 0.1)
        self.top_k = int_slider("Top k", len(vocab), 1, len(vocab))
        super().__init__([self.prefix], [self.temperature, self.top_k])

    def compute(self) -> Prediction:
        """The next character's distribution, and a text.  Raises ValueError for a prefix that cannot be read."""
        prefix, model, vocab = self.prefix.value, self._model, self._vocab
        check_prefix(prefix, vocab)
        options = {"temperature": self.temperature.value, "top_k": self.top_k.value}
        tokens = vocab.encode(prefix)[:, None].to(model.device)
        with torch.no_grad():
            logits, _ = model(tokens, model.initial_state(1))
        return Prediction(
            probabilities=next_token_probabilities(logits[-1, 0].cpu(), **options),
            text=write(model, vocab, prefix, LENGTH, **options, generator=torch.Generator().manual_seed(0)),
        )

    def figure(self, result: Prediction) -> Drawing:
        """The bars."""
        drawing, (ax,) = panels(height=3)
        next_character_bars(ax, result.probabilities.numpy(), self._vocab.tokens, self.prefix.value[-20:])
        return drawing

    def words(self, result: Prediction) -> str:
        """The text that the network writes."""
        return result.text
