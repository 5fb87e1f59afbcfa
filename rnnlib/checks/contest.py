"""The contest with counting: does a trainer's network predict better than a counted 4-gram, within its steps?

Before: concise_implementation.py.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlib.baselines import NGram, best_ngram
from rnnlib.checks import answers
from rnnlib.checks.running import run
from rnnlib.checks.seeing import kind_of
from rnnlib.checks.verdict import Verdict, verdict
from rnnlib.live.experiments import Experiment
from rnnlib.models import Model
from rnnlib.text import Corpus
from rnnlib.training import Trainer, evaluate, perplexity

SCORED_ON = "test"  # the part of a Corpus on which contests are decided
TOKENS_COMPARED = 200
KNOWN_BEFOREHAND, JUMP = 0.1, 0.5  # nats per token


def scored_tokens(corpus: Corpus) -> Tensor:
    """The tokens on which a contest over this text is decided, (n,)."""
    tokens: Tensor = getattr(corpus, SCORED_ON)
    return tokens


def score(network: Model, corpus: Corpus) -> float:
    """A network's perplexity there."""
    return perplexity(evaluate(network, scored_tokens(corpus).to(network.device)))


def counted(corpus: Corpus) -> float:
    """The perplexity of a counted 4-gram there."""
    return NGram(corpus.train, order=4, vocab_size=len(corpus.vocab)).perplexity(scored_tokens(corpus))


def best_counted(corpus: Corpus) -> str:
    """The n-gram that is best on the validation text, and its perplexity on the scored one, in words."""
    best = best_ngram(corpus.train, corpus.validation, vocab_size=len(corpus.vocab))
    return f"the best n-gram, of order {best.order}, {best.perplexity(scored_tokens(corpus)):.2f}"


def beats_the_ngram(trainer: Any, corpus: Corpus, *, step_budget: int) -> Verdict:
    """Check that a trainer's network predicts the scored text better than a counted 4-gram, within a step budget.

    Only what the trainer did itself counts: its network starts with no more knowledge than how often each letter comes,
    and what it knows in the end is what its own curve says that it has learned.
    """
    if trainer is ...:
        return Verdict("open", f"train a network for at most {step_budget} steps and hand its trainer in.")
    praise = ""

    def look() -> str | None:
        nonlocal praise
        reached, line = score(trainer.model, corpus), counted(corpus)
        said = f"{SCORED_ON} perplexity {reached:.2f}" if reached < 1e4 else f"{SCORED_ON} perplexity {reached:.0e}"
        praise = f"{said} after {trainer.steps_made} steps; the 4-gram has {line:.2f}, {best_counted(corpus)}."
        mistake = _mistake_in_training(trainer, corpus, step_budget, reached)
        if mistake is None and reached >= line:
            how = _how_trained(trainer, corpus, step_budget)
            mistake = f"{said}; the counted 4-gram has {line:.2f}. Lower is better. {how}"
        return mistake or _mistake_in_history(trainer, corpus)

    if not isinstance(trainer, Trainer):
        mistake: str | None = f"hand in a Trainer of a network for this text; {_what_it_is(trainer)}"
    else:
        outcome = run(look, seconds=15.0)
        mistake = outcome.returned
        if outcome.problem:
            mistake = f"hand in a Trainer of a network for this text; with this one, {outcome.problem}"
    hint = (
        "A state that remembers more (GRU, LSTM) helps more than a larger one. Adam with a learning rate near 0.003 "
        "gets further in few steps than SGD. Watch the validation curve: where it turns up, the network memorises."
    )
    return verdict("beats_the_ngram", mistake, praise=praise, hint=hint, answer=answers.my_training)


def _what_it_is(handed_in: Any) -> str:
    """Of what is no trainer."""
    if handed_in is None:
        return "this is None, which `trainer.run(steps)` returns: give the trainer a name first, then let it run."
    if isinstance(handed_in, Experiment):
        return 'this is a session; its trainer is `session.trainers["main"]`.'
    if isinstance(getattr(handed_in, "session", None), Experiment):
        return 'this is a lab; its trainer is `lab.session.trainers["main"]`.'
    if isinstance(handed_in, torch.nn.Module):
        return "this is a network: hand in what trained it."
    return f"this is {kind_of(handed_in)}."


