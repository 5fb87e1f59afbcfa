"""A long training without a browser: epochs in the background, looks and texts in their time, the best network kept."""

from collections.abc import Iterator

import pytest
import torch
from factories import wait_until

from rnnlib import baselines, models, sampling, text, training
from rnnlib.widgets import TrainingByEpochs

CORPUS = text.load_corpus("story", max_train_tokens=1500)
V = len(CORPUS.vocab)


def fresh_trainer(learning_rate: float = 1.0) -> training.Trainer:
    model = models.LanguageModel("rnn", vocab_size=V, hidden_size=8, generator=torch.Generator().manual_seed(0))
    batches = text.SequentialBatches(CORPUS.train, batch_size=8, num_steps=10)
    return training.Trainer(model, batches, knobs=training.Knobs(learning_rate))


def view_of(trainer: training.Trainer, epochs: int = 20) -> TrainingByEpochs:
    counted = baselines.best_ngram(CORPUS.train, CORPUS.validation, vocab_size=V)
    return TrainingByEpochs(trainer, CORPUS, counted, prefix="the ", epochs=epochs)


@pytest.fixture
def view() -> Iterator[TrainingByEpochs]:
    made = view_of(fresh_trainer())
    yield made
    made.stop()


def test_it_trains_as_the_trainer_alone_does(view: TrainingByEpochs) -> None:
    view.start()
    view.wait()
    alone = fresh_trainer()
    alone.run(20 * alone.batches.num_batches)
    assert torch.equal(view.trainer.model.vector, alone.model.vector)
    losses = alone.history.columns()["loss"].reshape(20, -1).mean(1)
    assert view.trained == [(epoch, training.perplexity(loss)) for epoch, loss in enumerate(losses, start=1)]


def test_it_asks_for_the_validation_text_and_writes_greedily_in_their_epochs(view: TrainingByEpochs) -> None:
    view.start()
    view.wait()
    assert [epoch for epoch, _ in view.validation] == list(range(21))
    assert [entry["step"] for entry in view.written] == list(range(0, 21, 2))
    last = training.perplexity(training.evaluate(view.trainer.model, CORPUS.validation))
    assert view.validation[-1][1] == pytest.approx(last)
    assert view.written[-1]["text"] == sampling.write(view.trainer.model, CORPUS.vocab, "the ", 70, temperature=0)


def test_it_keeps_the_network_that_was_best_on_the_validation_text() -> None:
    view = view_of(fresh_trainer(learning_rate=8.0))  # which wavers
    view.start()
    view.wait()
    reached = training.perplexity(training.evaluate(view.best, CORPUS.validation))
    assert reached == pytest.approx(min(each for _, each in view.validation))
    assert view.validation[-1][1] > 1.01 * reached


def test_it_pauses_and_goes_on_where_it_was(view: TrainingByEpochs) -> None:
    view.start(5)
    view.wait()
    assert view.epoch == 5 and not view.running and "Epoch 5 of 20, not running." in view.text
    view.buttons["Start"].click()
    view.wait()
    view.start()
    view.wait()
    assert view.epoch == 20 and "Epoch 20 of 20, at its end." in view.text


def test_pause_stops_after_the_epoch_under_way() -> None:
    view = view_of(fresh_trainer(), epochs=100_000)
    view.start()
    wait_until(lambda: view.epoch > 0)
    view.buttons["Pause"].click()
    view.wait()
    assert view.epoch < 100_000 and view.trainer.steps_made == view.epoch * view.trainer.batches.num_batches
    view.stop()


def test_its_words_tell_how_far_it_is_how_long_it_takes_and_what_it_writes(view: TrainingByEpochs) -> None:
    view.start(4)
    view.wait()
    view.paint()
    assert "seconds of training left." in view.text
    assert f"At epoch 4 it writes: {view.written[-1]['text']}" in view.text
    assert view.told()["unit"] == "epoch" and "it writes" not in view.told()["status"]


def test_a_training_that_breaks_is_told_and_raised_by_wait() -> None:
    view = view_of(fresh_trainer(learning_rate=1e38))
    view.trainer.set(clip_threshold=1e38)
    view.start()
    with pytest.raises(FloatingPointError, match="gradient norm"):
        view.wait()
    wait_until(lambda: "The training ended: the loss is" in view.news)
    view.stop()


def test_a_trainer_that_has_trained_and_a_prefix_of_other_letters_are_refused() -> None:
    trained = fresh_trainer()
    trained.step()
    with pytest.raises(ValueError, match="a fresh trainer and 1 epoch or more; these are 1 steps and 20"):
        view_of(trained)
    counted = baselines.best_ngram(CORPUS.train, CORPUS.validation, vocab_size=V)
    with pytest.raises(ValueError, match="characters the network never saw"):
        TrainingByEpochs(fresh_trainer(), CORPUS, counted, prefix="The ")


def test_a_picture_is_stored_with_a_constant_text(view: TrainingByEpochs) -> None:
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"].startswith("TrainingByEpochs\n") and bundle["image/png"]
