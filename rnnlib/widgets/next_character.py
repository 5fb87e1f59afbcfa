"""What a network expects next: the distribution over the next character, bent by temperature and top-k.

Before: lab_picture.py.  Next: training_lab.py.
"""

import html

import ipywidgets as widgets
import matplotlib
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnnlib.figures import FONT, next_character_bars, png_of
from rnnlib.models import Model
from rnnlib.sampling import check_prefix, next_token_probabilities, write
from rnnlib.text import Vocab
from rnnlib.widgets.view import View

LENGTH = 120


class NextCharacter(View):
    """Bars for P(next character | prefix), and a text drawn with the same temperature and top-k.

    The same seed draws every text, so that a change in the text comes from the knobs alone.
    """

    def __init__(self, model: Model, vocab: Vocab, prefix: str):
        self._model, self._vocab = model, vocab
        wide = {"style": {"description_width": "110px"}, "layout": widgets.Layout(width="420px")}
        self.prefix = widgets.Text(value=prefix, description="Prefix", continuous_update=False, **wide)
        self.temperature = widgets.FloatSlider(value=1, min=0, max=2, step=0.1, description="Temperature", **wide)
        self.top_k = widgets.IntSlider(value=len(vocab), min=1, max=len(vocab), description="Top k", **wide)
        self._image, self._text = widgets.Image(format="png"), widgets.HTML()
        super().__init__([self.prefix, widgets.HBox([self.temperature, self.top_k]), self._image, self._text])
        self._show()
        for knob in (self.prefix, self.temperature, self.top_k):
            knob.observe(lambda change: self._show(), "value")

    @property
    def probabilities(self) -> torch.Tensor:
        """P(next character | prefix) for each token (V,), as the knobs bend it."""
        tokens = self._vocab.encode(self.prefix.value)[:, None].to(self._model.device)
        with torch.no_grad():
            logits, _ = self._model(tokens, self._model.initial_state(1))
        return next_token_probabilities(
            logits[-1, 0].cpu(), temperature=self.temperature.value, top_k=self.top_k.value
        )  # fmt: skip

    def picture(self) -> bytes:
        """The bars as PNG."""
        with matplotlib.rc_context(FONT):
            figure = Figure(figsize=(9, 3), dpi=100, layout="constrained")
            canvas = FigureCanvasAgg(figure)
            before = self.prefix.value[-20:]
            next_character_bars(figure.add_subplot(), self.probabilities.numpy(), self._vocab.tokens, before)
            canvas.draw()
        return png_of(canvas)

    def _show(self) -> None:
        prefix = self.prefix.value
        try:
            check_prefix(prefix, self._vocab)
        except ValueError as error:
            self._text.value = f'<p role="alert"><b>{html.escape(str(error))}</b></p>'
            return
        options = {"temperature": self.temperature.value, "top_k": self.top_k.value}
        generator = torch.Generator().manual_seed(0)
        text = write(self._model, self._vocab, prefix, LENGTH, **options, generator=generator)
        self._image.value = self.picture()
        self._text.value = (
            f'<p style="font-size:16px"><b>{html.escape(prefix)}</b>{html.escape(text[len(prefix) :])}</p>'
        )
