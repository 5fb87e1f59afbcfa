"""A library of mistakes of notebook 04: the right answer passes, every mistake is named."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from rnnlib import checks, training
from rnnlib.checks import Verdict

Case = tuple[Callable, str]


def expect(verdict: Verdict, named: str) -> None:
    assert verdict.result == "wrong" and named in verdict.message, verdict


def total(gradients):
    return sum(float((g**2).sum()) for g in gradients)


def scale_all(gradients, factor):
    for g in gradients:
        g.mul_(min(1.0, factor))


def clip(gradients, threshold):
    scale_all(gradients, threshold / total(gradients) ** 0.5)


def clip_each(gradients, threshold):
    for g in gradients:
        g *= min(1.0, threshold / float(g.norm()))


def clip_always(gradients, threshold):
    for g in gradients:
        g.copy_(g * threshold / total([h.clone() for h in gradients]) ** 0.5) if len(gradients) == 1 else None
    if len(gradients) > 1:
        factor = threshold / total(gradients) ** 0.5
        for g in gradients:
            g *= factor


def clip_components(gradients, threshold):
    for g in gradients:
        g.clamp_(-threshold, threshold)


def lost(gradients, threshold):
    for g in gradients:
        g = g * 0.5


NORM: list[Case] = [
    (clip_each, "each tensor was clipped alone"),
    (clip_always, "short gradients were made longer"),
    (clip_components, "this is clipping by value"),
    (lambda g, c: scale_all(g, c / total(g)), "divided by the sum of squares"),
    (lambda g, c: scale_all(g, c / sum(float(one.norm()) for one in g)), "the norms of the tensors were added"),
    (lost, "the gradients are as they were"),
    (lambda g, c: scale_all(g, 0.1), "the first gradient is right but for a factor: each number is 0.7926 times"),
]


def test_the_right_clipping_by_norm_passes() -> None:
    assert checks.clip_by_norm(clip).result == "passed"
    assert checks.clip_by_norm(training.clip_by_norm).result == "passed"
    assert checks.clip_by_norm(lambda g, c: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), NORM)
def test_mistakes_in_clipping_by_norm_are_named(wrong: Callable, named: str) -> None:
    expect(checks.clip_by_norm(wrong), named)


def each(change):
    def function(gradients, threshold):
        for g in gradients:
            g.copy_(change(g, threshold))

    return function


VALUE: list[Case] = [
    (each(lambda g, c: torch.minimum(g, torch.tensor(c))), "only large positive components"),
    (each(lambda g, c: torch.maximum(g, torch.tensor(-c))), "only large negative components"),
    (each(lambda g, c: torch.minimum(g.abs(), torch.tensor(c))), "the signs are lost"),
    (each(lambda g, c: torch.where(g.abs() > c, 0.0, g)), "were set to zero"),
    (clip, "this is clipping by norm"),
    (lost, "the gradients are as they were"),
    (each(lambda g, c: -g), "of the first gradient"),
]


def test_the_right_clipping_by_value_passes() -> None:
    assert checks.clip_by_value(clip_components).result == "passed"
    assert checks.clip_by_value(training.clip_by_value).result == "passed"
    assert checks.clip_by_value(lambda g, c: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), VALUE)
def test_mistakes_in_clipping_by_value_are_named(wrong: Callable, named: str) -> None:
    expect(checks.clip_by_value(wrong), named)


# -------------------------------------------------------------------------------------------- gates


def lstm(x_in, state, W_hh, *, order="ifgo", old=1.0, show=torch.tanh, candidate=torch.tanh):
    h, c = state
    a = dict(zip(order, (x_in[k] + h @ W_hh[k] for k in range(4)), strict=True))
    c = old * a["f"].sigmoid() * c + a["i"].sigmoid() * candidate(a["g"])
    return a["o"].sigmoid() * show(c), c


def lstm_without_sigmoids(a, c):
    i, f, g, o = a
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


LSTM: list[Case] = [
    (lambda *a: lstm(*a, order="figo"), "input and forget gate are swapped"),
    (lambda *a: lstm(*a, order="ifog"), "candidate and output gate are swapped"),
    (lambda *a: lstm(*a, candidate=torch.sigmoid), "the candidate has a sigmoid"),
    (lambda *a: lstm(*a, show=lambda c: c), "h is o times c"),
    (lambda *a: lstm(*a, old=0.0), "the old c is not used"),
    (lambda x, s, W: lstm_without_sigmoids(x + s[0] @ W, s[1]), "the gates i, f and o have no sigmoid"),
    (lambda *a: (lstm(*a)[1], lstm(*a)[0]), "returned in the wrong order"),
    (lambda x, s, W: lstm(x, s, W.transpose(1, 2)), "W_hh is transposed"),
    (lambda *a: lstm(*a)[0], "only h was returned"),
    (lambda *a: (a[1][0], a[1][1]), "wrong values: h[0, 0]"),
]


def test_the_right_lstm_step_passes() -> None:
    assert checks.lstm_step(lstm).result == "passed"
    assert checks.lstm_step(lambda *a: (..., ...)).result == "open"


@pytest.mark.parametrize(("wrong", "named"), LSTM)
def test_mistakes_in_an_lstm_step_are_named(wrong: Callable, named: str) -> None:
    expect(checks.lstm_step(wrong), named)


def gru(x_in, h, W_hh, *, order="rzn", reset=True, keep="h", before=False):
    a, u = dict(zip(order, x_in, strict=True)), dict(zip(order, W_hh, strict=True))
    r, z = torch.sigmoid(a["r"] + h @ u["r"]), torch.sigmoid(a["z"] + h @ u["z"])
    recurrent = (r * h) @ u["n"] if before else (r if reset else 1) * (h @ u["n"])
    n = torch.tanh(a["n"] + recurrent)
    return z * h + (1 - z) * n if keep == "h" else z * n + (1 - z) * h if keep == "n" else n


GRU: list[Case] = [
    (lambda *a: gru(*a, order="zrn"), "reset and update gate are swapped"),
    (lambda *a: gru(*a, keep="n"), "z keeps the candidate here"),
    (lambda *a: gru(*a, reset=False), "the reset gate is not used"),
    (lambda *a: gru(*a, before=True), "acts before the product"),
    (lambda x, h, W: gru(x, h, W.transpose(1, 2)), "W_hh is transposed"),
    (lambda *a: gru(*a, keep="neither"), "this is the candidate n"),
    (lambda x, h, W: h + 1, "wrong values: h[0, 0]"),
]


def test_the_right_gru_step_passes() -> None:
    assert checks.gru_step(gru).result == "passed"
    assert checks.gru_step(lambda *a: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), GRU)
def test_mistakes_in_a_gru_step_are_named(wrong: Callable, named: str) -> None:
    expect(checks.gru_step(wrong), named)


# --------------------------------------------------------------------------------- loops to repair


def descend(parameters, gradients_of, learning_rate, threshold, *, as_list=True, clipped=True, times=1.0):
    if as_list:
        parameters = list(parameters)
    norm = sum(float(gradients_of(k).square().sum()) for k, _ in enumerate(parameters)) ** 0.5
    for k, p in enumerate(parameters):
        p -= times * learning_rate * gradients_of(k) * (min(1.0, threshold / norm) if clipped else 1.0)


def test_going_through_a_generator_once_passes() -> None:
    assert checks.clipped_once(descend).result == "passed"
    assert checks.clipped_once(lambda *a: ...).result == "open"


def test_clipping_in_place_passes() -> None:
    def clipped_in_place(parameters, gradients_of, learning_rate, threshold):
        parameters = list(parameters)
        gradients = [gradients_of(k) for k, _ in enumerate(parameters)]
        training.clip_by_norm(gradients, threshold)
        for p, gradient in zip(parameters, gradients, strict=True):
            p -= learning_rate * gradient

    assert checks.clipped_once(clipped_in_place).result == "passed"


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"as_list": False}, "has consumed the generator"),
        ({"clipped": False}, "nothing was clipped"),
        ({"times": 2.0}, "the learning rate is missing"),
        ({"times": 3.0}, "wrong values: entry [0] of the first parameter is 0.4600; expected 0.8200"),
    ],
)
def test_mistakes_with_a_generator_are_named(how: dict, named: str) -> None:
    expect(checks.clipped_once(lambda *a: descend(*a, **how)), named)
    expect(checks.clipped_once(lambda parameters, *rest: len(parameters)), "which has no length: make a list")


RESHAPED: list[Case] = [
    (lambda o, y: F.cross_entropy(o.reshape(-1, o.shape[-1]), y.reshape(-1)), "batch and time are mixed"),
    (lambda o, y: F.cross_entropy(o[-1], y[:, -1]), "only the last step counts"),
    (lambda o, y: F.cross_entropy(o.permute(1, 2, 0), y, reduction="sum"), "the losses were added up"),
    (lambda o, y: torch.zeros(()), "the loss is cut off from the logits"),
    (lambda o, y: 0 * o.sum(), "the loss is 0.000; expected 1"),
]


def test_the_right_reshape_passes() -> None:
    assert checks.time_stays_time(lambda o, y: F.cross_entropy(o.permute(1, 2, 0), y)).result == "passed"
    assert checks.time_stays_time(lambda o, y: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), RESHAPED)
def test_mistakes_in_reshaping_are_named(wrong: Callable, named: str) -> None:
    expect(checks.time_stays_time(wrong), named)
