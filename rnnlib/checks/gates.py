"""Exercises of notebook 04: one step of an LSTM and of a GRU.

Before: gradient_problems.py.  Next: repairs.py.
"""

from typing import Any

import torch
from torch import Tensor, sigmoid, tanh

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise, Function


def _drawn(blocks: int, *, cell: bool) -> list[Case]:
    """x_in (blocks, B, H), the state (h, c) or h, W_hh (blocks, H, H)."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return [
        (f"B = {B}, H = {H}",
         (draw(blocks, B, H), (draw(B, H), draw(B, H)) if cell else draw(B, H), draw(blocks, H, H)))
        for B, H in ((3, 4), (1, 2), (2, 1))
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------ LSTM


def _lstm(
    x_in: Tensor,
    state: tuple[Tensor, Tensor],
    W_hh: Tensor,
    *,
    order: str = "ifgo",
    gate: Function = sigmoid,
    candidate: Function = tanh,
    show: Function = tanh,
    add: Function = lambda c, i, f, g: f * c + i * g,
    shown: Function = lambda old, new: new,
    forget_bias: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The step, with the switches by which the known mistakes differ."""
    h, c = state
    a = dict(zip(order, x_in + h @ W_hh, strict=True))
    i, f, g, o = gate(a["i"]), gate(a["f"] + forget_bias), candidate(a["g"]), gate(a["o"])
    new = add(c, i, f, g)
    return o * show(shown(c, new)), new


def _lstm_with(**switches: Any) -> Function:
    return lambda *arguments: _lstm(*arguments, **switches)


def _shown_as_it_is(c: Tensor) -> Tensor:
    return c


lstm_step = Exercise(
    name="lstm_step",
    statement=(
        "function(x_in (4, B, H), (h, c), W_hh (4, H, H)) -> the pair (h, c) after a step, (B, H) each.  The blocks "
        "are i, f, g, o: c = sigmoid(f) * c + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c), each before its function "
        "x_in + h W_hh of its block."
    ),
    cases=lambda: _drawn(4, cell=True),
    results=["h (B, H)", "c (B, H)"],
    answer=answers.lstm_step,
    mistakes={
        "input and forget gate are swapped: the order is i, f, g, o, and f keeps the old c.": _lstm_with(order="figo"),
        "candidate and output gate are swapped: the order is i, f, g, o.": _lstm_with(order="ifog"),
        "forget gate and candidate are swapped: the order is i, f, g, o.": _lstm_with(order="igfo"),
        "input and output gate are swapped: the order is i, f, g, o.": _lstm_with(order="ofgi"),
        "the blocks were taken in the order f, i, o, g; here it is i, f, g, o.": _lstm_with(order="fiog"),
        "the candidate has a sigmoid; it is a tanh.": _lstm_with(candidate=sigmoid),
        "the gates have a tanh; a gate is a sigmoid, between 0 and 1.": _lstm_with(gate=tanh),
        "the gates i, f and o have no sigmoid: a gate is a number between 0 and 1.": _lstm_with(gate=_shown_as_it_is),
        "the candidate has a sigmoid and then a tanh; it is a tanh alone.": _lstm_with(
            candidate=lambda a: sigmoid(a).tanh()
        ),
        "the candidate has no tanh.": _lstm_with(candidate=_shown_as_it_is),
        "a bracket: h is sigmoid(o) * tanh(c), not the sigmoid of the product.": lambda x, s, W: (
            sigmoid((x[3] + s[0] @ W[3]) * tanh(_lstm(x, s, W)[1])),
            _lstm(x, s, W)[1],
        ),
        "all was multiplied; what is kept and what is new are added: c = f * c + i * g.": _lstm_with(
            add=lambda c, i, f, g: f * c * i * g
        ),
        "the sums are used as they are: sigmoid for i, f, o, tanh for g.": _lstm_with(
            gate=_shown_as_it_is, candidate=_shown_as_it_is
        ),
        "h is o times c; it is o times tanh(c).": _lstm_with(show=_shown_as_it_is),
        "h is o times sigmoid(c); it is o times tanh(c).": _lstm_with(show=sigmoid),
        "h is made of the old c; it is made of the new one.": _lstm_with(shown=lambda old, new: old),
        "the old c is not used: c = f * c + i * g.": _lstm_with(add=lambda c, i, f, g: i * g),
        "the input gate is not used: c = f * c + i * g.": _lstm_with(add=lambda c, i, f, g: f * c + g),
        "the forget gate is not used: c = f * c + i * g.": _lstm_with(add=lambda c, i, f, g: c + i * g),
        "the forget gate is 1 - i here; in this cell it is a gate of its own.": _lstm_with(
            add=lambda c, i, f, g: (1 - i) * c + i * g
        ),
        "the candidate was subtracted; it is added.": _lstm_with(add=lambda c, i, f, g: f * c - i * g),
        "1 was added to the forget gate; here all biases are in x_in.": _lstm_with(forget_bias=1.0),
        "h and c are returned in the wrong order.": lambda *a: _lstm(*a)[::-1],
        "h and c were unpacked in the wrong order: the state is (h, c).": lambda x, s, W: _lstm(x, s[::-1], W),
        "the gates were made of c; they are made of h.": lambda x, s, W: _lstm(x, (s[1], s[1]), W),
        "h is not used: each gate is x_in + h @ W_hh.": lambda x, s, W: _lstm(x, (0 * s[0], s[1]), W),
        "x_in is not used: each gate is x_in + h @ W_hh.": lambda x, s, W: _lstm(0 * x, s, W),
        "W_hh is transposed.": lambda x, s, W: _lstm(x, s, W.mT),
        "W_hh stands before h; states are rows, which stand before: `h @ W_hh`.": lambda x, s, W: W @ s[0],
        "a matrix product of two (B, H): gates multiply entry by entry, `*`.": lambda x, s, W: s[0] @ s[1],
        "only h was returned; the state is the pair (h, c).": lambda *a: _lstm(*a)[0],
        "the state returned has the old c in it.": lambda x, s, W: (_lstm(x, s, W)[0], s[1]),
        "the state returned has the old h in it.": lambda x, s, W: (s[0], _lstm(x, s, W)[1]),
    },
    praise="forget a little, add a little, show a part of it.",
    hint="`a_i, a_f, a_g, a_o = x_in + h @ W_hh`; sigmoid for i, f, o, tanh for g; then the two formulas.",
)


