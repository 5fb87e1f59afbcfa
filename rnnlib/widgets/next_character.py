"""What a network expects next: the distribution over the next character, bent by temperature and top-k.

Before: knob_view.py.
"""

import ipywidgets as widgets
import torch

from rnnlib.figures.perplexity import next_character_bars
from rnnlib.figures.style import Drawing, panels
from rnnlib.models import Model
from rnnlib.sampling import check_prefix, next_token_probabilities, write
from rnnlib.text import Vocab
from rnnlib.widgets.knob_view import SLIDER_STYLE, KnobView, float_slider, int_slider

LENGTH = 90


class NextCharacter(KnobView):
    """Bars for P(next character | prefix), and a text drawn with the same temperature and top-k.

    The same seed draws every text, so that a change in the text comes from the knobs alone.
    """

    def __init__(self, model: Model, vocab: Vocab, prefix: str):
        """Raises ValueError for a prefix that is empty or has characters not in the vocabulary."""
        check_prefix(prefix, vocab)
        self._model, self._vocab = model, vocab
        layout = widgets.Layout(width="420px")
        self.prefix = widgets.Text(
            value=prefix, description="Prefix", continuous_update=False, style=SLIDER_STYLE, layout=layout
        )
        self.temperature = float_slider("Temperature", 1, 0, 2, 0.1)
        self.top_k = int_slider("Top k", len(vocab), 1, len(vocab))
        super().__init__([self.prefix], [self.temperature, self.top_k])

    @property
    def probabilities(self) -> torch.Tensor:
        """P(next character | prefix) for each token (V,), as the knobs bend it."""
        check_prefix(self.prefix.value, self._vocab)
        tokens = self._vocab.encode(self.prefix.value)[:, None].to(self._model.device)
        with torch.no_grad():
            logits, _ = self._model(tokens, self._model.initial_state(1))
        return next_token_probabilities(
            logits[-1, 0].cpu(), temperature=self.temperature.value, top_k=self.top_k.value
        )  # fmt: skip

    def drawing(self) -> Drawing:
        """The bars."""
        drawing, (ax,) = panels(height=3)
        next_character_bars(ax, self.probabilities.numpy(), self._vocab.tokens, self.prefix.value[-20:])
        return drawing

    def words(self) -> str:
        """The text that the network writes."""
        options = {"temperature": self.temperature.value, "top_k": self.top_k.value}
        generator = torch.Generator().manual_seed(0)
        return write(self._model, self._vocab, self.prefix.value, LENGTH, **options, generator=generator)
