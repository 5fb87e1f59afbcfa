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


def test_an_rnn_makes_use_of_about_eight_characters_and_its_state_holds_the_last_few_letters() -> None:
    majority = float(CORPUS.validation.bincount().max() / len(CORPUS.validation))
    for seed in SEEDS:
        model = reader(seed, 1500)
        four, eight, twenty = map(training.perplexity, memory.loss_with_context(model, CORPUS.validation, (4, 8, 20)))
        assert four > 1.08 * twenty and eight < 1.04 * twenty
        found = {k: letters_found(model, k) for k in (0, 2, 4, 10)}
        assert found[0] > 0.95 and found[2] > 0.7 and 0.3 < found[4] < 0.65
        assert abs(found[10] - majority) < 0.03


def test_an_untrained_state_holds_the_last_letters_nearly_as_well() -> None:
    for seed in SEEDS:
        trained, untrained = ({k: letters_found(reader(seed, steps), k) for k in (0, 2, 5)} for steps in (1500, 0))
        assert untrained[0] > 0.95 and untrained[2] > 0.7
        assert trained[5] > untrained[5] + 0.02


def test_some_unit_tells_spaces_from_letters_over_all_validation_text() -> None:
    after_space = CORPUS.validation == CORPUS.vocab.encode(" ")
    for seed in SEEDS:
        states = memory.states_over(reader(seed, 1500), CORPUS.validation)
        difference = states[after_space].mean(0) - states[~after_space].mean(0)
        assert (difference / states.std(0)).abs().max() > 1.1
