"""The exercise on minibatches of notebook 01: a text cut so that each row goes on in the next batch.

Before: introduction.py.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise
from rnnlib.checks.running import Wrong
from rnnlib.checks.seeing import MOST_PARTS, Seen, kind_of


def _tokens_to_cut() -> list[Case]:
    """Tokens that are their own places, so that a verdict names places; then tokens that come in no order.

    Some fill their batches exactly, and one is a multiple of B T long, of which the last token is a target only.
    """
    generator = torch.Generator().manual_seed(0)
    shuffled = [
        (f"{n} tokens in no order, B = {B}, T = {T}", (torch.randperm(n, generator=generator) + 100, B, T))
        for n, B, T in ((31, 3, 4), (24, 3, 4), (25, 3, 4), (7, 1, 3), (9, 2, 1), (10, 4, 1), (30, 4, 2))
    ]
    return [("the tokens 0, 1, ..., 30, B = 3, T = 4", (torch.arange(31), 3, 4)), *shuffled]


def _stacked(function: Callable[..., Any], tokens: Tensor, B: int, T: int) -> Any:
    """Inputs and targets of all batches, (number, T, B) each."""
    batches = function(tokens, B, T)
    if batches is None or batches is ...:
        return batches
    if not isinstance(batches, tuple | list | Iterator):
        raise Wrong(f"it returned {kind_of(batches)}; expected a list of pairs (inputs, targets).")
    if isinstance(batches, tuple) and len(batches) == 2 and all(isinstance(all_, Tensor) for all_ in batches):
        raise Wrong(
            "it returned one pair of tensors; expected a list, with a pair (inputs, targets) for each batch. Does "
            "`return` stand inside the loop, or were all batches put together?"
        )
    pairs = list(islice(batches, MOST_PARTS))
    if not pairs:
        raise Wrong("it gave no batch at all.")
    for number, pair in enumerate(pairs):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(part, Tensor) for part in pair)):
            raise Wrong(f"batch {number} is {kind_of(pair)}; expected a pair of tensors, (inputs, targets).")
        for name, part in zip(("inputs", "targets"), pair, strict=True):
            if part.shape != pairs[0][0].shape:
                shapes = f"{tuple(part.shape)}; the inputs of batch 0 have {tuple(pairs[0][0].shape)}"
                raise Wrong(f"the {name} of batch {number} have the shape {shapes}. Every batch is whole.")
    return tuple(torch.stack(list(parts)) for parts in zip(*pairs, strict=True))


def _is_another_cut(seen: Seen, tokens: Tensor, B: int, T: int) -> bool:
    """Whether the rows are parts as long as those of D2L, (n - 1) // B, or of PyTorch's tutorial, n // B.

    Of the latter the last token of each row is a target only.
    """
    n = len(tokens)
    for row, used in (((n - 1) // B, (n - 1) // B), (n // B, n // B - 1)):
        number = used // T
        begins = (row * torch.arange(B) + torch.arange(number * T)[:, None]).view(number, T, B)
        if seen.same(Seen((tokens[begins], tokens[begins + 1]), alone=False)):
            return all(part.dtype == tokens.dtype for part in seen.parts)
    return False


def _cut(
    tokens: Tensor, B: int, T: int, *, shift: int = 1, first: int = 0, to_batches: Callable[[Tensor, int], Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Pairs; to_batches: makes (number, T, B) of as many tokens as fill them."""
    number = (len(tokens) - 1 - max(0, shift - 1)) // (B * T)
    inputs, targets = (to_batches(tokens[s : s + number * B * T], number) for s in (first, first + shift))
    return list(zip(inputs, targets, strict=True))


def _rows(B: int, T: int) -> Callable[[Tensor, int], Tensor]:
    """As it is meant: row b goes on in the next batch."""
    return lambda tokens, number: tokens.view(B, number, T).permute(1, 2, 0)


def _wrong_cut(**how: Any) -> Callable[..., Any]:
    return lambda x, B, T: _cut(x, B, T, to_batches=_rows(B, T), **how)


