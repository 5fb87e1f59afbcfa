"""What notebook 05 says of runs."""

import re
from pathlib import Path

import torch

from rnnlib import baselines, models, sampling, text, training
from rnnlib.live import settings

SEEDS = (0, 1, 2)
CORPUS, SHORT = text.load_corpus("story"), text.load_corpus("story", max_train_tokens=10_000)
BATCHES = text.SequentialBatches(SHORT.train)
V = len(CORPUS.vocab)


def perplexity(model: models.Model, tokens: torch.Tensor) -> float:
    return training.perplexity(training.evaluate(model, tokens))


def test_with_one_bias_nn_rnn_learns_as_from_scratch_and_with_two_it_soon_does_not() -> None:
    for seed in SEEDS:
        losses = []
        for second_bias in (False, True):
            torch.manual_seed(seed)
            concise = models.RNNModel(torch.nn.RNN(V, 64), V)
            concise.rnn.bias_hh_l0.requires_grad_(second_bias)
            scratch = models.LanguageModel("rnn", vocab_size=V, hidden_size=64)
            rnn, weights = concise.rnn, scratch.weights
            theirs = (
                rnn.weight_ih_l0.T,
                rnn.weight_hh_l0.T,
                rnn.bias_ih_l0,
                *(concise.output.weight.T, concise.output.bias),
            )
            with torch.no_grad():
                for ours, other in zip(weights, theirs, strict=True):
                    ours.copy_(other)
            pair = [training.Trainer(model, BATCHES, knobs=training.Knobs(0.5)) for model in (concise, scratch)]
            for trainer in pair:
                trainer.run(320)
            one, other = (trainer.history.columns()["loss"] for trainer in pair)
            losses.append(abs(one / other - 1))
        assert losses[0].max() < 1e-3
        assert (losses[1] > 0.01).argmax() < 20 and losses[1].max() > 0.02


def test_an_rnn_that_reads_10000_characters_500_times_is_best_within_100_epochs_and_never_reaches_counting() -> None:
    """From the cell from scratch, which learns the same; after 200 epochs it only gets worse."""
    counted = baselines.best_ngram(SHORT.train, SHORT.validation, vocab_size=V).perplexity(SHORT.validation)
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        model = models.LanguageModel("rnn", vocab_size=V, hidden_size=256, generator=generator)
        trainer, reached = training.Trainer(model, BATCHES), []
        for _ in range(20):
            trainer.run(10 * BATCHES.num_batches)
            reached.append(perplexity(model, SHORT.validation))
        assert reached.index(min(reached)) < 10 and reached[-1] > 1.3 * min(reached) > 1.3 * 1.2 * counted


def test_without_the_future_an_lstm_that_reads_both_ways_predicts_worse_than_one_that_reads_one_way() -> None:
    windows = SHORT.validation[torch.arange(0, 4000, 20) + torch.arange(21)[:, None]]
    for seed in SEEDS:
        whole, next_one = [], []
        for both_ways in (True, False):
            torch.manual_seed(seed)
            model = models.RNNModel(torch.nn.LSTM(V, 64, bidirectional=both_ways), V)
            training.Trainer(model, BATCHES, optimizer="adam", knobs=training.Knobs(0.01)).run(200)
            whole.append(perplexity(model, SHORT.validation))
            with torch.no_grad():
                logits, _ = model(windows[:-1], model.initial_state(200))
            next_one.append(training.perplexity(torch.nn.functional.cross_entropy(logits[-1], windows[-1])))
        assert whole[0] < 1.2 and next_one[0] > 1.1 * next_one[1]


def test_a_greedy_text_of_the_writer_runs_into_a_loop() -> None:
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        model = models.LanguageModel("gru", vocab_size=V, hidden_size=128, generator=generator)
        batches = text.SequentialBatches(CORPUS.train)
        training.Trainer(model, batches, optimizer="adam", knobs=training.Knobs(0.003)).run(800)
        written = sampling.write(model, CORPUS.vocab, "the lamp keeper s", 1000, temperature=0)
        assert written[-100:] in written[-700:-1]
        assert 3.5 < perplexity(model, CORPUS.test) < 4.2


def test_a_gru_at_learning_rate_5_is_far_ahead_of_its_fork_at_1_after_500_steps() -> None:
    for seed in SEEDS:
        reached = []
        for learning_rate in (5.0, 1.0):
            trainer = settings.build_trainer(settings.Settings(cell="gru", hidden_size=64, seed=seed), CORPUS)
            trainer.run(100)
            trainer.set(learning_rate=learning_rate)
            trainer.run(500)
            reached.append(training.perplexity(trainer.history.columns()["loss"][-20:].mean()))
        assert 3.5 < reached[0] < 4.5 and 5.7 < reached[1] < 6.7


def test_the_solution_folded_into_notebook_05_beats_counting_within_400_steps() -> None:
    """Its seed is part of the solution; there is nothing to vary."""
    source = (Path(__file__).parents[2] / "notebooks/src/05_concise_implementation.py").read_text()
    (code,) = [code for code in re.findall(r"# ```python\n(.*?)# ```", source, re.S) if "my_trainer" in code]
    names = {"torch": torch, "models": models, "training": training, "text": text, "corpus": CORPUS, "V": V}
    exec(re.sub("^# ?", "", code, flags=re.M), names)
    counted = baselines.NGram(CORPUS.train, order=4, vocab_size=V).perplexity(CORPUS.test)
    reached = perplexity(names["my_trainer"].model, CORPUS.test)
    assert abs(reached - 3.57) < 0.06 and reached < counted
