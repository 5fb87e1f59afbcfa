"""What notebook 04 says of runs that it does not show."""

import math
from functools import cache
from typing import Any

import numpy as np
from runs import last_perplexity, run_until_lost

from rnnlib import models, text, training
from rnnlib.live import settings
from rnnlib.topics.cliff import descend, has_arrived
from rnnlib.widgets import Gates, VanishingGradients
from rnnlib.widgets.cliff import LEARNING_RATE, MOST_STEPS, all_starts

SEEDS = (0, 1, 2)
V = 28


def trainer_of(seed: int, hidden_size: int, **described: Any) -> training.Trainer:
    wanted = settings.Settings(hidden_size=hidden_size, seed=seed, **described)
    return settings.build_trainer(wanted, text.load_corpus("story", max_train_tokens=wanted.max_train_tokens))


def printed_settings(seed: int, **described: Any) -> training.Trainer:
    return trainer_of(seed, 256, max_train_tokens=10_000, **described)


# ------------------------------------------------------------------------------------------- clipping


def test_of_many_descents_at_the_cliff_more_arrive_when_they_are_clipped() -> None:
    def arrived(clip_by: str, threshold: float) -> int:
        options = {"threshold": threshold, "learning_rate": LEARNING_RATE, "steps": MOST_STEPS}
        return int(has_arrived(descend(all_starts(), clip_by=clip_by, **options)).sum())

    for threshold in (0.5, 1.0, 1.5):
        for kind in ("norm", "value"):
            assert 1.1 * arrived("not", threshold) < arrived(kind, threshold) < 0.65 * len(all_starts())


def test_with_the_printed_settings_most_networks_are_lost_without_clipping_and_none_with_it() -> None:
    lost = 0
    for seed in range(7):
        without, clipped = printed_settings(seed, clip_threshold=math.inf), printed_settings(seed)
        for trainer in (without, clipped):
            run_until_lost(trainer, 300)
        lost += last_perplexity(without) > V
        assert last_perplexity(clipped) < 7
        assert 0 < clipped.history.columns()["clipped"].sum() < 15
    assert lost >= 4


def test_without_its_threshold_from_step_300_on_a_run_is_lost_hundreds_of_steps_later() -> None:
    for seed in SEEDS:
        trainer = printed_settings(seed)
        trainer.run(300)
        trainer.set(clip_threshold=math.inf)
        while trainer.steps_made < 3000 and last_perplexity(trainer) < V:
            run_until_lost(trainer, 20)
        assert 600 < trainer.steps_made < 3000


def test_the_norms_of_an_rnn_grow_over_the_threshold_while_it_learns_and_those_of_a_gru_do_not() -> None:
    for seed in SEEDS:
        rnn, gru = printed_settings(seed), printed_settings(seed, cell="gru")
        rnn.run(1000)
        gru.run(500)
        assert rnn.history.columns()["clipped"][:400].mean() < 0.1 and rnn.history.clipped_fraction(700) > 0.8
        assert gru.history.clipped_fraction() < 0.02


def test_at_learning_rate_eight_a_threshold_of_a_quarter_learns_and_one_of_one_is_lost() -> None:
    for seed in SEEDS:
        rescued, lost = (trainer_of(seed, 64, learning_rate=8.0, clip_threshold=each) for each in (0.25, 1.0))
        run_until_lost(rescued, 300)
        run_until_lost(lost, 600)
        assert last_perplexity(rescued) < 10
        assert last_perplexity(lost) > 2 * V


def test_at_learning_rate_eight_clipping_by_value_needs_a_threshold_far_below_that_of_clipping_by_norm() -> None:
    for seed in SEEDS:
        by_value = {"learning_rate": 8.0, "clip_by": "value"}
        rescued, lost = (trainer_of(seed, 64, clip_threshold=each, **by_value) for each in (0.005, 0.25))
        slow = trainer_of(seed, 64, learning_rate=8.0, clip_threshold=0.005)
        for trainer in (rescued, lost, slow):
            run_until_lost(trainer, 300)
        assert last_perplexity(rescued) < 8
        assert last_perplexity(lost) > 2 * V
        assert 1.3 * last_perplexity(rescued) < last_perplexity(slow) < 14


# --------------------------------------------------------------------------------- vanishing and gates


def test_twenty_steps_back_nearly_nothing_is_left_in_fresh_networks_but_in_an_open_lstm() -> None:
    for seed in SEEDS:
        _, left = VanishingGradients(text.load_corpus("story"), seed=seed, name="claim").seen[0]
        assert max(left[name][20] for name in ("RNN", "GRU", "LSTM")) < 1e-3 < 0.03 < left["open LSTM"][20]


@cache
def left_during_training(seed: int) -> list[tuple[int, dict[str, np.ndarray]]]:
    """What is left at every lag, by name, every ten steps of 300."""
    view = VanishingGradients(text.load_corpus("story"), seed=seed, name="claim")
    view.run(300)
    return view.seen


def test_trained_on_text_no_network_keeps_the_way_open_for_twenty_steps() -> None:
    for seed in SEEDS:
        _, left = left_during_training(seed)[-1]
        assert max(left[name][20] for name in left) < 0.05 and left["open LSTM"][20] < 1e-3


def test_training_on_text_shuts_the_way_in_an_rnn_before_it_opens_a_little_and_shuts_an_open_lstm() -> None:
    for seed in SEEDS:
        seen = [{name: norms[20] for name, norms in left.items()} for _, left in left_during_training(seed)]
        assert min(left["RNN"] for left in seen[:4]) < 0.1 * seen[0]["RNN"]
        assert 5 * seen[0]["RNN"] < seen[-1]["RNN"] < 0.01
        assert seen[-1]["open LSTM"] < 0.05 * seen[0]["open LSTM"]


def test_an_lstm_forgets_a_little_more_at_a_space_and_most_update_gates_of_a_gru_are_nearly_shut() -> None:
    corpus = text.load_corpus("story")
    unseen = corpus.vocab.decode(corpus.validation[:180])
    spaces = np.array([letter == " " for letter in unseen])
    for seed in SEEDS:
        readers = []
        for cell in ("lstm", "gru"):
            trainer = trainer_of(seed, 48, cell=cell, optimizer="adam", learning_rate=0.005)
            trainer.run(600)
            assert isinstance(trainer.model, models.LanguageModel)
            readers.append(trainer.model)
        values = Gates(readers, corpus.vocab, unseen).values
        forget = values["LSTM: forget gate"]
        assert ((forget > 0.9) | (forget < 0.1)).mean() < 0.3
        assert forget[~spaces].mean() - 0.1 < forget[spaces].mean() < forget[~spaces].mean() - 0.02
        assert (forget[spaces].max(0) < forget[~spaces].mean(0)).sum() >= 2  # units that forget at every space
        assert (values["LSTM: input gate"] > 0.5).mean() > 0.85
        assert (values["GRU: update gate"] < 0.1).mean() > 0.6
