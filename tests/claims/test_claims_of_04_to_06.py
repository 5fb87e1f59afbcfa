"""What notebooks 05 and 06 say of runs that they do not show."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlib import baselines, models, text, training
from rnnlib.live import settings, sweeps
from rnnlib.widgets.learning_map import CLIP_THRESHOLDS, LEARNING_RATES, SMALL_NETWORK

SEEDS = (0, 1, 2)
V = 28


def trainer_of(seed: int, hidden_size: int, **described: Any) -> training.Trainer:
    corpus = text.load_corpus("story")
    return settings.build_trainer(settings.Settings(hidden_size=hidden_size, seed=seed, **described), corpus)


def last_perplexity(trainer: training.Trainer, steps: int = 20) -> float:
    return training.perplexity(trainer.history.columns()["loss"][-steps:].mean())


def run_until_lost(trainer: training.Trainer, steps: int) -> None:
    try:
        trainer.run(steps)
    except FloatingPointError:
        pass


def test_the_solution_folded_into_notebook_05_beats_counting_within_400_steps() -> None:
    """Its seed is part of the solution; there is nothing to vary."""
    source = (Path(__file__).parents[2] / "notebooks/src/05_concise_implementation.py").read_text()
    (code,) = [code for code in re.findall(r"# ```python\n(.*?)# ```", source, re.S) if "my_trainer" in code]
    corpus = text.load_corpus("story")
    names = {"torch": torch, "models": models, "training": training, "text": text, "corpus": corpus, "V": V}
    exec(re.sub("^# ?", "", code, flags=re.M), names)
    counted = baselines.NGram(corpus.train, order=4, vocab_size=V).perplexity(corpus.test)
    reached = training.perplexity(training.evaluate(names["my_trainer"].model, corpus.test))
    assert abs(reached - 3.57) < 0.06 and reached < counted


def test_after_a_fork_a_rate_ten_times_lower_is_ahead_20_steps_later_and_behind_500_steps_later() -> None:
    for seed in SEEDS:
        lower, same = (trainer_of(seed, 64, learning_rate=2.0) for _ in range(2))
        for trainer in (lower, same):
            trainer.run(150)
        lower.set(learning_rate=0.2)
        for trainer in (lower, same):
            trainer.run(20)
        assert last_perplexity(lower, 10) < last_perplexity(same, 10)
        for trainer in (lower, same):
            trainer.run(480)
        assert last_perplexity(lower) > 1.1 * last_perplexity(same)


def crosses(seed: int, cell: str) -> int:
    """How many networks diverge in the part of the map where any do."""
    runs = sweeps.sweep(
        settings.Settings(cell=cell, seed=seed, **SMALL_NETWORK),
        learning_rates=LEARNING_RATES[-4:], clip_thresholds=CLIP_THRESHOLDS[-4:], steps=100,
    )  # fmt: skip
    return sum(run.diverged for run in runs)


def test_a_map_has_fewer_crosses_for_a_gru_than_for_an_rnn_and_one_at_most_for_an_lstm() -> None:
    for seed in SEEDS:
        assert crosses(seed, "rnn") > crosses(seed, "gru") > 1 >= crosses(seed, "lstm")


def test_a_map_for_adam_has_no_crosses_and_no_rows() -> None:
    for seed in SEEDS:
        for rate in (0.004, 0.064):
            described = settings.Settings(optimizer="adam", seed=seed, **SMALL_NETWORK)
            runs = list(sweeps.sweep(described, learning_rates=[rate], clip_thresholds=[1 / 64, math.inf], steps=200))
            assert not any(run.diverged for run in runs)
            assert np.ptp([training.perplexity(run.validation_loss) for run in runs]) < 1.5


def drift(seed: int, described: Mapping[str, Any], steps: int) -> float:
    """How far the losses of two networks are apart, whose first weights differ by rounding."""
    one, other = (trainer_of(seed, **{"hidden_size": 64, **described}) for _ in range(2))
    other.model.vector.data *= 1 + 1e-7
    for trainer in (one, other):
        run_until_lost(trainer, steps)
    losses = [trainer.history.columns()["loss"] for trainer in (one, other)]
    return float(np.abs(losses[0] / losses[1] - 1).max())


def test_within_30_steps_rounding_drifts_little_at_rate_1_and_far_at_rate_8() -> None:
    for seed in SEEDS:
        assert drift(seed, {"learning_rate": 1.0}, 30) < 1e-3
        assert drift(seed, {"learning_rate": 8.0, "clip_threshold": 0.25}, 30) > 0.12


def test_rounding_does_not_grow_in_a_gru_with_128_units_and_adam_at_0_003() -> None:
    recommended = {"cell": "gru", "hidden_size": 128, "optimizer": "adam", "learning_rate": 0.003}
    for seed in SEEDS:
        assert drift(seed, recommended, 100) < 3e-6


def test_a_network_that_was_lost_at_rate_8_has_not_recovered_600_steps_later_at_rate_1() -> None:
    for seed in SEEDS:
        sick = settings.build_trainer(
            settings.Settings(learning_rate=8.0, clip_threshold=math.inf, seed=seed, **SMALL_NETWORK),
            text.load_corpus("story"),
        )
        sick.run(60)
        sick.set(learning_rate=1.0)
        sick.run(600)
        assert last_perplexity(sick) > 14
