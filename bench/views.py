"""How soon every view answers: the median time from a knob's new value to the new picture, in the kernel.

python -m bench.views      prints a table; figures in bench/RESULTS.md
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rnnlib.models import LanguageModel
from rnnlib.text import SequentialBatches, load_corpus
from rnnlib.topics.small_network import example_network
from rnnlib.training import Trainer
from rnnlib.widgets import (
    Cliff,
    ClippedGradients,
    CountedBaselines,
    Gates,
    HiddenStates,
    JacobianProducts,
    LearningMap,
    NextCharacter,
    OneStep,
    Partitions,
    PerplexityOfADistribution,
    StepTime,
    Truncation,
    UnrolledGraph,
)

TIMES = 15


def views() -> Iterator[tuple[str, Any, list[Any]]]:
    """Name, knob and the values it goes through, at the sizes of the notebooks."""
    corpus = load_corpus("story")
    V, text = len(corpus.vocab), corpus.vocab.decode(corpus.validation[:300])
    models = {
        cell: LanguageModel(cell, vocab_size=V, hidden_size=64, generator=torch.Generator().manual_seed(0))
        for cell in ("rnn", "gru", "lstm")
    }
    Trainer(models["rnn"], SequentialBatches(corpus.train)).run(100)
    x, y = np.eye(3), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    yield "partitions", Partitions(corpus).batch, [1, 2, 3]
    yield "perplexity of a distribution", PerplexityOfADistribution().shares[0], [1, 2, 3]
    yield "counted baselines", CountedBaselines(corpus).order, [3, 4, 5]
    yield "one step", OneStep(example_network(), x, y, backward=True).t, [1, 2, 3]
    yield "unrolled graph", UnrolledGraph(example_network(), x, y, backward=True).edges, [17, 18, 20]
    yield "hidden states", HiddenStates(models["rnn"], corpus.vocab, text).unit, [1, 2, 3]
    yield "truncation", Truncation(models["rnn"], corpus).length, [2, 4, 8]
    yield "Jacobian products", JacobianProducts().radius, [0.5, 0.9, 1.3]
    yield "cliff", Cliff().w, [4.4, 4.5, 4.6]
    yield "clipped gradients", ClippedGradients({"fresh": models["rnn"].vector}).threshold, [0.1, 0.2, 0.5]
    yield "gates", Gates([models["lstm"]], corpus.vocab, text[:180]).unit, [1, 2, 3]
    yield "step time", StepTime().axis, ["B, at T = 32", "T, at T times B = 1024", "T, at B = 32"]
    learning_map = LearningMap(name="bench", steps=20)
    learning_map.start()
    learning_map.wait()
    yield "learning map", learning_map.learning_rate, [0.5, 1.0, 4.0]
    yield "next character", NextCharacter(models["gru"], corpus.vocab, "the lamp").temperature, [0.5, 1.0, 1.5]


def main() -> None:
    """Move every knob and print how long its view took."""
    print("| view | median, ms | most, ms |\n| --- | --- | --- |")
    for name, knob, values in views():
        seconds = []
        for value in itertools.islice(itertools.cycle(values), TIMES):
            started = time.perf_counter()
            knob.value = value
            seconds.append(time.perf_counter() - started)
        print(f"| {name} | {1000 * statistics.median(seconds[1:]):.0f} | {1000 * max(seconds[1:]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
