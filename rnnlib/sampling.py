"""Letting a network write: greedy, with a temperature, among the k likeliest; one token at a time.

Before: training.py.  Next: gradients.py, what to look at while a network learns.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from rnnlib.arguments import check_finite
from rnnlib.models import Model, RNNModel
from rnnlib.text import Vocab


def next_token_probabilities(logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
    """softmax(logits / temperature) over the last axis, without all but the top_k likeliest.  logits (..., V).

    temperature 0 puts all probability on the likeliest token (greedy).  Holtzman et al. 2020, section 2.
    Raises ValueError for a temperature that is negative or not finite, top_k < 1 or top_k > V.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"the temperature must be 0 (greedy) or a number above; it is {temperature}.")
    if top_k is not None and not 1 <= top_k <= logits.shape[-1]:
        raise ValueError(f"top_k must be 1 to {logits.shape[-1]} (the vocabulary's size); it is {top_k}.")
    if temperature < 1e-30:  # logits / temperature could overflow
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    if top_k is not None:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.softmax(logits / temperature, dim=-1)


def stream(
    model: Model,
    vocab: Vocab,
    prefix: str,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[str]:
    """Endless tokens after `prefix`, which the network reads first (the warm-up) and which is not repeated.

    Raises ValueError for an empty prefix, for tokens not in the vocabulary, for a bidirectional model, and for one that
    is lost.
    """
    check_prefix(prefix, vocab)
    if isinstance(model, RNNModel) and model.rnn.bidirectional:
        raise ValueError("a bidirectional network reads the future too, so it cannot write it; use one direction.")
    state = model.initial_state(1)
    tokens = vocab.encode(prefix)[:, None].to(model.device)
    while True:
        with torch.no_grad():
            logits, state = model(tokens, state)
        rating = logits[-1, 0].cpu()
        check_finite(rating)
        rating[0] = -torch.inf  # <unk> is never written
        probabilities = next_token_probabilities(rating, temperature=temperature, top_k=top_k)
        token = torch.multinomial(probabilities, 1, generator=generator)
        yield vocab.tokens[int(token)]
        tokens = token.view(1, 1).to(model.device)


def check_prefix(prefix: str, vocab: Vocab) -> None:
    """Raise ValueError for a prefix that is empty or has tokens not in the vocabulary."""
    tokens, some = {*vocab.split(prefix)}, vocab.join(vocab.tokens[1:61])
    unknown = sorted(tokens.difference(vocab.tokens[1:]))
    if not tokens or unknown:
        kind = "words" if vocab.words else "characters"
        what = f"has {kind} the network never saw: {' '.join(map(repr, unknown[:20]))}" if tokens else "is empty"
        raise ValueError(f"the prefix {prefix[:200]!r} {what}; use some of: {some!r}.")


def write(model: Model, vocab: Vocab, prefix: str, num_tokens: int, **options: object) -> str:
    """`prefix` and the num_tokens tokens the network writes after it; options as for `stream`."""
    tokens = stream(model, vocab, prefix, **options)  # type: ignore[arg-type]
    return vocab.join([prefix, *(next(tokens) for _ in range(num_tokens))])
