"""The checks of notebook 01: perplexity from logits, a smoothed bigram, sequential batches.

Before: verdict.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.verdict import Verdict, check_function


def perplexity(function: Callable[[Tensor, Tensor], Any]) -> Verdict:
    """Check function(logits (T, B, V), targets (T, B)) -> the perplexity, a number."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (2 * torch.randn(T, B, V, generator=generator), torch.randint(V, (T, B), generator=generator))
        for T, B, V in ((5, 3, 4), (1, 1, 7), (6, 2, 2))
    ]

    def losses(logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")

    def logits_as_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
        return torch.exp(losses(torch.softmax(logits, -1), targets).mean())

    mistakes: dict[str, Callable[..., Any]] = {
        "this is the cross-entropy; its exponential is the perplexity.": lambda *a: losses(*a).mean(),
        "the losses were added up; perplexity is the exponential of their mean.": lambda *a: losses(*a).sum().exp(),
        "this is the mean of the exponentials; it is the exponential of the mean.": lambda *a: losses(*a).exp().mean(),
        "2 to the power of the loss: cross_entropy is in nats, so the base is e.": lambda *a: 2 ** losses(*a).mean(),
        "a softmax was applied before cross_entropy, which applies its own.": logits_as_probabilities,
        "the sign is wrong: perplexity is at least 1.": lambda *a: torch.exp(-losses(*a).mean()),
    }
    return check_function(
        "perplexity",
        function,
        answer=answers.perplexity,
        mistakes=mistakes,
        inputs=inputs,
        results=["the perplexity"],
        praise="the exponential of the mean cross-entropy, for every shape.",
        hint="`F.cross_entropy` wants logits (N, V) and targets (N,), and returns their mean in nats: flatten both.",
    )


def smoothed_bigram(function: Callable[[Tensor, int], Tensor]) -> Verdict:
    """Check function(tokens (n,), vocab_size) -> P(next | previous), (V, V), with one added to every count."""
    generator = torch.Generator().manual_seed(0)
    inputs = [(torch.randint(V - 1, (n,), generator=generator), V) for V, n in ((5, 60), (3, 2), (7, 200))]

    def counts(tokens: Tensor, V: int) -> Tensor:
        return torch.bincount(V * tokens[:-1] + tokens[1:], minlength=V * V).view(V, V).double()

    def row_by_row(table: Tensor) -> Tensor:
        return table / table.sum(1, keepdim=True)

    mistakes: dict[str, Callable[..., Any]] = {
        "these are counts; each row divided by its sum gives probabilities.": lambda *a: counts(*a) + 1,
        "nothing was added to the counts: what was never seen gets probability 0, or 0/0.": lambda *a: row_by_row(
            counts(*a)
        ),
        "rows and columns are swapped: row i must hold what follows token i.": lambda *a: row_by_row(counts(*a).T + 1),
        "divided by the sum of all pairs: each row must sum to 1.": lambda *a: (
            (counts(*a) + 1) / (counts(*a) + 1).sum()
        ),
        "the columns sum to 1; it must be the rows.": lambda *a: (counts(*a) + 1) / (counts(*a) + 1).sum(0),
        "1 was added above the line and not below: a row needs V more in its sum.": lambda *a: (
            (counts(*a) + 1) / counts(*a).sum(1, keepdim=True)
        ),
    }
    return check_function(
        "smoothed_bigram",
        function,
        answer=answers.smoothed_bigram,
        mistakes=mistakes,
        inputs=inputs,
        results=["the table"],
        praise="every row is a distribution, and nothing is impossible.",
        hint=(
            "Begin with `torch.ones(vocab_size, vocab_size)`. Go through the pairs `zip(tokens[:-1], tokens[1:])` and "
            "add 1 to the cell of each. Divide by `table.sum(1, keepdim=True)`."
        ),
    )


def sequential_batches(function: Callable[[Tensor, int, int], Any]) -> Verdict:
    """Check function(tokens (n,), batch_size, num_steps) -> a list of (inputs, targets), both (T, B)."""
    inputs = [(torch.arange(n) + 100, B, T) for n, B, T in ((31, 3, 4), (7, 1, 3), (9, 2, 1))]

    def num_batches(tokens: Tensor, B: int, T: int) -> int:
        return (len(tokens) - 1) // (B * T)

    def cut(tokens: Tensor, B: int, T: int, shift: int = 1) -> Tensor:
        count = num_batches(tokens, B, T)
        each = count * T
        parts = [torch.stack([tokens[b * each + s : b * each + s + each] for b in range(B)]) for s in (0, shift)]
        return torch.stack([part.view(B, count, T).permute(1, 2, 0) for part in parts], 1)  # (count, 2, T, B)

    def stacked(cutting: Callable[[Tensor, int, int], Any]) -> Callable[..., Any]:
        def cut_and_stack(*arguments: Any) -> Any:
            batches = cutting(*arguments)
            if batches is None or batches is ...:
                return batches
            return torch.stack([torch.stack(list(batch)) for batch in batches])

        return cut_and_stack

    def neighbours_side_by_side(tokens: Tensor, B: int, T: int) -> Tensor:
        count = num_batches(tokens, B, T)
        return torch.stack([tokens[s : s + count * B * T].view(count, T, B) for s in (0, 1)], 1)

    def neighbours_in_a_batch(tokens: Tensor, B: int, T: int) -> Tensor:
        count = num_batches(tokens, B, T)
        return torch.stack([tokens[s : s + count * B * T].view(count, B, T).mT for s in (0, 1)], 1)

    mistakes: dict[str, Callable[..., Any]] = {
        "the targets are the inputs themselves; each must be the token after its input.": lambda tokens, B, T: cut(
            tokens, B, T, shift=0
        ),
        "the batches are (B, T); here time comes first: (T, B).": lambda *a: cut(*a).mT,
        "neighbours in the text lie side by side in a batch; in time they must lie below each other.": (
            neighbours_side_by_side
        ),
        "the rows of a batch are neighbours, so row b does not go on in the next batch: no state could be carried.": (
            neighbours_in_a_batch
        ),
    }
    return check_function(
        "sequential_batches",
        function,
        as_compared=stacked,
        answer=answers.sequential_batches,
        mistakes=mistakes,
        inputs=inputs,
        results=["the batches, stacked (number, 2, T, B),"],
        praise="each row goes on in the next batch, and every target is the token after its input.",
        hint=(
            "Let each of the B rows have `length = (len(tokens) - 1) // (batch_size * num_steps) * num_steps` tokens: "
            "`tokens[: batch_size * length].view(batch_size, length).T` is (length, B), and so is the same from token "
            "1 on. Then cut both into pieces of `num_steps`."
        ),
    )
