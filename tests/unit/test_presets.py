"""What the presets say is so, whatever the seed."""

import math

import pytest

from rnnlib.live.evaluations import evaluate
from rnnlib.live.presets import PRESETS
from rnnlib.live.settings import Settings, build_trainer
from rnnlib.live.sweeps import Run, train
from rnnlib.text import load_corpus

SEEDS = (0, 1, 2)


def run_of(preset: str, seed: int, steps: int) -> Run:
    settings = Settings(**{**PRESETS[preset].settings, "seed": seed, "device": "cpu"})
    return train(settings, load_corpus("story"), steps)


@pytest.mark.parametrize("seed", SEEDS)
def test_exploding_is_lost_and_rescued_learns(seed: int) -> None:
    assert run_of("exploding", seed, 150).diverged
    rescued = run_of("rescued", seed, 150)
    assert not rescued.diverged and math.exp(rescued.validation_loss) < 14  # half of a blind guess


@pytest.mark.parametrize("seed", SEEDS)
def test_vanishing_vanishes(seed: int) -> None:
    corpus = load_corpus("story")
    trainer = build_trainer(Settings(**{**PRESETS["vanishing"].settings, "seed": seed, "device": "cpu"}), corpus)
    norms = evaluate(trainer, corpus, prefix="the", temperature=0.5).norms_over_lags
    assert norms[10] < 1e-2 * norms[0] and norms[30] < 1e-6 * norms[0]


def test_the_printed_settings_are_those_of_the_book() -> None:
    settings = Settings(**PRESETS["the printed settings"].settings)
    found = (
        settings.hidden_size,
        settings.batch_size,
        settings.num_steps,
        settings.learning_rate,
        settings.clip_threshold,
    )
    assert found == (256, 32, 35, 1.0, 1.0) and settings.max_train_tokens == 10_000
