"""The exercise of notebook 05: a language model over PyTorch's layer.  contest.py has the contest with counting.

Before: exercise.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnnlib.checks import answers
from rnnlib.checks.answers import MyModel
from rnnlib.checks.exercise import Case, Exercise
from rnnlib.checks.running import Wrong
from rnnlib.checks.seeing import kind_of

SIZES = ((4, 3, 6, 5), (2, 2, 9, 3), (1, 1, 4, 2))  # T, B, V, H


def _tokens_and_state() -> list[Case]:
    """Without the last token of the vocabulary: how many there are, no minibatch says."""
    generator = torch.Generator().manual_seed(0)
    return [
        (f"T = {T}, B = {B}, V = {V}, H = {H}",
         (V, H, torch.randint(V - 1, (T, B), generator=generator), torch.rand(1, B, H, generator=generator)))
        for T, B, V, H in SIZES
    ]  # fmt: skip


def _computed(make_model: Callable[[int, int], Any], V: int, H: int, tokens: Tensor, state: Tensor) -> Any:
    """What a reader's model of these sizes gives with weights that are drawn here."""
    model = make_model(V, H)
    if not isinstance(model, nn.Module):
        raise Wrong(f"with vocab_size = {V} and hidden_size = {H} it makes {kind_of(model)}; expected a Module.")
    layers = getattr(model, "rnn", None), getattr(model, "output", None)
    if layers[0] is ... or layers[1] is ...:
        return ...
    mistake = _mistake_in_rnn(layers[0], V, H) or _mistake_in_output(layers[1], V, H)
    if mistake is not None:
        raise Wrong(mistake)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in layers:
            for _, weight in sorted(layer.named_parameters()):  # type: ignore[union-attr]
                weight.copy_(torch.randn(weight.shape, generator=generator))
    return model(tokens, state)


def _mistake_in_rnn(rnn: Any, V: int, H: int) -> str | None:
    asked = "this exercise is for torch.nn.RNN(vocab_size, hidden_size)"
    if rnn is None:
        return f"the model has no self.rnn; {asked}."
    if isinstance(rnn, nn.RNNCell | nn.LSTMCell | nn.GRUCell):
        return f"self.rnn is {type(rnn).__name__}, which takes a single step; {asked}, which takes all T."
    if not isinstance(rnn, nn.RNN) or rnn.nonlinearity != "tanh":
        return f"self.rnn is {rnn if isinstance(rnn, nn.Module) else type(rnn).__name__}; {asked}."
    if rnn.batch_first:
        return "the layer has batch_first=True: it takes time for batch, and tokens here are (T, B)."
    if rnn.num_layers != 1 or rnn.bidirectional:
        return f"self.rnn has more than one layer or reads both ways; {asked}."
    return _other_than(rnn, nn.RNN(V, H), "self.rnn", asked, V, H)


def _mistake_in_output(output: Any, V: int, H: int) -> str | None:
    asked = "expected torch.nn.Linear(hidden_size, vocab_size)"
    if output is None:
        return f"the model has no self.output; {asked}."
    if not isinstance(output, nn.Linear):
        return f"self.output is {kind_of(output)}; {asked}."
    return _other_than(output, nn.Linear(H, V), "self.output", asked, V, H)


def _other_than(layer: nn.Module, wanted: nn.Module, name: str, asked: str, V: int, H: int) -> str | None:
    """What is said of a layer that was made with other sizes or options than the one that was asked for, or None."""
    if repr(layer) == repr(wanted):
        return None
    return f"asked for vocab_size = {V} and hidden_size = {H}, {name} is {layer}; {asked}, that is {wanted}."


def _forward(way: Callable[[Any, Tensor, Tensor], Any]) -> type[MyModel]:
    """The answer's layers with another forward pass: way(model, one-hot tokens (T, B, V), state)."""

    class Wrongly(MyModel):
        def forward(self, tokens: Tensor, state: Tensor) -> Any:
            return way(self, nn.functional.one_hot(tokens, self.vocab_size).float(), state)

    return Wrongly


def _after(change: Callable[[Tensor, Tensor, Tensor], Any]) -> type[MyModel]:
    """What is returned is change(logits, new state, old state)."""

    def way(model: Any, one_hot: Tensor, state: Tensor) -> Any:
        hidden, new_state = model.rnn(one_hot, state)
        return change(model.output(hidden), new_state, state)

    return _forward(way)


