"""What notebook 06 says of runs."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from runs import last_perplexity, run_until_lost

from rnnlib import engine, gradients, text, training
from rnnlib.live import settings, sweeps
from rnnlib.live.resizing import resize
from rnnlib.topics.long_memory import learn
from rnnlib.topics.tasks import TASKS
from rnnlib.widgets.learning_map import CLIP_THRESHOLDS, LEARNING_RATES, SMALL_NETWORK

SEEDS = (0, 1, 2)
CORPUS = text.load_corpus("story")


def trainer_of(seed: int, hidden_size: int, **described: Any) -> training.Trainer:
    return settings.build_trainer(settings.Settings(hidden_size=hidden_size, seed=seed, **described), CORPUS)


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


def test_the_curve_trembles_mostly_because_of_the_text() -> None:
    for seed in SEEDS:
        pair = [trainer_of(seed, 64, learning_rate=2.0) for _ in range(2)]
        for trainer in pair:
            trainer.run(150)
        pair[0].set(learning_rate=0.2)
        changes = []
        for trainer in pair:
            trainer.run(250)
            changes.append(np.diff(trainer.history.columns(170)["loss"]))
        assert 0.8 < np.corrcoef(*changes)[0, 1] < 0.95 and 0.7 < changes[0].std() / changes[1].std() < 1


def test_after_150_steps_a_tenth_of_the_gradient_arrives_six_steps_back_in_an_rnn_and_sooner_with_gates() -> None:
    for seed in SEEDS:
        tenth = []
        for cell in ("rnn", "gru", "lstm"):
            trainer = trainer_of(seed, 64, cell=cell, learning_rate=2.0)
            trainer.run(150)
            batch, model = trainer.batches[150], trainer.model
            norms = gradients.norms_over_lags(model, batch.tokens, batch.targets, model.initial_state(32))
            tenth.append(int((norms < norms[0] / 10).int().argmax()))
        assert 5 <= tenth[0] <= 7 and all(2 <= each <= 5 for each in tenth[1:])


def test_a_threshold_of_a_half_costs_nothing_and_one_of_an_eighth_a_fifth() -> None:
    for seed in SEEDS:
        reached = {}
        for threshold in (1.0, 0.5, 0.125):
            trainer = trainer_of(seed, 64, learning_rate=2.0, clip_threshold=threshold)
            trainer.run(300)
            reached[threshold] = last_perplexity(trainer)
        assert reached[0.5] < 1.05 * reached[1.0] and 1.1 < reached[0.125] / reached[1.0] < 1.3


def test_half_the_units_cost_little_at_once_and_more_later() -> None:
    for seed in SEEDS:
        halved, whole = (trainer_of(seed, 64, learning_rate=2.0) for _ in range(2))
        for trainer in (halved, whole):
            trainer.run(150)
        before = training.evaluate(halved.model, CORPUS.validation)
        resize(halved, 32, seed=seed)
        at_once = training.evaluate(halved.model, CORPUS.validation) - before
        for trainer in (halved, whole):
            trainer.run(150)
        later = [training.evaluate(trainer.model, CORPUS.validation) for trainer in (halved, whole)]
        assert 0.01 < at_once < 0.09 and later[0] > later[1] + 0.02


def test_whether_a_network_on_the_border_diverges_is_decided_by_its_first_weights() -> None:
    lost = []
    for seed in SEEDS:
        described = settings.Settings(seed=seed, **SMALL_NETWORK)
        runs = sweeps.sweep(described, learning_rates=(1.0, 2.0, 4.0, 8.0), clip_thresholds=(1.0, math.inf), steps=200)
        lost.append([run.diverged for run in runs])
    share = np.mean(lost, axis=0)
    assert ((share > 0) & (share < 1)).any() and share[0] == share[4] == 0 and share[3] == share[7] == 1


def test_where_every_step_is_clipped_only_the_product_of_rate_and_threshold_counts() -> None:
    for seed in SEEDS:
        for product in (1 / 16, 1 / 4):
            reached = []
            for threshold in (1 / 64, 1 / 16):
                trainer = trainer_of(
                    seed, **{**SMALL_NETWORK, "learning_rate": product / threshold, "clip_threshold": threshold}
                )
                trainer.run(200)
                assert trainer.history.clipped_fraction() == 1
                reached.append(training.perplexity(training.evaluate(trainer.model, CORPUS.validation)))
            assert abs(reached[0] - reached[1]) < 0.01


def test_rounding_grows_beyond_1_percent_in_an_rnn_at_rate_2_and_8_and_stays_rounding_at_a_half_and_in_a_gru() -> None:
    for seed in SEEDS:
        assert drift(seed, {"learning_rate": 8.0, "clip_threshold": 0.25}, 40) > 0.01
        assert drift(seed, {"learning_rate": 2.0}, 300) > 0.01
        assert drift(seed, {"learning_rate": 0.5}, 300) < 1e-4 and drift(seed, {"cell": "gru"}, 300) < 1e-4


def test_from_the_identity_a_tanh_rnn_does_not_solve_temporal_order_where_a_random_rotation_does() -> None:
    task = TASKS["temporal order"]

    def errors(seed: int, start: Callable[[torch.Tensor], object]) -> list[float]:
        def prepare(rnn: torch.nn.RNNBase) -> None:
            with torch.no_grad():
                start(rnn.weight_hh_l0)

        found = []
        with engine.on_one_thread():
            for test in learn("RNN", task, 30, seed=seed, prepare=prepare):
                found.append(test.error)
                if test.step == 300 or test.error < task.solved_below:
                    return found
        raise AssertionError("learning has no end")

    for seed in SEEDS:
        torch.manual_seed(seed)
        assert min(errors(seed, torch.nn.init.eye_)) > 0.4
        assert min(errors(seed, torch.nn.init.orthogonal_)) < task.solved_below
