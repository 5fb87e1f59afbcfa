"""The exercises of notebook 01: perplexity from logits, a smoothed bigram, sequential batches.

Before: exercise.py.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise
from rnnlib.checks.running import Wrong
from rnnlib.checks.seeing import MOST_PARTS, Seen

# ------------------------------------------------------------------------------------ perplexity


def _logits_and_targets() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    return [
        (f"T = {T}, B = {B}, V = {V}",
         (2 * torch.randn(T, B, V, generator=generator), torch.randint(V, (T, B), generator=generator)))
        for T, B, V in ((5, 3, 4), (1, 1, 7), (6, 2, 2))
    ]  # fmt: skip


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """(T, B)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


perplexity = Exercise(
    name="perplexity",
    statement=(
        "function(logits (T, B, V), targets (T, B)) -> the perplexity of all T B targets together: exp of the mean "
        "cross-entropy in nats, as a number or as a tensor ()."
    ),
    cases=_logits_and_targets,
    results=["the perplexity"],
    answer=answers.perplexity,
    mistakes={
        "this is the cross-entropy; its exponential is the perplexity.": lambda o, y: _losses(o, y).mean(),
        "the losses were added up; perplexity is the exponential of their mean.": lambda o, y: (
            _losses(o, y).sum().exp()
        ),
        "this is the mean of the exponentials; it is the exponential of the mean.": lambda o, y: (
            _losses(o, y).exp().mean()
        ),
        "2 to the power of the loss: cross_entropy is in nats, so the base is e.": lambda o, y: (
            2 ** _losses(o, y).mean()
        ),
        "a softmax was applied before cross_entropy, which applies its own.": lambda o, y: (
            _losses(o.softmax(-1), y).mean().exp()
        ),
        "the softmax went along B, the middle axis; it goes along the last one, the V tokens.": lambda o, y: (
            -o.log_softmax(1).gather(2, y[..., None]).mean()
        ).exp(),
        "the softmax went along T, the first axis; it goes along the last one, the V tokens.": lambda o, y: (
            -o.log_softmax(0).gather(2, y[..., None]).mean()
        ).exp(),
        "the sign is wrong: perplexity is at least 1.": lambda o, y: (-_losses(o, y).mean()).exp(),
        "each time step (or row) has got a perplexity of its own, and these were averaged; average the losses first.": (
            lambda o, y: _losses(o, y).mean(1).exp().mean()
        ),
        "each sequence has got a perplexity of its own, and these were averaged; average the losses first.": (
            lambda o, y: _losses(o, y).mean(0).exp().mean()
        ),
        "only the last time step was looked at; all T count.": lambda o, y: _losses(o[-1:], y[-1:]).mean().exp(),
        "the sum of the losses was divided by T alone; there are T B of them.": lambda o, y: (
            _losses(o, y).sum() / len(y)
        ).exp(),
        "the sum of the losses was divided by B alone; there are T B of them.": lambda o, y: (
            _losses(o, y).sum() / y.shape[1]
        ).exp(),
        "logits and targets do not stand side by side: one of them was transposed before it was flattened.": (
            lambda o, y: _losses(o, y.T.reshape(y.shape)).mean().exp()
        ),
        "1 / the mean probability: average the logarithms, not the probabilities.": lambda o, y: (
            1 / (-_losses(o, y)).exp().mean()
        ),
        "logits were taken for logarithms of probabilities; they need a log_softmax, which cross_entropy applies.": (
            lambda o, y: (-o.gather(2, y[..., None]).mean()).exp()
        ),
    },
    praise="the exponential of the mean cross-entropy, for every shape.",
    hint="`F.cross_entropy` wants logits (N, V) and targets (N,), and returns their mean in nats: flatten both.",
)


# ---------------------------------------------------------------------------------------- bigram


def _texts() -> list[Case]:
    """In each, the last token of the vocabulary is never seen."""
    generator = torch.Generator().manual_seed(0)
    return [
        (f"{n} tokens, V = {V}", (torch.randint(V - 1, (n,), generator=generator), V))
        for V, n in ((5, 60), (3, 2), (7, 200))
    ]


def _counts(tokens: Tensor, V: int) -> Tensor:
    return torch.bincount(V * tokens[:-1] + tokens[1:], minlength=V * V).view(V, V).double()


def _row_by_row(table: Tensor) -> Tensor:
    return table / table.sum(1, keepdim=True)


