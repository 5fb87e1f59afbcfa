"""Exercises of notebook 04: two loops to repair.

Before: gates.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function
from rnnlib.checks.gradient_problems import norm_of
from rnnlib.checks.running import Wrong

# ------------------------------------------------------------------------------- a generator, once


class generator(Iterator[Tensor]):  # noqa: N801  its name is in what Python says of it
    """Can be gone through once, as a generator.  ends: how often somebody came to its end."""

    def __init__(self, weights: list[Tensor]):
        self._weights, self.ends = iter(weights), 0

    def __next__(self) -> Tensor:
        weight = next(self._weights, None)
        if weight is None:
            self.ends += 1
            raise StopIteration
        return weight


def _moved(
    train: Function, weights: list[Tensor], gradients: list[Tensor], learning_rate: float, threshold: float
) -> Any:
    """The weights after a step."""
    before, once = [weight.clone() for weight in weights], generator(weights)
    try:
        train(once, lambda number: gradients[number].clone(), learning_rate, threshold)
    except TypeError as error:
        if "len()" in str(error):
            raise Wrong("`parameters` is a generator, which has no length: make a list of it first.") from None
        raise
    except ZeroDivisionError:
        raise Wrong(
            "the norm is 0: the generator was empty when the gradients were added up. Make a list first."
        ) from None
    if all(torch.equal(a, b) for a, b in zip(before, weights, strict=True)):
        if once.ends > 1:
            raise Wrong(
                "no weight has changed: the norm has consumed the generator, and the second loop found it empty. "
                "Make a list of it first."
            )
        raise Wrong(
            "no weight has changed: `parameter = parameter - ...` makes a new tensor, which is lost, also where it is "
            "returned; `parameter -= ...` changes it in place."
        )
    return tuple(weights)


def _weights_and_gradients() -> list[Case]:
    weights = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0, -4.0]])]
    long, short = [torch.tensor([1.8, 2.4]), torch.tensor([[0.0, 4.0]])], [torch.tensor([0.2, 0.1]), torch.zeros(1, 2)]
    return [
        ("a gradient of norm 5", (weights, long, 0.5, 1.0)),
        ("a gradient below the threshold", (weights, short, 0.5, 1.0)),
        ("a gradient of norm 5 at threshold 2", (weights, long, 0.1, 2.0)),
    ]


def _by_value(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    for number, weight in enumerate(parameters):
        weight -= learning_rate * gradients_of(number).clamp(-threshold, threshold)


def _stepping(
    scale: Callable[[float, float], float], sign: float = -1.0, rate: Callable[[float], float] = lambda rate: rate
) -> Function:
    """In place, each weight moves by sign * rate * scale(norm, threshold) * its gradient."""

    def wrong(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
        weights = list(parameters)
        gradients = [gradients_of(number) for number in range(len(weights))]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight += sign * rate(learning_rate) * scale(norm_of(gradients), threshold) * gradient

    return wrong


def _each_alone(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    for number, weight in enumerate(parameters):
        gradient = gradients_of(number)
        weight -= learning_rate * min(1.0, threshold / max(float(gradient.norm()), 1e-9)) * gradient


def _sum_of_norms(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    weights = list(parameters)
    gradients = [gradients_of(number) for number in range(len(weights))]
    scale = min(1.0, threshold / sum(float(gradient.norm()) for gradient in gradients))
    for weight, gradient in zip(weights, gradients, strict=True):
        weight -= learning_rate * scale * gradient


def _norm_so_far(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    gradients: list[Tensor] = []
    for number, weight in enumerate(parameters):
        gradients.append(gradients_of(number))
        weight -= learning_rate * min(1.0, threshold / norm_of(gradients)) * gradients[-1]


def _by_norm_of_weights(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    weights = list(parameters)
    scale = min(1.0, threshold / norm_of(weights))
    for number, weight in enumerate(weights):
        weight -= learning_rate * scale * gradients_of(number)


def _first_alone(parameters: Any, gradients_of: Function, learning_rate: float, threshold: float) -> None:
    weights = list(parameters)
    norm = norm_of([gradients_of(number) for number in range(len(weights))])
    weights[0] -= learning_rate * min(1.0, threshold / norm) * gradients_of(0)


clipped_once = Exercise(
    name="clipped_once",
    statement=(
        "train(parameters, gradients_of, learning_rate, threshold), with parameters a generator of tensors: each "
        "parameter p, number n, becomes in place p - learning_rate * s * gradients_of(n), with s = min(1, threshold / "
        "the norm of all gradients together)."
    ),
    cases=_weights_and_gradients,
    results=["the first parameter", "the second"],
    observe=_moved,
    in_place=True,
    answer=answers.clipped_once,
    mistakes={
        "the weights moved, but nothing was clipped: the norm of these gradients is 5, the threshold 1.": _stepping(
            lambda norm, c: 1.0
        ),
        "short gradients were made longer: scale by at most 1.": _stepping(lambda norm, c: c / norm),
        "divided by 5 whatever the norm is: it has to be computed.": _stepping(lambda norm, c: 1 / 5),
        "the root is missing: divided by the sum of squares, not by the norm.": _stepping(
            lambda norm, c: min(1.0, c / norm**2)
        ),
        "the comparison is the wrong way round: short gradients were made longer, and long ones left.": _stepping(
            lambda norm, c: max(1.0, c / norm)
        ),
        "the sign is wrong: this step goes up, not down.": _stepping(lambda norm, c: min(1.0, c / norm), sign=1.0),
        "the learning rate is missing.": _stepping(lambda norm, c: min(1.0, c / norm), rate=lambda rate: 1.0),
        "the threshold is missing above the line: the gradients have the length 1 now.": _stepping(
            lambda norm, c: 1 / norm if norm > c else 1.0
        ),
        "this clips by value; here all gradients are shortened by one factor.": _by_value,
        "the norms of the gradients were added up; the norm of all is the root of all squares.": _sum_of_norms,
        "each gradient was clipped alone; one norm, of all together.": _each_alone,
        "the norm is that of the parameters; it is the gradients that are clipped, by theirs.": _by_norm_of_weights,
        "the norm of the gradients so far decides; first the norm of all, then the steps.": _norm_so_far,
        "only the first parameter has moved.": _first_alone,
    },
    praise="a generator can be gone through once; a list as often as you like.",
    hint="`parameters = list(parameters)` as the first line.",
    to_do="repair `train_clipped`, then set `repaired = True`; this cell then checks it.",
)


# ----------------------------------------------------------------------------------- a reshape too many


def _loss_and_gradient(function: Function, logits: Tensor, targets: Tensor) -> Any:
    """The loss, and its gradient by the logits."""
    loss = function(logits.requires_grad_(), targets)
    if isinstance(loss, float | int):
        raise Wrong("it returned a number, and a number has no gradient; return the tensor, without `.item()`.")
    if isinstance(loss, Tensor) and loss.shape != ():
        raise Wrong(f"it returned a tensor of the shape {tuple(loss.shape)}; expected the mean of all losses, ().")
    if isinstance(loss, tuple | list):
        raise Wrong(f"it returned {len(loss)} things; expected one, the loss, a tensor ().")
    if not isinstance(loss, Tensor):
        return loss
    if not loss.requires_grad:
        raise Wrong(
            "the loss is cut off from the logits (`argmax`, `detach`, `no_grad`, `.item()`): nothing could be learned."
        )
    return loss, *torch.autograd.grad(loss, logits)


def _logits_and_turned_targets() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    return [
        (f"T = {T}, B = {B}, V = {V}",
         (torch.randn(T, B, V, generator=generator), torch.randint(V, (B, T), generator=generator)))
        for T, B, V in ((5, 3, 4), (1, 2, 3), (4, 1, 2), (3, 3, 3))
    ]  # fmt: skip


def _loss(logits: Tensor, targets: Tensor, **options: Any) -> Tensor:
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), **options)


time_stays_time = Exercise(
    name="time_stays_time",
    statement=(
        "function(logits (T, B, V), targets (B, T)) -> the mean cross-entropy of logits[t, b] against targets[b, t], "
        "a tensor () that can be backpropagated."
    ),
    cases=_logits_and_turned_targets,
    results=["the loss", "its gradient (T, B, V)"],
    observe=_loss_and_gradient,
    in_place=True,
    answer=answers.time_stays_time,
    mistakes={
        "batch and time are mixed: reshape keeps the order in memory, it does not swap axes. Transpose the targets.": (
            lambda o, y: _loss(o, y)
        ),
        "the logits were reshaped to (B, T, V), which does not swap their axes: transpose them.": lambda o, y: _loss(
            o.reshape(*y.shape, -1).transpose(0, 1), y
        ),
        "both were transposed, so that they differ again: one is enough.": lambda o, y: _loss(o.transpose(0, 1), y.T),
        "only the last step counts.": lambda o, y: _loss(o[-1], y[:, -1]),
        "only the first row of the batch counts.": lambda o, y: _loss(o[:, :1], y.T[:, :1]),
        "only the first step counts.": lambda o, y: _loss(o[0], y[:, 0]),
        "the losses were added up; expected their mean.": lambda o, y: _loss(o, y.T, reduction="sum"),
        "the losses were added over time; expected their mean.": lambda o, y: len(o) * _loss(o, y.T),
        "the losses were added over the batch; expected their mean.": lambda o, y: len(y) * _loss(o, y.T),
        "a softmax was applied before cross_entropy, which applies its own.": lambda o, y: _loss(o.softmax(-1), y.T),
        "the sign is wrong: a loss is to fall.": lambda o, y: -_loss(o, y.T),
        "this is the perplexity; the loss is its logarithm.": lambda o, y: _loss(o, y.T).exp(),
        "nll_loss was given logits; it takes log_softmax of them, which cross_entropy applies itself.": lambda o, y: (
            F.nll_loss(o.flatten(0, 1), y.T.flatten())
        ),
        "the loss was given its tensors where it is made: `CrossEntropyLoss()(logits, targets)`.": lambda o, y: (
            nn.CrossEntropyLoss(o, y)
        ),
        "the time axis of one of them was turned round.": lambda o, y: _loss(o.flip(0), y.T),
    },
    praise="logits[t, b] is compared with targets[b, t].",
    hint="`targets.T` is (T, B), as the first two axes of the logits are.",
)
