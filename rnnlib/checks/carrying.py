"""The missing detach: does a training loop carry values from batch to batch, and no graph?

Before: truncation.py.
"""

from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import torch
from torch import Tensor, nn

from rnnlib.cells import State
from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function
from rnnlib.checks.running import Wrong
from rnnlib.models import RNNModel

NUM_BATCHES, BATCH_SIZE = 4, 3
RETURN_TWO = "return two things: the list of losses, one for each batch, and the last state."


class Probe(RNNModel):
    """A model that remembers the states it was given and gave, and the gradients that reached its W_hh."""

    def __init__(self, layer: type[nn.GRU] | type[nn.LSTM]):
        with torch.random.fork_rng(devices=[]):  # the reader's random numbers stay theirs
            torch.manual_seed(0)
            super().__init__(layer(5, 4), 5)
        self.given: list[State] = []
        self.gave: list[State] = []
        self.gradients: list[Tensor] = []
        dict(self.rnn.named_parameters())["weight_hh_l0"].register_hook(
            lambda gradient: self.gradients.append(gradient.clone())
        )

    def forward(self, tokens: Tensor, state: Any) -> Any:
        state = (state,) if isinstance(state, Tensor) else tuple(state)  # a tensor or a list says the same
        if len(state) < len(self.initial_state(1)):
            raise Wrong("an LSTM's state has two parts, (h, c), and the model was given one: keep both, in a tuple.")
        self.given.append(state)
        logits, state = super().forward(tokens, state)
        self.gave.append(state)
        return logits, state


def _carried(train: Function, layer: type[nn.GRU] | type[nn.LSTM]) -> Any:
    """The losses (N,), the gradient that each gave W_hh, and the parts of the last state."""
    probe = Probe(layer)
    weights = [parameter.detach().clone() for parameter in probe.parameters()]
    tokens = torch.randint(5, (NUM_BATCHES, 2, 6, BATCH_SIZE), generator=torch.Generator().manual_seed(1))
    try:
        returned = train(probe, [(pair[0], pair[1]) for pair in tokens], probe.initial_state(BATCH_SIZE))
    except RuntimeError as error:
        if "backward through the graph a second time" in str(error):
            raise Wrong(_second_time(probe)) from None
        raise
    except ValueError as error:
        if "to unpack" in str(error):
            raise Wrong("a GRU's state has one part, an LSTM's two: go through the parts, however many.") from None
        raise
    except AttributeError as error:
        if "'tuple' object has no attribute" in str(error):
            raise Wrong("a state is a tuple, (h,) or for an LSTM (h, c): detach each of its parts.") from None
        raise
    if returned is None or returned is ...:
        return returned
    losses, state = _two(returned)
    _look_at(probe, losses)
    if any(not torch.equal(old, new) for old, new in zip(weights, probe.parameters(), strict=True)):
        raise Wrong("the weights have changed; here the loop only backpropagates each loss.")
    if len(state) != len(probe.gave[-1]):
        raise Wrong(f"the state returned has {len(state)} parts; that of {layer.__name__} has {len(probe.gave[-1])}.")
    return (
        torch.stack([torch.as_tensor(loss).detach().float() for loss in losses]),
        torch.stack(probe.gradients),
        *state,
    )


def _two(returned: Any) -> tuple[list[Any], State]:
    if not (isinstance(returned, tuple | list) and len(returned) == 2):
        raise Wrong(RETURN_TWO)
    losses, state = returned
    if isinstance(state, GeneratorType):
        raise Wrong("the state is a generator, which can be gone through only once: put `tuple(...)` around it.")
    if isinstance(losses, Tensor) and losses.dim() == 1:
        losses = list(losses)
    if not isinstance(losses, list | tuple) or not isinstance(state, Tensor | tuple | list):
        raise Wrong(RETURN_TWO)
    return list(losses), (state,) if isinstance(state, Tensor) else tuple(state)


