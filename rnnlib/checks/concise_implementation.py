"""The checks of notebook 05: build a language model over PyTorch's layer; beat the counted 4-gram.

Before: verdict.py.
"""

import math
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.baselines import NGram
from rnnlib.checks import answers
from rnnlib.checks.verdict import Verdict, verdict
from rnnlib.models import Model
from rnnlib.text import Corpus
from rnnlib.training import Trainer, evaluate, perplexity


def model(make_model: Callable[[int, int], nn.Module]) -> Verdict:
    """Check a language model over nn.RNN: make_model(vocab_size, hidden_size) with `rnn`, `output` and `forward`.

    Expected: model(tokens (T, B), state (1, B, H)) -> logits (T, B, V), state after the last step.
    """
    V, H, T, B = 6, 5, 4, 3
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(V, (T, B), generator=generator)
    state = torch.rand(1, B, H, generator=generator)
    try:
        built: Any = make_model(V, H)
        if built.rnn is ... or built.output is ...:
            return Verdict("open", "fill in the layers and the forward pass; this cell then checks them.")
        if built.rnn.batch_first:
            mistake: str | None = "the layer has batch_first=True: it takes time for batch, and tokens here are (T, B)."
        else:
            with torch.no_grad():
                answer = built(tokens, state)
                if answer is None or answer is ...:
                    return Verdict("open", "the layers are there; now the forward pass.")
                mistake = _mistake_in_model(built, answer, tokens, state)
    except Exception as error:
        mistake = f"it raised {type(error).__name__}: {error}"
    hint = (
        "`F.one_hot(tokens, vocab_size).float()` has the shape (T, B, V), which `nn.RNN` takes as it is; it returns "
        "the hidden states of all steps, (T, B, H), and the last state. `nn.Linear` works on the last axis."
    )
    praise = "the shapes are (T, B, V) and (1, B, H), and every number is that of the library's RNNModel."
    return verdict("model", mistake, praise=praise, hint=hint, answer=answers.MyModel)


def _mistake_in_model(built: Any, answer: Any, tokens: Tensor, state: Tensor) -> str | None:
    """The first mistake found in the answer of a reader's model, or None."""
    V, (T, B), H = built.output.out_features, tokens.shape, state.shape[-1]
    if not (isinstance(answer, tuple) and len(answer) == 2):
        return "forward must return two things, the logits and the new state; it returned one."
    logits, new_state = answer
    if not isinstance(built.rnn, torch.nn.RNN) or built.rnn.nonlinearity != "tanh":
        return f"self.rnn is {built.rnn}; this exercise is for torch.nn.RNN(vocab_size, hidden_size)."
    one_hot = F.one_hot(tokens, V).float()
    hidden, expected_state = built.rnn(one_hot, state)
    expected = built.output(hidden)
    if logits.shape == (B, V):
        return f"the logits have the shape (B, V) = ({B}, {V}): only the last step was predicted from, not all T."
    if logits.shape == (T * B, V):
        return f"the logits have the shape (T B, V) = ({T * B}, {V}); here time and batch stay apart: (T, B, V)."
    if logits.shape != expected.shape:
        return f"the logits have the shape {tuple(logits.shape)}; expected (T, B, V) = ({T}, {B}, {V})."
    if torch.allclose(logits.sum(-1), torch.ones(T, B), atol=1e-4):
        return "the logits of every step sum to 1: a softmax was applied, which cross_entropy will apply again."
    from_zero, _ = built.rnn(one_hot)
    if torch.allclose(logits, built.output(from_zero), atol=1e-5):
        return "the state given to forward was not used: the layer started from zeros."
    if not torch.allclose(logits, expected, atol=1e-5):
        place = tuple((logits - expected).abs().gt(1e-5).nonzero()[0].tolist())
        found, right = float(logits[place]), float(expected[place])
        return f"right shape, wrong values: logits{list(place)} is {found:.4f}; the library has {right:.4f}."
    if not isinstance(new_state, Tensor) or new_state.shape != expected_state.shape:
        return f"the state must be that after the last step, of shape (1, B, H) = (1, {B}, {H})."
    if torch.allclose(new_state, state):
        return "the state returned is the one that came in; return the one the layer gives back."
    return None if torch.allclose(new_state, expected_state, atol=1e-5) else "right logits, but another state."


def beats_the_ngram(trainer: Trainer | EllipsisType | None, corpus: Corpus, *, step_budget: int) -> Verdict:
    """Check that a trainer's network predicts the held-out text better than a counted 4-gram, within a step budget."""
    if trainer is None or trainer is ...:
        return Verdict("open", f"train a network for at most {step_budget} steps and hand its trainer in.")
    counted = NGram(corpus.train, order=4, vocab_size=len(corpus.vocab)).perplexity(corpus.held_out)
    reached, praise = math.nan, ""
    try:
        reached = perplexity(evaluate(trainer.model, corpus.held_out.to(trainer.model.device)))
        mistake = _mistake_in_contest(trainer, corpus, step_budget, reached, counted)
        praise = f"held-out perplexity {reached:.2f} after {trainer.steps_made} steps; the 4-gram has {counted:.2f}."
    except Exception as error:
        mistake = f"hand in a Trainer of a network for this text; this one raised {type(error).__name__}: {error}"
    hint = (
        "A state that remembers more (GRU, LSTM) helps more than a larger one. Adam with a learning rate near 0.003 "
        "gets further in few steps than SGD. Watch the held-out curve: where it turns up, the network memorises."
    )
    return verdict("beats_the_ngram", mistake, praise=praise, hint=hint)


def _mistake_in_contest(
    trainer: Trainer, corpus: Corpus, step_budget: int, reached: float, counted: float
) -> str | None:
    """The first thing wrong with a trainer that is to beat the 4-gram, or None."""
    tokens = trainer.batches.tokens
    if trainer.steps_made > step_budget:
        return f"it trained for {trainer.steps_made} steps; the budget is {step_budget}."
    if not math.isfinite(reached):
        return "its numbers are no longer finite: it has diverged."
    if _reads_the_future(trainer.model):
        return "the network is bidirectional: it reads the very characters that it is to predict."
    trained_on, held_out = corpus.vocab.decode(tokens), corpus.vocab.decode(corpus.held_out)
    if any(held_out[first : first + 200] in trained_on for first in range(0, len(held_out) - 199, 200)):
        return "the held-out text was among the training text, so its perplexity proves nothing."
    if trainer.steps_made == 0:
        return "it has not trained yet: trainer.run(steps) does."
    if reached >= counted:
        return f"held-out perplexity {reached:.2f}; the counted 4-gram has {counted:.2f}. Lower is better."
    return None


def _reads_the_future(network: Model) -> bool:
    """Whether changing the last token changes what is predicted before it."""
    tokens = torch.zeros(5, 1, dtype=torch.int64, device=network.device)
    changed = tokens.clone()
    changed[-1] = 1
    with torch.no_grad():
        state = network.initial_state(1)
        first, _ = network(tokens, state)
        second, _ = network(changed, state)
    return not torch.allclose(first[:-1], second[:-1], atol=1e-6)
