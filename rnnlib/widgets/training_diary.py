"""What a network writes while it learns: the same beginning, continued after more and more steps.

Before: knob_view.py.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch

from rnnlib.figures.letters import LINE_HEIGHT, Span, diary
from rnnlib.figures.style import Drawing, blank
from rnnlib.sampling import write
from rnnlib.text import Corpus
from rnnlib.training import Trainer, evaluate, perplexity
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import option_slider

STEPS = (0, 1, 5, 15, 35, 70, 150, 500, 2000)
COLUMNS = 64


class Page(NamedTuple):
    """A network after `step` steps.  words: where it has written words that the training text has."""

    step: int
    validation: float
    text: str
    words: list[Span]


class TrainingDiary(KnobView):
    """Trains a network and lets it write now and then, with the same random numbers; a slider turns the pages."""

    def __init__(self, trainer: Trainer, corpus: Corpus, *, prefix: str, steps: Sequence[int] = STEPS):
        """trainer: has made no more than steps[0] steps.  prefix: what each text begins with."""
        known = set(corpus.vocab.decode(corpus.train).split())
        self.pages = list[Page]()
        for step in steps:
            trainer.run(step - trainer.steps_made)
            generator = torch.Generator().manual_seed(0)
            written = write(trainer.model, corpus.vocab, prefix, COLUMNS - len(prefix), generator=generator)
            words = [
                each.span() for each in re.finditer(r"\S+", written) if each[0] in known and each.end() > len(prefix)
            ]
            validation = perplexity(evaluate(trainer.model, corpus.validation))
            self.pages.append(Page(step, validation, written, words))
        self.step = option_slider("Steps", [(f"{step:,}", place) for place, step in enumerate(steps)], len(steps) - 1)
        super().__init__([self.step])

    def compute(self) -> list[Page]:
        """The pages up to the chosen one."""
        return self.pages[: self.step.value + 1]

    def figure(self, result: list[Page]) -> Drawing:
        """A line for each page; there is room for all."""
        drawing = blank(10, (60 + len(self.pages) * LINE_HEIGHT) / 100)
        steps, _, texts, words = zip(*result, strict=True)
        diary(drawing, steps, texts, words)
        return drawing

    def words(self, result: list[Page]) -> str:
        """The chosen page."""
        step, validation, written, _ = result[-1]
        after = "1 step" if step == 1 else f"{step:,} steps"
        return f"After {after}, with perplexity {validation:.1f} on text it has not seen, it writes: {written}"
