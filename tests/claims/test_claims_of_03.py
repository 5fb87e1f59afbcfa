"""What notebook 03 says of runs."""

import timeit

import torch

from rnnlib import gradients, models, text, training
from rnnlib.topics import truncation

SEEDS = (0, 1, 2)
CORPUS = text.load_corpus("story")
BATCHES = text.SequentialBatches(CORPUS.train)


def after(steps: int, seed: int, hidden_size: int) -> models.LanguageModel:
    generator = torch.Generator().manual_seed(seed)
    model = models.LanguageModel("rnn", vocab_size=len(CORPUS.vocab), hidden_size=hidden_size, generator=generator)
    training.Trainer(model, BATCHES).run(steps)
    return model


def test_over_twenty_steps_a_trained_rnn_passes_more_of_its_gradient_than_a_fresh_one() -> None:
    tokens, targets = BATCHES[3].tokens[:, :8], BATCHES[3].targets[:, :8]
    for seed in SEEDS:
        passed = []
        for steps in (0, 300):
            model = after(steps, seed, 64)
            norms = gradients.norms_over_lags(model, tokens, targets, model.initial_state(8))
            passed.append(norms[20] / norms[0])
        assert passed[1] > 10 * passed[0]


def test_a_randomised_gradient_is_further_off_than_the_truncated_one_and_the_mean_of_300_is_nearer() -> None:
    T, k = 24, 4
    tokens, targets = BATCHES[3].tokens[:T, :8], BATCHES[3].targets[:T, :8]
    for seed in SEEDS:
        model = after(500, seed, 32)

        def gradient(factors: list[float], model: models.LanguageModel = model) -> torch.Tensor:
            return truncation.truncated_bptt(model, tokens, targets, model.initial_state(8), factors).gradient

        generator = torch.Generator().manual_seed(seed)
        draws = torch.stack([gradient(truncation.cut_at_random(T, k, generator)) for _ in range(300)])
        full, truncated = gradient([1.0] * T), (gradient(truncation.cut_after(T, k)))
        of_truncated, of_mean = (truncated - full).norm(), (draws.mean(0) - full).norm()
        assert (draws - full).norm(dim=1).mean() > 1.2 * of_truncated
        assert of_mean < 0.8 * of_truncated


def test_the_truncated_gradient_comes_nearer_to_the_full_one_when_it_goes_further_back() -> None:
    T = 64
    tokens, targets = CORPUS.train[: 8 * T].view(8, T).T, CORPUS.train[1 : 8 * T + 1].view(8, T).T
    for seed in SEEDS:
        model = after(500, seed, 32)
        found = {
            k: truncation.truncated_bptt(
                model, tokens, targets, model.initial_state(8), truncation.cut_after(T, k)
            ).gradient
            for k in (2, 8, 32, T)
        }
        errors = [float((found[k] - found[T]).norm() / found[T].norm()) for k in (2, 8, 32)]
        assert errors[0] > 1.3 * errors[1] > 1.3**2 * errors[2]


def test_cutting_a_text_into_short_pieces_takes_longer_than_going_all_the_way() -> None:
    T = 128
    tokens, targets = CORPUS.train[: 8 * T].view(8, T).T, CORPUS.train[1 : 8 * T + 1].view(8, T).T
    for seed in SEEDS:
        model = after(1, seed, 32)
        full, in_pieces = (
            min(
                truncation.truncated_bptt(model, tokens, targets, model.initial_state(8), factors).seconds
                for _ in range(5)
            )
            for factors in ([1.0] * T, truncation.cut_after(T, 2))
        )
        assert in_pieces > full


def test_without_detach_memory_and_time_grow_from_minibatch_to_minibatch_and_with_it_they_do_not() -> None:
    for seed in SEEDS:
        torch.manual_seed(seed)
        layer = models.RNNModel(torch.nn.RNN(len(CORPUS.vocab), 32), len(CORPUS.vocab))

        def measure(detach: bool, layer: models.RNNModel = layer) -> torch.Tensor:
            measured, state = [], layer.initial_state(32)
            with truncation.HeldMemory() as memory:
                for number in range(12):
                    started, batch = timeit.default_timer(), BATCHES[number]
                    logits, state = layer(batch.tokens, models.detach(state) if detach else state)
                    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
                    held = memory.bytes
                    loss.backward(retain_graph=not detach)
                    measured.append((held, timeit.default_timer() - started))
            return torch.tensor(measured)

        with_detach, without = (
            torch.stack([measure(detach) for _ in range(9)]).min(0).values for detach in (True, False)
        )
        assert (with_detach[:, 0] == with_detach[0, 0]).all() and (without[:, 0].diff() > 0).all()
        assert with_detach[-4:, 1].sum() < 2.5 * with_detach[:4, 1].sum()
        assert without[-4:, 1].sum() > 1.5 * without[:4, 1].sum()  # some four times