# ------------------------------------------------------------------------------------------- GRU


def _gru(
    x_in: Tensor,
    h: Tensor,
    W_hh: Tensor,
    *,
    order: str = "rzn",
    reset: Function = lambda r, h, W_hn: r * (h @ W_hn),
    mix: Function = lambda z, n, h: (1 - z) * n + z * h,
    gate: Function = sigmoid,
    candidate: Function = tanh,
) -> Tensor:
    """The step, with the switches by which the known mistakes differ."""
    x, W = dict(zip(order, x_in, strict=True)), dict(zip(order, W_hh, strict=True))
    r, z = gate(x["r"] + h @ W["r"]), gate(x["z"] + h @ W["z"])
    mixed: Tensor = mix(z, candidate(x["n"] + reset(r, h, W["n"])), h)
    return mixed


def _gru_with(**switches: Any) -> Function:
    return lambda *arguments: _gru(*arguments, **switches)


def _reset_on_all(x_in: Tensor, h: Tensor, W_hh: Tensor) -> Tensor:
    r, z = sigmoid(x_in[0] + h @ W_hh[0]), sigmoid(x_in[1] + h @ W_hh[1])
    return (1 - z) * tanh(r * (x_in[2] + h @ W_hh[2])) + z * h


def _reset_on_input(x_in: Tensor, h: Tensor, W_hh: Tensor) -> Tensor:
    r, z = sigmoid(x_in[0] + h @ W_hh[0]), sigmoid(x_in[1] + h @ W_hh[1])
    return (1 - z) * tanh(r * x_in[2] + h @ W_hh[2]) + z * h


def _outside_the_tanh(x_in: Tensor, h: Tensor, W_hh: Tensor) -> Tensor:
    r, z = sigmoid(x_in[0] + h @ W_hh[0]), sigmoid(x_in[1] + h @ W_hh[1])
    return (1 - z) * (tanh(x_in[2]) + r * (h @ W_hh[2])) + z * h


