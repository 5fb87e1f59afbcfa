"""The exercises of notebook 01: perplexity from logits, a smoothed bigram; the third is in minibatches.py.

Before: exercise.py.  Next: minibatches.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.checks import answers
from rnnlib.checks.exercise import Case, Exercise

# ------------------------------------------------------------------------------------ perplexity


def _logits_and_targets() -> list[Case]:
    """Small ones, one of the size of a real minibatch, and logits so large that only a log_softmax can bear them."""
    generator = torch.Generator().manual_seed(0)

    def case(T: int, B: int, V: int) -> tuple[Tensor, Tensor]:
        return 2 * torch.randn(T, B, V, generator=generator), torch.randint(V, (T, B), generator=generator)

    sizes = ((5, 3, 4), (1, 1, 7), (6, 2, 2), (35, 32, 28))
    cases = [(f"T = {T}, B = {B}, V = {V}", case(T, B, V)) for T, B, V in sizes]
    logits, targets = case(4, 3, 5)
    return [*cases, ("logits of 100 and more", (100 + 8 * logits, targets))]


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
        "this is the logarithm of the loss; perplexity is its exponential.": lambda o, y: _losses(o, y).mean().log(),
        "this is the mean of the exponentials; perplexity is the exponential of the mean.": lambda o, y: (
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
        "the product of so many probabilities is 0 for a computer: add their logarithms instead.": lambda o, y: (
            o.softmax(-1).gather(2, y[..., None]).prod() ** (-1 / y.numel())
        ),
        "this is the square root of the product; it takes the root of order T B, one for each target.": lambda o, y: (
            1 / o.softmax(-1).gather(2, y[..., None]).prod()
        ).sqrt(),
        "the exponential of a large logit is infinite: use cross_entropy or log_softmax, which avoid it.": (
            lambda o, y: (-(o.exp() / o.exp().sum(-1, keepdim=True)).log().gather(2, y[..., None]).mean()).exp()
        ),
        "a small number was added before the logarithm: use log_softmax, which needs none.": lambda o, y: (
            -(o.softmax(-1) + 1e-8).log().gather(2, y[..., None]).mean()
        ).exp(),
        "the targets were not used: this is how uncertain the model itself says that it is.": lambda o, y: (
            -(o.softmax(-1) * o.log_softmax(-1)).sum(-1).mean()
        ).exp(),
        "1 / the mean probability: average the logarithms, not the probabilities.": lambda o, y: (
            1 / (-_losses(o, y)).exp().mean()
        ),
        "logits were taken for logarithms of probabilities; they need a log_softmax, which cross_entropy applies.": (
            lambda o, y: (-o.gather(2, y[..., None]).mean()).exp()
        ),
        "nll_loss was given logits; it takes log_softmax of them, which cross_entropy applies itself.": lambda o, y: (
            o.gather(2, y[..., None]).mean().exp()
        ),
        "`p[targets]` takes time steps, not tokens: `p.gather(-1, targets[..., None])` takes each target's own.": (
            lambda o, y: (-o.log_softmax(-1)[y].mean()).exp()
        ),
        "the loss was given its tensors where it is made: `CrossEntropyLoss()(logits, targets)`.": lambda o, y: (
            nn.CrossEntropyLoss(o, y)
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
        "each pair was counted once, however often it comes. `table[a, b] += 1` with tensors a and b forgets "
        "duplicates: loop, or use `bincount`. In a Counter equal tensors differ: use `.tolist()`.": lambda x, V: (
            _row_by_row(_counts(x, V).clamp(max=1) + 1)
        ),
        "the last pair was left out: n tokens have n - 1 pairs.": lambda x, V: _row_by_row(_counts(x[:-1], V) + 1),
        "the first pair was left out: n tokens have n - 1 pairs.": lambda x, V: _row_by_row(_counts(x[1:], V) + 1),
        "every other pair was left out: a token ends one pair and begins the next.": lambda x, V: _row_by_row(
            torch.bincount(V * x[:-1:2] + x[1::2], minlength=V * V).view(V, V) + 1
        ),
        "the last token was taken for a previous one: nothing follows it.": lambda x, V: _row_by_row(
            _counts(torch.cat([x, x[:1]]), V) + 1
        ),
        "1 was added to the shares; it belongs to the counts, before they are divided.": lambda x, V: (
            _row_by_row(_counts(x, V)).nan_to_num() + 1
        ),
        "V was added below the line although the ones above are in the sum already.": lambda x, V: (
            (_counts(x, V) + 1) / ((_counts(x, V) + 1).sum(1, keepdim=True) + V)
        ),
        "these pairs are two tokens apart; what follows stands right behind.": lambda x, V: _row_by_row(
            torch.bincount(V * x[:-2] + x[2:], minlength=V * V).view(V, V) + 1
        ),
        "every row is the same: this counts tokens, not what follows which.": lambda x, V: (
            (torch.bincount(x, minlength=V) + 1.0) / (len(x) + V)
        ).repeat(V, 1),
        "these are logarithms of probabilities; return the probabilities.": lambda x, V: _row_by_row(
            _counts(x, V) + 1
        ).log(),
        "each row was divided by its length, the root of its squares; divide it by its sum.": lambda x, V: F.normalize(
            _counts(x, V) + 1, dim=1
        ),
        "all rows are one and the same list, as in `[[1] * V] * V`; `[[1] * V for _ in range(V)]` makes V of them.": (
            lambda x, V: _row_by_row((_counts(x, V).sum(0) + 1).repeat(V, 1))
        ),
        "a softmax of counts is no share of them: divide each row by its sum.": lambda x, V: _counts(x, V).softmax(1),
        "nothing was counted: all is as it began. (In a Counter equal tensors differ: use `.tolist()`.)": lambda x, V: (
            torch.full((V, V), 1 / V)
        ),
        "only the first pair was counted: does `return` stand inside the loop?": lambda x, V: _row_by_row(
            _counts(x[:2], V) + 1
        ),
    },
    praise="every row is a distribution, and nothing is impossible.",
    hint=(
        "Begin with `torch.ones(vocab_size, vocab_size)`. Go through the pairs `zip(tokens[:-1], tokens[1:])` and "
        "add 1 to the cell of each. Divide by `table.sum(1, keepdim=True)`."
    ),
)