sequential_batches = Exercise(
    name="sequential_batches",
    statement=(
        "function(tokens (n,), batch_size, num_steps) -> pairs (inputs, targets), both (T, B) int64, in a list or one "
        "by one.  Row b reads on from batch to batch, in a part of the text of its own: B parts of equal length that "
        "follow one another, the first from the first token on.  As many whole batches as fit, at least one.  "
        "targets[t, b] is the token after inputs[t, b] in the text.  The check's first text is 0, 1, 2, ...: there a "
        "token is its own place."
    ),
    cases=_tokens_to_cut,
    results=["the inputs (N, T, B)", "the targets (N, T, B)"],
    observe=_stacked,
    also_right=_is_another_cut,
    answer=answers.sequential_batches,
    mistakes={
        "the targets are the inputs themselves; each must be the token after its input.": _wrong_cut(shift=0),
        "the targets are the inputs plus 1, which is the next number; the next token of the text is meant.": (
            lambda x, B, T: [(inputs, inputs + 1) for inputs, _ in _wrong_cut()(x, B, T)]
        ),
        "the targets are two tokens on; each must be the token after its input.": _wrong_cut(shift=2),
        "the targets come before their inputs: they must be one token on, not one back.": lambda x, B, T: [
            (y, x) for x, y in _wrong_cut()(x, B, T)
        ],
        "the batches are (B, T); here time comes first: (T, B).": lambda x, B, T: [
            (x.T, y.T) for x, y in _wrong_cut()(x, B, T)
        ],
        "the batches are (B, T), as in D2L; here time comes first: (T, B).": lambda x, B, T: [
            (rows[:, s : s + T], nexts[:, s : s + T])
            for length in [(len(x) - 1) // B]
            for rows, nexts in [(x[: B * length].view(B, length), x[1 : B * length + 1].view(B, length))]
            for s in range(0, length // T * T, T)
        ],
        "all inputs stand in one list and all targets in another; make pairs: `list(zip(inputs, targets))`.": (
            lambda x, B, T: [tuple(parts) for parts in zip(*_wrong_cut()(x, B, T), strict=True)]
        ),
        "n tokens have n - 1 targets: there are (n - 1) // (B T) batches, not n // (B T).": lambda x, B, T: (
            _wrong_cut()(x, B, T) if len(x) % (B * T) else [(x[1:].view(B, -1), x)]
        ),
        "neighbours in the text lie side by side in a batch; in time they must lie below each other.": lambda x, B, T: (
            _cut(x, B, T, to_batches=lambda tokens, number: tokens.view(number, T, B))
        ),
        "the rows of a batch are neighbours, so row b does not go on in the next batch: no state could be carried.": (
            lambda x, B, T: _cut(x, B, T, to_batches=lambda tokens, number: tokens.view(number, B, T).mT)
        ),
        "the rows jump about in the text: neighbours of a row stand B apart. `.view(B, -1).T`, not `.view(-1, B)`.": (
            lambda x, B, T: _cut(x, B, T, to_batches=lambda tokens, number: tokens.view(T, number, B).transpose(0, 1))
        ),
        "the last batch is missing: as many as fit, that is (n - 1) // (B T).": lambda x, B, T: _wrong_cut()(x, B, T)[
            :-1
        ],
        "the first batch is missing.": lambda x, B, T: _wrong_cut()(x, B, T)[1:],
        "the first token is left out.": lambda x, B, T: _wrong_cut()(x[1:], B, T),
        "the batches overlap: go on by num_steps, not by one.": lambda x, B, T: [
            (inputs, targets)
            for rows, nexts in [(part.T for part in _parts(x, B, T))]
            for inputs, targets in zip(rows.unfold(0, T, 1).mT, nexts.unfold(0, T, 1).mT, strict=True)
        ],
        "the rows were cut out rightly and then reshaped to (T, B): `reshape` and `view` swap no axes; use `.T`.": (
            lambda x, B, T: [(a.T.reshape(T, B), b.T.reshape(T, B)) for a, b in _wrong_cut()(x, B, T)]
        ),
        "the last target of each part of the text is the part's own first token: `roll` goes round in a circle.": (
            lambda x, B, T: _in_pieces(rows := _parts(x, B, T)[0], rows.roll(-1, 1), T)
        ),
        "the first tokens are left out: the parts were counted from the end of the text.": lambda x, B, T: _wrong_cut()(
            x[(len(x) - 1) % (B * T) :], B, T
        ),
        "the last target of each row is the batch's own first token: `roll` is not `one token on`.": lambda x, B, T: [
            (inputs, inputs.roll(-1, 0)) for inputs, _ in _wrong_cut()(x, B, T)
        ],
    },
    praise="each row goes on in the next batch, and every target is the token after its input.",
    hint=(
        "Let each of the B rows have `length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps` tokens: "
        "`tokens[: batch_size * length].view(batch_size, length).T` is (length, B), and so is the same from token "
        "1 on. Then cut both into pieces of `num_steps`. The first text that is tried is 0, 1, 2, ...: a number in the "
        "sentence above is a place in it."
    ),
)


def _parts(tokens: Tensor, B: int, T: int) -> tuple[Tensor, Tensor]:
    """The B parts of the text and the same one token on, (B, length) each."""
    length = (len(tokens) - 1) // (B * T) * T
    return tokens[: B * length].view(B, length), tokens[1 : B * length + 1].view(B, length)


def _in_pieces(inputs: Tensor, targets: Tensor, T: int) -> list[tuple[Tensor, Tensor]]:
    """Parts (B, length) -> batches (T, B)."""
    return list(zip(inputs.T.split(T), targets.T.split(T), strict=True))