gru_step = Exercise(
    name="gru_step",
    statement=(
        "function(x_in (3, B, H), h (B, H), W_hh (3, H, H)) -> the next h (B, H).  The blocks are r, z, n: "
        "r, z = sigmoid(x_in + h W_hh), n = tanh(x_in + r * (h W_hh)), h = (1 - z) * n + z * h."
    ),
    cases=lambda: _drawn(3, cell=False),
    results=["h (B, H)"],
    answer=answers.gru_step,
    mistakes={
        "reset and update gate are swapped: the order is r, z, n.": _gru_with(order="zrn"),
        "update gate and candidate are swapped: the order is r, z, n.": _gru_with(order="rnz"),
        "reset gate and candidate are swapped: the order is r, z, n.": _gru_with(order="nzr"),
        "z keeps the candidate here; it must keep the old state: (1 - z) * n + z * h.": _gru_with(
            mix=lambda z, n, h: z * n + (1 - z) * h
        ),
        "the reset gate is not used.": _gru_with(reset=lambda r, h, W: h @ W),
        "the candidate does not see the state at all: r * (h @ W_hn) belongs into it.": _gru_with(
            reset=lambda r, h, W: 0 * h
        ),
        "the reset gate acts before the product with W_hn; in this course, as in PyTorch, it acts after.": _gru_with(
            reset=lambda r, h, W: (r * h) @ W
        ),
        "the reset gate lets through what it should stop: r, not 1 - r.": _gru_with(
            reset=lambda r, h, W: (1 - r) * (h @ W)
        ),
        "the reset gate multiplies the input as well; it multiplies h @ W_hn alone.": _reset_on_all,
        "the reset gate multiplies the input; it multiplies h @ W_hn.": _reset_on_input,
        "W_hn is transposed.": lambda x, h, W: _gru(x, h, torch.stack([W[0], W[1], W[2].T])),
        "the reset gate was added; it multiplies.": _gru_with(reset=lambda r, h, W: r + h @ W),
        "the candidate has a sigmoid; it is a tanh.": _gru_with(candidate=sigmoid),
        "the gates have a tanh; a gate is a sigmoid, between 0 and 1.": _gru_with(gate=tanh),
        "the gates r and z have no sigmoid: a gate is a number between 0 and 1.": _gru_with(gate=_shown_as_it_is),
        "W_hn is missing: the reset gate multiplies h @ W_hn.": _gru_with(reset=lambda r, h, W: r * h),
        "the part of the state stands outside the tanh: n = tanh(x_in + r * (h @ W_hn)).": _outside_the_tanh,
        "this is the candidate n; it still has to be mixed with the old state.": _gru_with(mix=lambda z, n, h: n),
        "the old state is added whole; only the share z of it stays.": _gru_with(mix=lambda z, n, h: (1 - z) * n + h),
        "the old state is gone: (1 - z) * n + z * h.": _gru_with(mix=lambda z, n, h: (1 - z) * n),
        "the candidate is added whole; only the share 1 - z of it comes in.": _gru_with(mix=lambda z, n, h: n + z * h),
        "the candidate was subtracted; it is added.": _gru_with(mix=lambda z, n, h: z * h - (1 - z) * n),
        "a bracket is missing around 1 - z: (1 - z) * n + z * h.": _gru_with(mix=lambda z, n, h: 1 - z * n + z * h),
        "W_hh stands before h; states are rows, which stand before: `h @ W_hh`.": lambda x, h, W: W @ h,
        "a matrix product of two (B, H): gates multiply entry by entry, `*`.": lambda x, h, W: h @ h,
        "h is not used in the gates: each is x_in + h @ W_hh.": lambda x, h, W: _gru(
            x, h, torch.stack([0 * W[0], 0 * W[1], W[2]])
        ),
        "x_in is not used: each gate is x_in + h @ W_hh.": lambda x, h, W: _gru(0 * x, h, W),
        "W_hh is transposed.": lambda x, h, W: _gru(x, h, W.mT),
    },
    praise="a mixture of the old state and a candidate, unit by unit.",
    hint="`x_r, x_z, x_n = x_in` and `h_r, h_z, h_n = h @ W_hh`; the reset gate multiplies `h_n`.",
)
