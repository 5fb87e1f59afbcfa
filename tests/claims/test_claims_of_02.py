"""What notebook 02 says of runs."""

import functools

import torch

from rnnlib import models, text, training
from rnnlib.topics import memory

SEEDS = (0, 1, 2)
CORPUS = text.load_corpus("story")
V = len(CORPUS.vocab)
FITTED = CORPUS.train[:20_000]


@functools.cache
def reader(seed: int, steps: int) -> models.LanguageModel:
    """A network of 64 units after so many steps."""
    generator = torch.Generator().manual_seed(seed)
    model = models.LanguageModel("rnn", vocab_size=V, hidden_size=64, generator=generator)
    training.Trainer(model, text.SequentialBatches(CORPUS.train)).run(steps)
    return model


def letters_found(model: models.LanguageModel, steps_back: int) -> float:
    """How often a probe names the letter so many steps back."""
    probe = memory.Probe(memory.states_over(model, FITTED), FITTED, steps_back, V)
    return probe.accuracy(memory.states_over(model, CORPUS.validation), CORPUS.validation)


def test_an_rnn_makes_hardly_any_use_of_more_than_eight_characters_and_none_of_more_than_twelve() -> None:
    for seed in SEEDS:
        losses = memory.loss_with_context(reader(seed, 1500), CORPUS.validation, (4, 8, 12, 20))
        four, eight, twelve, twenty = map(training.perplexity, losses)
        assert four > 1.08 * twenty and eight < 1.04 * twenty and abs(twelve - twenty) < 0.01 * twenty


def test_the_state_holds_the_last_letters_and_after_ten_steps_nothing_that_a_probe_finds() -> None:
    majority = float(CORPUS.validation.bincount().max() / len(CORPUS.validation))
    for seed in SEEDS:
        found = {k: letters_found(reader(seed, 1500), k) for k in (0, 2, 4, 10)}
        assert found[0] > 0.95 and found[2] > 0.7 and 0.3 < found[4] < 0.65
        assert abs(found[10] - majority) < 0.03


def test_random_weights_hold_the_last_two_letters_better_and_trained_ones_hold_letters_about_a_step_longer() -> None:
    for seed in SEEDS:
        trained, untrained = ([letters_found(reader(seed, steps), k) for k in range(8)] for steps in (1500, 0))
        assert untrained[0] > trained[0] and untrained[1] > trained[1] + 0.02
        assert abs(untrained[2] - trained[2]) < 0.06
        assert all(trained[k] > untrained[k] + 0.02 for k in (3, 4, 5, 6))
        assert all(abs(trained[k + 1] - untrained[k]) < 0.09 for k in (4, 5, 6))


def test_some_unit_tells_spaces_from_letters_over_all_validation_text() -> None:
    after_space = CORPUS.validation == CORPUS.vocab.encode(" ")
    for seed in SEEDS:
        states = memory.states_over(reader(seed, 1500), CORPUS.validation)
        difference = states[after_space].mean(0) - states[~after_space].mean(0)
        assert (difference / states.std(0)).abs().max() > 1.1


def test_at_every_letter_the_state_jumps_as_far_as_two_unrelated_states_lie_apart() -> None:
    space = CORPUS.validation == CORPUS.vocab.encode(" ")
    for seed in SEEDS:
        states = memory.states_over(reader(seed, 1500), CORPUS.validation)
        unrelated = (states - states.roll(1000, 0)).norm(dim=1).mean()
        moved = (states[1:] - states[:-1]).norm(dim=1) / unrelated
        for steps in (space[1:], space[:-1], ~space[1:] & ~space[:-1]):
            assert 0.9 < moved[steps].mean() < 1.2
