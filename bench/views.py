"""How soon every view that only its knobs move answers: from a knob's new value to the new picture, in the kernel.

python -m bench.views      prints a table; figures in bench/RESULTS.md
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rnnlib import widgets
from rnnlib.models import LanguageModel
from rnnlib.text import SequentialBatches, load_corpus
from rnnlib.topics.small_network import example_network
from rnnlib.training import Trainer
from rnnlib.widgets.clipped_gradients import THRESHOLDS
from rnnlib.widgets.knob_view import KnobView

TIMES = 15


def views() -> Iterator[tuple[KnobView, Any, list[Any]]]:
    """A view, one of its knobs and the values it goes through, at the sizes of the notebooks.

    Where a knob has so many, no value comes twice: a view remembers letters, and some of them results.
    """
    corpus = load_corpus("story")
    V, text = len(corpus.vocab), corpus.vocab.decode(corpus.validation[:300])
    models = {
        cell: LanguageModel(cell, vocab_size=V, hidden_size=64, generator=torch.Generator().manual_seed(0))
        for cell in ("rnn", "gru", "lstm")
    }
    trainer = Trainer(models["rnn"], SequentialBatches(corpus.train))
    network, x, y = example_network(), np.eye(3), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])

    def moved(view: KnobView, knob: str, values: list[Any]) -> tuple[KnobView, Any, list[Any]]:
        return view, getattr(view, knob), values

    diary = widgets.TrainingDiary(trainer, corpus, prefix="the lamp ", steps=(0, 1, 5, 10, 20, 50, 100))
    yield moved(diary, "step", [4, 5, 6])
    yield moved(widgets.Partitions(corpus), "batch", [*range(1, 16)])
    distribution = widgets.PerplexityOfADistribution()
    yield distribution, distribution.shares[0], [*range(1, 16)]
    yield moved(widgets.CountedBaselines(corpus), "order", [3, 4, 5])
    yield moved(widgets.OneStep(network, "abca"), "value", [each / 10 for each in range(-20, -5)])
    yield moved(widgets.UnrolledGraph(network, x, y, backward=True), "edges", [*range(1, 16)])
    yield moved(widgets.OneStepBack(network, x, y), "t", [1, 2, 3])
    yield moved(widgets.HiddenStates(models["rnn"], corpus.vocab, text), "unit", [*range(1, 16)])
    yield moved(widgets.Truncation(models["rnn"], corpus), "length", [2, 4, 8, 16, 32])
    yield moved(widgets.JacobianProducts(), "radius", [each / 20 for each in range(5, 20)])
    yield moved(widgets.Cliff(), "w", [4 + each / 20 for each in range(1, 16)])
    yield moved(widgets.ClippedGradients({"fresh": models["rnn"].vector.detach()}), "threshold", [*THRESHOLDS[:10]])
    yield moved(widgets.InsideLSTM(), "t", [*range(2, 9)])
    yield moved(widgets.InsideGRU(), "t", [*range(2, 9)])
    yield moved(widgets.Gates([models["gru"], models["lstm"]], corpus.vocab, text[:180]), "unit", [*range(1, 16)])
    yield moved(widgets.StepTime(), "axis", ["B, at T = 32", "T, at T times B = 1024", "T, at B = 32"])
    yield moved(
        widgets.NextCharacter(models["gru"], corpus.vocab, "the lamp"),
        "temperature",
        [each / 10 for each in range(1, 16)],
    )


def main(times: int = TIMES) -> None:
    """Move every knob and print how long its view took."""
    print("| view | median, ms | most, ms |\n| --- | --- | --- |")
    for view, knob, values in views():
        seconds = []
        for value in itertools.islice(itertools.cycle(values), times):
            started = time.perf_counter()
            knob.value = value
            seconds.append(time.perf_counter() - started)
        name = type(view).__name__
        print(f"| {name} | {1000 * statistics.median(seconds[1:]):.0f} | {1000 * max(seconds[1:]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