smoothed_bigram = Exercise(
    name="smoothed_bigram",
    statement=(
        "function(tokens (n,), vocab_size) -> the table (V, V) whose entry [i, j] is (1 + how often j follows i) / "
        "(V + how often anything follows i)."
    ),
    cases=_texts,
    results=["the table (V, V)"],
    answer=answers.smoothed_bigram,
    mistakes={
        "these are counts; each row divided by its sum gives probabilities.": lambda x, V: _counts(x, V) + 1,
        "nothing was added to the counts: what was never seen gets probability 0, or 0/0.": lambda x, V: _row_by_row(
            _counts(x, V)
        ),
        "rows and columns are swapped: row i must hold what follows token i.": lambda x, V: _row_by_row(
            _counts(x, V).T + 1
        ),
        "the finished table is transposed: entry [i, j] is what follows token i.": lambda x, V: (
            _row_by_row(_counts(x, V) + 1).T
        ),
        "only the counts of 0 were raised to 1; every count is 1 higher than what was counted.": lambda x, V: (
            _row_by_row(_counts(x, V).clamp(min=1))
        ),
        "the counts begin at 2; they begin at 1.": lambda x, V: _row_by_row(_counts(x, V) + 2),
        "the counts begin at 1/2; they begin at 1.": lambda x, V: _row_by_row(_counts(x, V) + 0.5),
        "the counts begin at 1/V; they begin at 1.": lambda x, V: _row_by_row(_counts(x, V) + 1 / V),
        "divided by the sum of all pairs: each row must sum to 1.": lambda x, V: (
            (_counts(x, V) + 1) / (_counts(x, V) + 1).sum()
        ),
        "the columns sum to 1; it must be the rows.": lambda x, V: (_counts(x, V) + 1) / (_counts(x, V) + 1).sum(0),
        "column j was divided by the sum of row j: a sum without `keepdim=True` lies down as a row.": lambda x, V: (
            (_counts(x, V) + 1) / (_counts(x, V) + 1).sum(1)
        ),
        "1 was added above the line and not below: a row needs V more in its sum.": lambda x, V: (
            (_counts(x, V) + 1) / _counts(x, V).sum(1, keepdim=True)
        ),
        "1 was added below the line, where V belongs: one for each of the V counts above.": lambda x, V: (
            (_counts(x, V) + 1) / (_counts(x, V).sum(1, keepdim=True) + 1)
        ),
        "each pair was counted once, however often it comes: `table[a, b] += 1` with tensors a and b forgets "
        "duplicates. Loop, or use `index_put_(..., accumulate=True)` or `bincount`.": lambda x, V: _row_by_row(
            _counts(x, V).clamp(max=1) + 1
        ),
        "the last pair was left out: n tokens have n - 1 pairs.": lambda x, V: _row_by_row(_counts(x[:-1], V) + 1),
        "the first pair was left out: n tokens have n - 1 pairs.": lambda x, V: _row_by_row(_counts(x[1:], V) + 1),
        "every other pair was left out: a token ends one pair and begins the next.": lambda x, V: _row_by_row(
            torch.bincount(V * x[:-1:2] + x[1::2], minlength=V * V).view(V, V) + 1
        ),
        "every row is the same: this counts tokens, not what follows which.": lambda x, V: (
            (torch.bincount(x, minlength=V) + 1.0) / (len(x) + V)
        ).repeat(V, 1),
        "these are logarithms of probabilities; return the probabilities.": lambda x, V: _row_by_row(
            _counts(x, V) + 1
        ).log(),
        "a softmax of counts is no share of them: divide each row by its sum.": lambda x, V: _counts(x, V).softmax(1),
    },
    praise="every row is a distribution, and nothing is impossible.",
    hint=(
        "Begin with `torch.ones(vocab_size, vocab_size)`. Go through the pairs `zip(tokens[:-1], tokens[1:])` and "
        "add 1 to the cell of each. Divide by `table.sum(1, keepdim=True)`."
    ),
)


# --------------------------------------------------------------------------------------- batches


def _tokens_to_cut() -> list[Case]:
    """Tokens that all differ and come in no order.

    Some fill their batches exactly, and one is a multiple of B T long, of which the last token is a target only.
    """
    generator = torch.Generator().manual_seed(0)
    return [
        (f"{n} tokens, B = {B}, T = {T}", (torch.randperm(n, generator=generator) + 100, B, T))
        for n, B, T in ((31, 3, 4), (24, 3, 4), (25, 3, 4), (7, 1, 3), (9, 2, 1))
    ]


def _stacked(function: Callable[..., Any], tokens: Tensor, B: int, T: int) -> Any:
    """Inputs and targets of all batches, (number, T, B) each."""
    batches = function(tokens, B, T)
    if batches is None or batches is ...:
        return batches
    if not isinstance(batches, tuple | list | Iterator):
        raise Wrong(f"it returned {type(batches).__name__}; expected a list of pairs (inputs, targets).")
    pairs = list(islice(batches, MOST_PARTS))
    if not pairs:
        raise Wrong("it gave no batch at all.")
    for number, pair in enumerate(pairs):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(part, Tensor) for part in pair)):
            raise Wrong(f"batch {number} is no pair of tensors; expected (inputs, targets).")
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
        "follow one another, the first from the first token on.  As many whole batches as fit, (n - 1) // (B T).  "
        "targets[t, b] is the token after inputs[t, b] in the text."
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
        "the last target of each row is the batch's own first token: `roll` is not `one token on`.": lambda x, B, T: [
            (inputs, inputs.roll(-1, 0)) for inputs, _ in _wrong_cut()(x, B, T)
        ],
    },
    praise="each row goes on in the next batch, and every target is the token after its input.",
    hint=(
        "Let each of the B rows have `length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps` tokens: "
        "`tokens[: batch_size * length].view(batch_size, length).T` is (length, B), and so is the same from token "
        "1 on. Then cut both into pieces of `num_steps`."
    ),
)


def _parts(tokens: Tensor, B: int, T: int) -> tuple[Tensor, Tensor]:
    """The B parts of the text and the same one token on, (B, length) each."""
    length = (len(tokens) - 1) // (B * T) * T
    return tokens[: B * length].view(B, length), tokens[1 : B * length + 1].view(B, length)