def _look_at(probe: Probe, losses: list[Any]) -> None:
    """Raises Wrong for what the probe has seen in a loop that came to its end."""
    if len(probe.given) != NUM_BATCHES or len(losses) != NUM_BATCHES:
        if len(probe.given) == len(losses) == 1:
            raise Wrong(f"it ends after the first of {NUM_BATCHES} batches: does `return` stand inside the loop?")
        runs = "once" if len(probe.given) == 1 else f"{len(probe.given)} times"
        kept = "1 loss was" if len(losses) == 1 else f"{len(losses)} losses were"
        raise Wrong(f"for {NUM_BATCHES} batches the model was run {runs}, and {kept} returned.")
    if not probe.gradients:
        raise Wrong(
            "no gradient reached W_hh: `loss.backward()` is missing, or more was detached on the way to the loss than "
            "the state between two batches."
        )
    if len(probe.gradients) != NUM_BATCHES:
        reached = "1 gradient" if len(probe.gradients) == 1 else f"{len(probe.gradients)} gradients"
        raise Wrong(f"{reached} reached W_hh; each of the {NUM_BATCHES} losses gives one: `backward` for each of them.")
    for number, (given, gave) in enumerate(zip(probe.given[1:], probe.gave, strict=False), start=1):
        attached = [name for name, part in zip("hc", given, strict=False) if part.grad_fn is not None]
        if attached:
            raise Wrong(
                f"the {' and '.join(attached)} that batch {number} (counted from 0) began with still "
                f"{'belongs' if len(attached) == 1 else 'belong'} to the graph of the batch before, so that the graph "
                "grows with every batch; `retain_graph=True` does not change that. Detach every part of the state."
            )
        if all(not part.any() for part in given):
            raise Wrong(
                "each batch begins with a state of zeros: what was read before is forgotten. Carry on the state "
                "that the model returns."
            )
        if len(given) == len(gave) > 1 and not torch.equal(given[0], gave[0]) and torch.equal(given[0], gave[1]):
            raise Wrong("h and c have changed places between two batches.")
        if len(given) != len(gave) or not all(torch.equal(a, b) for a, b in zip(given, gave, strict=True)):
            raise Wrong(f"batch {number} (counted from 0) was given another state than the batch before it left.")
    if any(isinstance(loss, Tensor) and loss.requires_grad for loss in losses):
        raise Wrong("the losses kept still belong to their graphs, which stay in memory: keep loss.item().")


def _second_time(probe: Probe) -> str:
    attached = [name for name, part in zip("hc", probe.given[-1], strict=False) if part.grad_fn is not None]
    if len(probe.given[-1]) > 1 and len(attached) == 1:
        other = "c" if attached == ["h"] else "h"
        return f"{other} was detached and {attached[0]} was not: an LSTM's state has two parts; detach both."
    if not attached:
        return "`backward` went through one batch's graph twice: call it once for each loss."
    return (
        "the second batch's backward pass runs into the first batch's graph, which is gone: "
        "the state still belongs to it. Detach the state between two batches; `detach` gives a new tensor: assign it."
    )


# ----------------------------------------------------------------------------------- the exercise


def _loop(model: Any, batches: Iterable[Any], state: Any, *, scale: float = 1.0, total: bool = False) -> Any:
    """The answer, with the switches by which the known mistakes differ.  total: all losses so far, backpropagated."""
    losses, before = [], torch.zeros(())
    for tokens, targets in batches:
        logits, state = model(tokens, state)
        loss = scale * nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        before = before.detach() + loss
        (before if total else loss).backward()
        losses.append((before if total else loss).item())
        state = tuple(part.detach() for part in state)
    return losses, state


def _layers() -> list[Case]:
    return [("a GRU", (nn.GRU,)), ("an LSTM", (nn.LSTM,))]


missing_detach = Exercise(
    name="missing_detach",
    statement=(
        "train(model, batches, state) -> the mean cross-entropy of each batch in a list, and the last state.  Each "
        "loss is backpropagated, with `retain_graph` or without; each batch begins with the values of the state that "
        "the one before left, and with no graph.  Weights stay as they are.  For a GRU a state is (h,), for an LSTM "
        "(h, c)."
    ),
    cases=_layers,
    results=["the losses (N)", "the gradients of W_hh (N)", "h of the last state", "c of the last state"],
    observe=_carried,
    answer=answers.missing_detach,
    mistakes={
        "the losses are sums; the mean over all T B targets is meant.": lambda *a: _loop(*a, scale=6.0 * BATCH_SIZE),
        "the losses have been divided once more; cross_entropy gives their mean already.": lambda *a: _loop(
            *a, scale=1 / BATCH_SIZE
        ),
        "the losses have been divided by the number of batches; each stands for itself.": lambda *a: _loop(
            *a, scale=1 / NUM_BATCHES
        ),
        "each loss has all those before it added; each stands for itself.": lambda *a: _loop(*a, total=True),
        "the state returned is the one that came in; return the last one.": lambda model, batches, state: (
            _loop(model, batches, state)[0],
            state,
        ),
    },
    praise="values are carried from batch to batch, gradients are not; for GRU and LSTM alike.",
    hint="Before (or after) each batch: `state = tuple(part.detach() for part in state)`.",
    to_do="repair `train`, then set `repaired = True`; this cell then checks it.",
)
