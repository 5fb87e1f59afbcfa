"""Checks: the right answer passes, every known mistake is named, an unknown one is shown its first difference."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib import checks
from rnnlib.baselines import best_ngram
from rnnlib.checks import contest
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import Corpus, SequentialBatches
from rnnlib.training import Knobs, Trainer


class RightModel(nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = nn.RNN(vocab_size, hidden_size)
        self.output = nn.Linear(hidden_size, vocab_size)

    def one_hot(self, tokens: Tensor) -> Tensor:
        return F.one_hot(tokens, self.vocab_size).float()

    def forward(self, tokens: Tensor, state: Tensor):
        hidden, state = self.rnn(self.one_hot(tokens), state)
        return self.output(hidden), state


class AnotherLayer(RightModel):
    def __init__(self, vocab_size: int, hidden_size: int):
        super().__init__(vocab_size, hidden_size)
        self.rnn = nn.GRU(vocab_size, hidden_size)


class LastStepOnly(RightModel):
    def forward(self, tokens, state):
        hidden, state = self.rnn(self.one_hot(tokens), state)
        return self.output(hidden[-1]), state


class Flattened(RightModel):
    def forward(self, tokens, state):
        hidden, state = self.rnn(self.one_hot(tokens), state)
        return self.output(hidden.flatten(0, 1)), state


class Softmaxed(RightModel):
    def forward(self, tokens, state):
        hidden, state = self.rnn(self.one_hot(tokens), state)
        return self.output(hidden).softmax(-1), state


class StateIgnored(RightModel):
    def forward(self, tokens, state):
        hidden, state = self.rnn(self.one_hot(tokens))
        return self.output(hidden), state


class StateNotPassedOn(RightModel):
    def forward(self, tokens, state):
        hidden, _ = self.rnn(self.one_hot(tokens), state)
        return self.output(hidden), state


class OnlyLogits(RightModel):
    def forward(self, tokens, state):
        return self.output(self.rnn(self.one_hot(tokens), state)[0])


class BatchFirst(RightModel):
    def __init__(self, vocab_size, hidden_size):
        super().__init__(vocab_size, hidden_size)
        self.rnn = nn.RNN(vocab_size, hidden_size, batch_first=True)


class Unrelated(RightModel):
    def forward(self, tokens, state):
        logits, state = super().forward(tokens, state)
        return logits.exp(), state


class Open(nn.Module):
    def __init__(self, vocab_size, hidden_size):
        super().__init__()
        self.rnn = ...
        self.output = ...


class HalfOpen(RightModel):
    def forward(self, tokens, state):
        return ...


def test_the_right_model_passes() -> None:
    assert checks.model(RightModel).result == "passed"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (LastStepOnly, "only the last step was predicted from"),
        (AnotherLayer, "this exercise is for torch.nn.RNN"),
        (Flattened, "time and batch stay apart"),
        (Softmaxed, "a softmax was applied"),
        (StateIgnored, "the layer started from zeros"),
        (StateNotPassedOn, "the state returned is the one that came in"),
        (OnlyLogits, "must return two things"),
        (BatchFirst, "batch_first=True"),
        (
            Unrelated,
            "right shape, wrong values: entry [0, 0, 0] of the logits (step 0, sequence 0, token 0; counted from 0) is",
        ),
        (lambda vocab_size: RightModel(vocab_size, 5), "it raised TypeError"),
    ],
)
def test_mistakes_in_the_model_are_named(wrong, named: str) -> None:
    verdict = checks.model(wrong)
    assert verdict.result == "wrong" and named in verdict.message


class WithoutVocabSize(RightModel):
    def forward(self, tokens, state):
        hidden, state = self.rnn(F.one_hot(tokens).float(), state)
        return self.output(hidden), state


def test_a_model_that_lets_the_minibatch_say_how_many_characters_there_are_does_not_pass() -> None:
    assert checks.model(WithoutVocabSize).result == "wrong"


def test_open_exercises_are_told_apart_from_wrong_ones() -> None:
    assert checks.model(Open).result == "open" and repr(checks.model(Open)).startswith("Not yet:")
    assert checks.model(HalfOpen).result == "open"


def test_help_grows_from_try_to_try_and_goes_after_success() -> None:
    first, second, third = (checks.model(Softmaxed)._repr_markdown_() for _ in range(3))
    assert "<details>" not in first
    assert second.count("<details>") == 1 and "A hint" in second
    assert third.count("<details>") == 2 and "def forward" in third
    checks.model(RightModel)
    assert "<details>" not in checks.model(Softmaxed)._repr_markdown_()


class TestContest:
    """Beating the counted 4-gram."""

    @pytest.fixture
    def story(self) -> Corpus:
        """A text in which only the character nine places back tells the next one: hopeless for a 4-gram."""
        from rnnlib.text import Vocab

        generator = torch.Generator().manual_seed(0)
        word = torch.randint(4, (9,), generator=generator)
        noise = torch.randint(4, (4000,), generator=generator)
        letters = torch.where(torch.rand(4000, generator=generator) < 0.9, word.repeat(445)[:4000], noise)
        text = "".join("abcd"[index] for index in letters.tolist())
        vocab = Vocab(text)
        tokens = vocab.encode(text)
        return Corpus("made here", vocab, *tokens.split([3200, 400, 400]))

    def trained(self, corpus: Corpus, tokens: Tensor, steps: int) -> Trainer:
        model = LanguageModel("gru", vocab_size=5, hidden_size=32, generator=torch.Generator().manual_seed(0))
        batches = SequentialBatches(tokens, batch_size=8, num_steps=20)
        trainer = Trainer(model, batches, optimizer="adam", knobs=Knobs(0.01))
        trainer.run(steps)
        return trainer

    def test_a_better_network_passes(self, story: Corpus) -> None:
        verdict = checks.beats_the_ngram(self.trained(story, story.train, 300), story, step_budget=300)
        assert verdict.result == "passed", verdict

    @pytest.mark.parametrize(
        ("steps", "budget", "named"),
        [
            (0, 10, "has not trained yet"),
            (12, 10, "trained for 12 steps; the budget is 10"),
            (1, 10, "Lower is better"),
        ],
    )
    def test_other_outcomes_are_named(self, story: Corpus, steps: int, budget: int, named: str) -> None:
        verdict = checks.beats_the_ngram(self.trained(story, story.train, steps), story, step_budget=budget)
        assert verdict.result == "wrong" and named in verdict.message

    def test_a_second_trainer_over_a_trained_network_is_noticed(self, story: Corpus) -> None:
        trained = self.trained(story, story.train, 300)
        second = Trainer(trained.model, SequentialBatches(story.train, batch_size=8, num_steps=20))
        second.run(1)
        verdict = checks.beats_the_ngram(second, story, step_budget=10)
        assert verdict.result == "wrong" and "it was trained before" in verdict.message, verdict

    def test_weights_that_come_from_elsewhere_are_noticed(self, story: Corpus) -> None:
        trained, fresh = self.trained(story, story.train, 300), self.trained(story, story.train, 2)
        with torch.no_grad():
            fresh.model.vector.copy_(trained.model.vector)
        assert (
            "these are not the weights that its steps gave"
            in checks.beats_the_ngram(fresh, story, step_budget=10).message
        )

    def test_a_counter_that_was_set_back_is_noticed(self, story: Corpus) -> None:
        trainer = self.trained(story, story.train, 300)
        trainer.steps_made = 10
        assert (
            "trained for 300 steps; the budget is 10" in checks.beats_the_ngram(trainer, story, step_budget=10).message
        )
        assert "300 steps are on its curve and 10" in checks.beats_the_ngram(trainer, story, step_budget=300).message

    def test_the_part_that_is_scored_is_named_in_one_place(
        self, story: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(contest, "SCORED_ON", "train")
        verdict = checks.beats_the_ngram(self.trained(story, story.train, 5), story, step_budget=10)
        assert "the train text was among the training text" in verdict.message

    def test_training_on_the_test_text_is_noticed(self, story: Corpus) -> None:
        both = torch.cat([story.train, story.test])
        verdict = checks.beats_the_ngram(self.trained(story, both, 5), story, step_budget=10)
        assert "test text was among the training text" in verdict.message

    def test_training_on_the_validation_text_is_noticed(self, story: Corpus) -> None:
        both = torch.cat([story.train, story.validation])
        verdict = checks.beats_the_ngram(self.trained(story, both, 5), story, step_budget=10)
        assert "the validation text was among the training text" in verdict.message

    def test_the_best_counted_line_is_told_beside_that_of_the_4_gram(self, story: Corpus) -> None:
        verdict = checks.beats_the_ngram(self.trained(story, story.train, 300), story, step_budget=300)
        best = best_ngram(story.train, story.validation, vocab_size=5)
        assert f"the best n-gram, of order {best.order}, {best.perplexity(story.test):.2f}." in verdict.message

    def test_reading_the_future_is_noticed(self, story: Corpus) -> None:
        model = RNNModel(nn.LSTM(5, 8, bidirectional=True), 5)
        trainer = Trainer(model, SequentialBatches(story.train, batch_size=8, num_steps=20))
        trainer.run(2)
        assert "bidirectional" in checks.beats_the_ngram(trainer, story, step_budget=10).message

    def test_a_network_that_has_diverged_is_told_so(self, story: Corpus) -> None:
        trainer = self.trained(story, story.train, 5)
        with torch.no_grad():
            trainer.model.vector.fill_(math.nan)
        assert "it has diverged" in checks.beats_the_ngram(trainer, story, step_budget=10).message

    def test_what_is_no_trainer_is_told_in_a_sentence(self, story: Corpus) -> None:
        verdict = checks.beats_the_ngram("a trainer", story, step_budget=10)
        assert verdict.result == "wrong" and "hand in a Trainer of a network for this text" in verdict.message

    def test_training_on_a_part_of_the_test_text_is_noticed(self, story: Corpus) -> None:
        some = torch.cat([story.train, story.test[150:]])
        verdict = checks.beats_the_ngram(self.trained(story, some, 5), story, step_budget=10)
        assert "test text was among the training text" in verdict.message

    def test_nothing_handed_in_is_open(self, story: Corpus) -> None:
        assert checks.beats_the_ngram(..., story, step_budget=10).result == "open"

    def test_what_was_handed_in_instead_of_a_trainer_is_told_with_the_way_to_one(self, story: Corpus) -> None:
        def told(thing: object) -> str:
            verdict = checks.beats_the_ngram(thing, story, step_budget=10)
            assert verdict.result == "wrong"
            return verdict.message

        session = Session(Settings(hidden_size=8, device="cpu"), name="no trainer")
        try:
            assert 'this is a session; its trainer is `session.trainers["main"]`.' in told(session)
            assert 'this is a lab; its trainer is `lab.session.trainers["main"]`.' in told(
                SimpleNamespace(session=session)
            )
        finally:
            session.stop()
        assert "this is None, which `trainer.run(steps)` returns" in told(None)
        assert "this is a network: hand in what trained it" in told(self.trained(story, story.train, 1).model)
        assert "this is a type." in told(Trainer)

    def test_a_network_that_loses_is_told_how_it_was_trained(self, story: Corpus) -> None:
        model = LanguageModel("gru", vocab_size=5, hidden_size=32, generator=torch.Generator().manual_seed(0))
        batches = SequentialBatches(story.train, batch_size=8, num_steps=20)
        trainer = Trainer(model, batches, optimizer="adam", knobs=Knobs(1.0))
        trainer.run(30)
        message = checks.beats_the_ngram(trainer, story, step_budget=50).message
        assert "It made 30 of 50 steps with adam, the last at learning rate 1." in message
        assert (
            "It has learned no more than how often each letter comes: its steps are too few, too long or too" in message
        )

    def test_a_network_with_another_vocabulary_is_asked_for_its_text(self, story: Corpus) -> None:
        model = LanguageModel("gru", vocab_size=9, hidden_size=8, generator=torch.Generator().manual_seed(0))
        trainer = Trainer(model, SequentialBatches(story.train % 9, batch_size=8, num_steps=20))
        trainer.run(2)
        message = checks.beats_the_ngram(trainer, story, step_budget=10).message
        assert "Its vocabulary has 9 tokens, and this text 5: was it trained on another one?" in message

    def test_a_network_that_has_learned_something_is_not_told_that_it_has_learned_nothing(self, story: Corpus) -> None:
        message = checks.beats_the_ngram(self.trained(story, story.train, 40), story, step_budget=60).message
        assert "It made 40 of 60 steps with adam, the last at learning rate 0.01." in message
        assert "no more than" not in message
