"""The numbers that notebook 06 tells: `python -m bench.lab`, some two minutes."""

import math
import multiprocessing
import statistics
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings, build_language_model, build_trainer
from rnnlib.live.sweeps import Run, sweep
from rnnlib.text import SequentialBatches, load_corpus
from rnnlib.training import Trainer, evaluate, perplexity
from rnnlib.widgets.learning_map import CLIP_THRESHOLDS, LEARNING_RATES, SMALL_NETWORK, LearningMap

RATES_FOR_ADAM = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)


def whole_map(executor: Executor | None = None, *, learning_rates: tuple[float, ...] = LEARNING_RATES, **settings: Any):
    """The runs of a map, 42 networks with 200 steps each."""
    grid = {"learning_rates": learning_rates, "clip_thresholds": CLIP_THRESHOLDS, "steps": 200}
    return list(sweep(Settings(**{**SMALL_NETWORK, **settings}), **grid, executor=executor))


def crosses() -> None:
    """How many networks of a map diverge, and whether its rows differ."""
    for settings in ({"cell": "rnn"}, {"cell": "gru"}, {"cell": "lstm"}, {"optimizer": "adam"}):
        rates = RATES_FOR_ADAM if "optimizer" in settings else LEARNING_RATES
        runs: list[Run] = whole_map(learning_rates=rates, **settings)
        ends = np.array([perplexity(run.validation_loss) for run in runs]).reshape(len(CLIP_THRESHOLDS), -1)
        ratio = (ends.max(0) / ends.min(0)).max()
        diverged = f"{sum(run.diverged for run in runs)} of {len(runs)} diverged"
        print(f"{settings}: {diverged}; best {ends.min():.1f}; a column spans a factor {ratio:.2g}")


def growth_of_rounding() -> None:
    """How far runs drift apart whose first weights differ by one part in 10^7: the largest of three differences."""
    corpus = load_corpus("story")
    for steps, settings in (
        (1500, Settings(**SMALL_NETWORK, learning_rate=1.0)),
        (50, Settings(hidden_size=64, learning_rate=8.0, clip_threshold=0.25, device="cpu")),
    ):
        losses = []
        for seed, size in ((0, 0.0), (1, 1e-7), (2, 1e-7), (3, 1e-7)):
            trainer = build_trainer(settings, corpus)
            noise = torch.randn(trainer.model.trainable[0].shape, generator=torch.Generator().manual_seed(seed))
            with torch.no_grad():
                trainer.model.trainable[0].mul_(1 + size * noise)
            trainer.run(steps)
            losses.append(trainer.history.columns()["loss"])
        difference = max((np.abs(other - losses[0]) / losses[0]).max() for other in losses[1:])
        print(f"learning rate {settings.learning_rate:g}: losses differ by up to {difference:.1e} within {steps} steps")


def fork_experiment() -> None:
    """A network whose learning rate is lowered to a tenth, beside its fork."""
    session = Session(Settings(hidden_size=64, learning_rate=2.0, device="cpu"), name="bench")
    session.run(150)
    session.fork()
    session.set(learning_rate=0.2)
    session.run(500)
    session.stop()
    curves = [session.trainers[name].history.columns()["loss"] for name in (MAIN, FORK)]
    for name, curve in zip(("lowered", "fork"), curves, strict=True):
        early, late = math.exp(curve[160:180].mean()), math.exp(curve[-20:].mean())
        print(f"{name}: perplexity {early:.1f} after 20 steps, {late:.1f} after 500")


def late_rescue() -> None:
    """A diverged network whose learning rate is lowered after 60 steps."""
    session = Session(Settings(**{**SMALL_NETWORK, "learning_rate": 8.0, "clip_threshold": math.inf}), name="bench")
    session.run(60)
    columns = session.trainers[MAIN].history.columns()
    print(f"sick: perplexity {np.exp(columns['loss'][:5]).round(1)}, norms {columns['gradient_norm'][:4].round(1)}")
    session.set(learning_rate=1.0)
    session.run(600)
    session.stop()
    last = session.trainers[MAIN].history.columns()["loss"][-100:]
    print(f"sick, at rate 1 for 600 steps: perplexity {math.exp(last.mean()):.0f}")


def three_hundred_steps() -> None:
    """The solution of Challenge 2."""
    corpus = load_corpus("story")
    model = build_language_model(Settings(cell="gru", hidden_size=256), corpus)
    trainer = Trainer(model, SequentialBatches(corpus.train), optimizer="adam")
    for steps, learning_rate in ((150, 0.01), (80, 0.005), (40, 0.002), (30, 0.0005)):
        trainer.set(learning_rate=learning_rate)
        trainer.run(steps)
        reached = perplexity(evaluate(model, corpus.validation))
        print(f"GRU 256: validation perplexity {reached:.2f} after {trainer.steps_made}")


def seconds_of_a_map(rounds: int = 5) -> None:
    """A map one after another, on two processes, and with its picture; medians of rounds in turns."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(abs, range(2)))
        times: dict[str, list[float]] = {"one after another": [], "two processes": [], "with its picture": []}
        for round_number in range(rounds + 1):
            for name, train in zip(times, (whole_map, lambda: whole_map(pool), with_picture), strict=True):
                started = time.perf_counter()
                train()
                if round_number > 0:  # the first one starts processes and warms caches up
                    times[name].append(time.perf_counter() - started)
    for name, measured in times.items():
        print(f"42 networks, {name}: {statistics.median(measured):.1f} s ({min(measured):.1f} to {max(measured):.1f})")


def with_picture() -> None:
    """A map in its view."""
    view = LearningMap(name="bench")
    view.start()
    view.wait()


def main() -> None:
    """Print every number."""
    for part in (crosses, growth_of_rounding, fork_experiment, late_rescue, three_hundred_steps, seconds_of_a_map):
        part()


if __name__ == "__main__":
    main()