def _how_trained(trainer: Trainer, corpus: Corpus, step_budget: int) -> str:
    """By what a network has become what it is, and whether that was much."""
    rate, name = trainer.knobs.learning_rate, trainer.optimizer.name
    said = f"It made {trainer.steps_made} of {step_budget} steps with {name}, the last at learning rate {rate:g}."
    if trainer.model.vocab_size != len(corpus.vocab):
        sizes = f"Its vocabulary has {trainer.model.vocab_size} tokens, and this text {len(corpus.vocab)}"
        return f"{said} {sizes}: was it trained on another one?"
    if _last_loss(trainer) < _entropy(corpus.train):
        return said
    return (
        f"{said} It has learned no more than how often each letter comes: its steps are too few, too long or too short."
    )


def _mistake_in_training(trainer: Trainer, corpus: Corpus, step_budget: int, reached: float) -> str | None:
    """What is wrong with how a trainer was used, or None."""
    steps = max(trainer.steps_made, len(trainer.history))
    if steps > step_budget:
        return f"it trained for {steps} steps; the budget is {step_budget}."
    if not math.isfinite(reached):
        return "its numbers are no longer finite: it has diverged."
    if _reads_the_future(trainer.model):
        return "the network is bidirectional: it reads the very characters that it is to predict."
    if _was_read(scored_tokens(corpus), trainer.batches.tokens.cpu()):
        return f"the {SCORED_ON} text was among the training text, so its perplexity proves nothing."
    if _was_read(corpus.validation, trainer.batches.tokens.cpu()):
        return "the validation text was among the training text: choose by it, and train on corpus.train alone."
    return "it has not trained yet: trainer.run(steps) does." if trainer.steps_made == 0 else None


def _mistake_in_history(trainer: Trainer, corpus: Corpus) -> str | None:
    """Why a network's knowledge cannot come from the steps of its trainer, or None."""
    if len(trainer.history) != trainer.steps_made:
        recorded = f"{len(trainer.history)} steps are on its curve"
        return f"{recorded} and {trainer.steps_made} on its counter: a trainer's numbers stay as training leaves them."
    losses = trainer.history.columns()["loss"]
    if losses[0] < _entropy(corpus.train) - KNOWN_BEFOREHAND:
        return (
            f"its first loss is {losses[0]:.2f}, below that of somebody who knows how often each letter comes "
            f"({_entropy(corpus.train):.2f}): it was trained before. Every step of a network counts."
        )
    last, now = _last_loss(trainer), _loss_where_it_trained(trainer)
    if now < last - JUMP:
        return (
            f"on its training text it has a loss of {now:.2f}, and its curve ends at {last:.2f}: "
            "these are not the weights that its steps gave."
        )
    return None


def _last_loss(trainer: Trainer) -> float:
    """The mean over the last tenth of its curve."""
    losses = trainer.history.columns()["loss"]
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _loss_where_it_trained(trainer: Trainer) -> float:
    return evaluate(trainer.model, trainer.batches.tokens[:20_000])


def _entropy(tokens: Tensor) -> float:
    """The loss of somebody who knows how often each token comes, in nats."""
    shares = torch.bincount(tokens).double() / len(tokens)
    return float(-torch.special.xlogy(shares, shares).sum())


def _was_read(scored: Tensor, training: Tensor) -> bool:
    """Whether a stretch of the scored text is in the training text."""
    length = min(TOKENS_COMPARED, len(scored))
    read = training.numpy().tobytes()
    return any(
        scored[first : first + length].numpy().tobytes() in read for first in range(0, len(scored) - length + 1, length)
    )


def _reads_the_future(network: Any) -> bool:
    """Whether changing the last token changes what is predicted before it."""
    tokens = torch.zeros(5, 1, dtype=torch.int64, device=network.device)
    changed = tokens.clone()
    changed[-1] = 1
    with torch.no_grad():
        state = network.initial_state(1)
        first, _ = network(tokens, state)
        second, _ = network(changed, state)
    return not torch.allclose(first[:-1], second[:-1], atol=1e-6)
