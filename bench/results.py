"""The table of notebook 05: every model trained with the source's settings on The Time Machine.

    python -m bench.results

The source's settings (D2L 0.17, sections 8.5, 8.6, 9.1 to 9.4): the first 10,000 characters, batch size 32, 35 time
steps, 256 hidden units, learning rate 1, gradients clipped at norm 1, 500 epochs.  Writes bench/results.json.

Every ten epochs a network is asked for the validation text.  The test text is reported once: as the network was where
validation was best.
"""

import json
import math
import platform
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rnnlib.arguments import choose_device
from rnnlib.baselines import best_ngram
from rnnlib.files import write_atomically
from rnnlib.models import LanguageModel, Model, RNNModel
from rnnlib.text import Batches, Corpus, RandomBatches, SequentialBatches, load_corpus
from rnnlib.training import Knobs, Trainer, evaluate, perplexity

EPOCHS, BATCH_SIZE, NUM_STEPS, HIDDEN_SIZE = 500, 32, 35, 256
EPOCHS_BETWEEN_LOOKS = 10
RESULTS = Path(__file__).with_name("results.json")


def models(vocab_size: int) -> dict[str, tuple[Model, type[Batches]]]:
    """Every row of the table: a fresh model and the kind of batches."""

    def scratch(cell: str) -> Model:
        generator = torch.Generator().manual_seed(0)
        return LanguageModel(cell, vocab_size=vocab_size, hidden_size=HIDDEN_SIZE, generator=generator)

    def concise(layer: type[nn.RNNBase], **options: Any) -> Model:
        torch.manual_seed(0)
        return RNNModel(layer(vocab_size, HIDDEN_SIZE, **options), vocab_size)

    return {
        "RNN from scratch, sequential": (scratch("rnn"), SequentialBatches),
        "RNN from scratch, random": (scratch("rnn"), RandomBatches),
        "RNN concise": (concise(nn.RNN), SequentialBatches),
        "GRU from scratch": (scratch("gru"), SequentialBatches),
        "GRU concise": (concise(nn.GRU), SequentialBatches),
        "LSTM from scratch": (scratch("lstm"), SequentialBatches),
        "LSTM concise": (concise(nn.LSTM), SequentialBatches),
        "Deep LSTM (2 layers)": (concise(nn.LSTM, num_layers=2), SequentialBatches),
        "Bidirectional LSTM": (concise(nn.LSTM, bidirectional=True), SequentialBatches),
    }


def train(model: Model, kind: type[Batches], corpus: Corpus) -> dict[str, float]:
    """500 epochs; training perplexity is that of the last epoch, as the source reports it."""
    batches = kind(corpus.train.to(model.device), batch_size=BATCH_SIZE, num_steps=NUM_STEPS)
    trainer = Trainer(model, batches, knobs=Knobs(learning_rate=1.0, clip_threshold=1.0))
    best_epoch, best, best_test = 0, math.inf, math.inf
    for epoch in range(EPOCHS_BETWEEN_LOOKS, EPOCHS + 1, EPOCHS_BETWEEN_LOOKS):
        trainer.run(EPOCHS_BETWEEN_LOOKS * batches.num_batches)
        reached = perplexity(evaluate(model, corpus.validation.to(model.device)))
        if reached < best:
            best_epoch, best = epoch, reached
            best_test = perplexity(evaluate(model, corpus.test.to(model.device)))
    history = trainer.history.columns()
    return {
        "training_perplexity": perplexity(history["loss"][-batches.num_batches :].mean()),
        "validation_perplexity": reached,
        "best_epoch": best_epoch,
        "best_validation_perplexity": best,
        "test_perplexity_then": best_test,
        "tokens_per_second": tokens_per_second(history["seconds"], EPOCHS_BETWEEN_LOOKS * batches.num_batches),
        "clipped_fraction": trainer.history.clipped_fraction(),
    }


def tokens_per_second(seconds: np.ndarray, steps: int) -> float:
    """In the fastest stretch of so many steps: whatever else the machine does makes the others slower.

    seconds (n,): training time after every step.
    """
    per_stretch = np.diff(seconds[steps - 1 :: steps], prepend=0.0)
    return float(BATCH_SIZE * NUM_STEPS * steps / per_stretch.min())


# Training perplexity at tokens per second, on one unnamed GPU, as D2L prints them.
PRINTED = {
    "RNN from scratch, sequential": "1.0 at 67,213",
    "RNN from scratch, random": "1.5 at 65,222",
    "RNN concise": "1.3 at 404,414",
    "GRU from scratch": "1.1 at 19,912",
    "GRU concise": "1.0 at 109,424",
    "LSTM from scratch": "1.3 at 17,736",
    "LSTM concise": "1.1 at 234,815",
    "Deep LSTM (2 layers)": "1.0 at 186,006",
    "Bidirectional LSTM": "not printed",
}


def table(results: dict) -> str:
    """results.json as the Markdown table of notebook 05."""
    lines = [
        "| model | printed: training | ours: training | validation, at the end | at its best, in epoch | test then |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in results["rows"].items():
        ours = f"{row['training_perplexity']:.2f} at {row['tokens_per_second']:,.0f}"
        best = f"{row['best_validation_perplexity']:.1f} in {row['best_epoch']}"
        validation = f"{row['validation_perplexity']:.1f} | {best} | {row['test_perplexity_then']:.1f}"
        lines.append(f"| {name} | {PRINTED[name]} | {ours} | {validation} |")
    return "\n".join(lines)


def count(corpus: Corpus) -> dict[str, float]:
    """The counted n-gram that is best on the validation text."""
    best = best_ngram(corpus.train, corpus.validation, vocab_size=len(corpus.vocab))
    reached = {part: best.perplexity(getattr(corpus, part)) for part in ("validation", "test")}
    return {"order": best.order, **reached}


def where_and_when(device: str) -> dict[str, Any]:
    """What belongs beside whatever is measured: the date and the machine."""
    threads = torch.get_num_threads()
    machine = (
        f"{platform.machine()}, {threads} thread{'s' * (threads > 1)}, {torch.backends.cpu.get_cpu_capability()}, "
        f"{device}, torch {torch.__version__}, float32"
    )
    return {"date": str(date.today()), "machine": machine}


def main() -> None:
    """Train every model, print each row as it comes, and write bench/results.json."""
    corpus, device = load_corpus("time machine", max_train_tokens=10_000), choose_device()
    results = {**where_and_when(device.type), "counted": count(corpus), "rows": {}}
    for name, (model, kind) in models(len(corpus.vocab)).items():
        results["rows"][name] = row = train(model.to(device), kind, corpus)
        print(name, {key: round(value, 3) for key, value in row.items()}, flush=True)
    write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(table(results))


if __name__ == "__main__":
    main()
