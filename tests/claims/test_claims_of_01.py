"""What notebook 01 says of runs."""

from collections import Counter

import torch

from rnnlib import baselines, models, sampling, text, training
from rnnlib.topics import forecasting, tasks

SEEDS = (0, 1, 2)
CORPUS = text.load_corpus("story")
STORY = CORPUS.vocab.decode(CORPUS.train)
V = len(CORPUS.vocab)


def trainer_of(seed: int, hidden_size: int) -> training.Trainer:
    generator = torch.Generator().manual_seed(seed)
    model = models.LanguageModel("rnn", vocab_size=V, hidden_size=hidden_size, generator=generator)
    return training.Trainer(model, text.SequentialBatches(CORPUS.train))


def shares(written: str) -> torch.Tensor:
    """How large the share of each character is."""
    counts = Counter(written)
    return torch.tensor([counts[character] for character in CORPUS.vocab.tokens]) / len(written)


def share_of_words(written: str) -> float:
    known = set(STORY.split())
    words = written.split()[1:-1]
    return sum(word in known for word in words) / max(1, len(words))


def test_frequencies_are_learnt_first_then_where_words_end_then_words() -> None:
    space, of_story = CORPUS.vocab.tokens.index(" "), shares(STORY)
    for seed in SEEDS:
        trainer, written = trainer_of(seed, 64), {}
        for step in (0, 5, 35, 150, 500, 2000):
            trainer.run(step - trainer.steps_made)
            generator = torch.Generator().manual_seed(seed)
            written[step] = sampling.write(trainer.model, CORPUS.vocab, "the lamp ", 1500, generator=generator)[9:]
        far = {step: float((shares(each) - of_story).abs().sum()) for step, each in written.items()}
        spaces = {step: float(shares(each)[space] / of_story[space]) for step, each in written.items()}
        assert shares(written[0])[1:].max() < 3 / V
        assert far[5] < 0.6 * far[0]
        assert spaces[5] < 0.65 and 0.6 < spaces[35] < 1.4
        doubled = {step: each.count("  ") / each.count(" ") for step, each in written.items()}
        assert min(doubled[35], doubled[150]) > 0.01 > max(doubled[500], doubled[2000])
        assert share_of_words(written[35]) < 0.2 and share_of_words(written[2000]) > 0.5
        assert 0.35 < share_of_words(written[500]) < share_of_words(written[2000]) < 0.75


def test_four_noisy_values_miss_the_wave_64_steps_ahead_where_64_values_and_16_units_find_it() -> None:
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        past, future = forecasting.windows(tasks.noisy_sine(3000, generator), 64, (1, 64))
        found = {}
        for lag in (4, 64):
            weights = torch.linalg.lstsq(past[:1800, -lag:], future[:1800]).solution
            found[lag] = past[2000:, -lag:] @ weights
        network = forecasting.train_forecaster(past[:1800], future[:1800], generator=generator)
        found["state"] = network.predict(past[2000:])
        near, far = zip(
            *((each - future[2000:]).square().mean(0).sqrt().tolist() for each in found.values()), strict=True
        )
        assert max(near) < 0.26
        assert far[0] > 0.42 and max(far[1:]) < 0.32
        assert found[4][:, 1].std() < 0.8 * found[64][:, 1].std()
        # it looks most like the true curve of some 50 steps earlier
        late = {
            shift: float((found[4][shift:, 1] * future[2000 : len(future) - shift, 1]).mean()) for shift in range(120)
        }
        assert 20 < max(late, key=lambda shift: late[shift]) < 90


def test_a_5_gram_counted_on_few_characters_is_worse_than_a_bigram_and_copies_what_it_has_seen() -> None:
    few = CORPUS.train[: round(len(CORPUS.train) / 128)]
    counted = {order: baselines.NGram(few, order=order, vocab_size=V) for order in (2, 5)}
    assert counted[5].perplexity(CORPUS.validation) > 1.05 * counted[2].perplexity(CORPUS.validation)
    last_four = CORPUS.validation.unfold(0, 4, 1)[:-1].tolist()
    known = set(map(tuple, few.unfold(0, 4, 1)[:-1].tolist()))
    new = torch.tensor([tuple(last) not in known for last in last_four])
    losses = {
        order: -torch.from_numpy(baselines.NGram(few, order=order, vocab_size=V).probabilities(CORPUS.validation)).log()
        for order in range(1, 6)
    }
    where_new, where_seen = (
        {order: float(loss[4:][at].mean()) for order, loss in losses.items()} for at in (new, ~new)
    )
    assert where_new[5] == where_new[4] and min(where_new, key=where_new.get) == 2
    assert where_seen[3] < where_seen[4] < where_seen[5]
    seen = CORPUS.vocab.decode(few)
    for seed in SEEDS:
        copied = {}
        for order, model in counted.items():
            generator, tokens = torch.Generator().manual_seed(seed), CORPUS.vocab.encode("the lamp")
            for _ in range(400):
                probabilities = torch.from_numpy(model.next_probabilities(tokens))
                tokens = torch.cat([tokens, torch.multinomial(probabilities, 1, generator=generator)])
            written = CORPUS.vocab.decode(tokens)
            copied[order] = sum(written[place : place + 10] in seen for place in range(390)) / 390
        assert copied[5] > 0.15 and copied[2] < 0.02


def test_an_rnn_of_128_units_is_well_above_the_counted_line_after_1500_steps() -> None:
    counted = min(
        baselines.NGram(CORPUS.train, order=n, vocab_size=V).perplexity(CORPUS.validation) for n in range(1, 6)
    )
    for seed in SEEDS:
        trainer = trainer_of(seed, 128)
        trainer.run(1500)
        reached, own = (
            training.perplexity(training.evaluate(trainer.model, each)) for each in (CORPUS.validation, CORPUS.train)
        )
        assert reached > 1.2 * counted
        assert own < 0.95 * reached