model = Exercise(
    name="model",
    statement=(
        "MyModel(vocab_size, hidden_size), a torch.nn.Module with self.rnn = torch.nn.RNN(vocab_size, hidden_size) and "
        "self.output = torch.nn.Linear(hidden_size, vocab_size).  forward(tokens (T, B), state (1, B, H)) -> logits "
        "(T, B, V) for every step, and the state after the last one (1, B, H); rnn reads one-hot tokens."
    ),
    cases=_tokens_and_state,
    results=["the logits (T, B, V)", "the state (1, B, H)"],
    observe=_computed,
    answer=answers.MyModel,
    mistakes={
        "forward must return two things, the logits and the new state; it returned one.": _after(lambda o, new, old: o),
        "the two are returned in the wrong order: first the logits, then the state.": _after(
            lambda o, new, old: (new, o)
        ),
        "the logits have the shape (B, V): only the last step was predicted from, not all T.": _after(
            lambda o, new, old: (o[-1], new)
        ),
        "the logits have the shape (T B, V); here time and batch stay apart: (T, B, V).": _after(
            lambda o, new, old: (o.flatten(0, 1), new)
        ),
        "the logits have the shape (B, T, V); here time comes first: (T, B, V).": _after(
            lambda o, new, old: (o.transpose(0, 1), new)
        ),
        "the logits of every step sum to 1: a softmax was applied, which cross_entropy will apply again.": _after(
            lambda o, new, old: (o.softmax(-1), new)
        ),
        "a softmax went along B, the middle axis; the logits are returned as they are, without one.": _after(
            lambda o, new, old: (o.softmax(1), new)
        ),
        "the logits are made of the last state alone, (1, B, V); they are made of the hidden states of all T steps.": (
            _after(lambda o, new, old: (o[-1:], new))
        ),
        "a log_softmax was applied, which cross_entropy applies itself: return the logits as they are.": _after(
            lambda o, new, old: (o.log_softmax(-1), new)
        ),
        "the numbers of the likeliest tokens were returned (argmax); the logits of all V are asked for.": _after(
            lambda o, new, old: (o.argmax(-1), new)
        ),
        "all hidden states were returned for the state, which is the second thing that the layer gives.": _forward(
            lambda model, one_hot, state: (
                model.output(model.rnn(one_hot, state)[0]),
                model.rnn(one_hot, state)[0],
            )
        ),
        "a tanh was applied to the logits; nothing comes after self.output.": _after(
            lambda o, new, old: (o.tanh(), new)
        ),
        "a ReLU was applied to the logits; nothing comes after self.output.": _after(
            lambda o, new, old: (o.relu(), new)
        ),
        "the state returned is the one that came in; return the one the layer gives back.": _after(
            lambda o, new, old: (o, old)
        ),
        "the state has lost its first axis; return it as the layer gives it, (1, B, H).": _after(
            lambda o, new, old: (o, new[0])
        ),
        "the state given to forward was not used: the layer started from zeros.": _forward(
            lambda model, one_hot, state: (model.output(model.rnn(one_hot)[0]), model.rnn(one_hot)[1])
        ),
        "the hidden states were returned for logits: self.output is not used.": _forward(
            lambda model, one_hot, state: model.rnn(one_hot, state)
        ),
        "a tanh or ReLU stands between the layer and self.output; the hidden states are behind a tanh already.": (
            _forward(
                lambda model, one_hot, state: (
                    model.output(model.rnn(one_hot, state)[0].tanh()),
                    model.rnn(one_hot, state)[1],
                )
            )
        ),
        "all tokens are read as the same: one_hot needs the vocabulary's size and the tokens themselves.": _forward(
            lambda model, one_hot, state: (
                model.output(model.rnn(torch.zeros_like(one_hot), state)[0]),
                model.rnn(torch.zeros_like(one_hot), state)[1],
            )
        ),
    },
    praise="the shapes are (T, B, V) and (1, B, H), and every number is that of the library's RNNModel.",
    hint=(
        "`F.one_hot(tokens, vocab_size).float()` has the shape (T, B, V), which `nn.RNN` takes as it is; it returns "
        "the hidden states of all steps, (T, B, H), and the last state. `nn.Linear` works on the last axis."
    ),
)
