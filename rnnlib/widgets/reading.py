"""What a network reads of a text that somebody gave to a view.

Before: text.py.
"""

from torch import Tensor

from rnnlib.text import Vocab

MOST_SHOWN = 20


def tokens_of(text: str, vocab: Vocab) -> tuple[Tensor, str]:
    """A text's tokens (n, 1), and a sentence, with a space, of those that are not in the vocabulary; empty if all are.

    Raises ValueError for a text without tokens.
    """
    numbers, tokens = vocab.encode(text)[:, None], [*vocab.split(text)]
    kind = "words" if vocab.words else "characters"
    if not tokens:
        raise ValueError(f"there are no {kind} to read in {text[:MOST_SHOWN]!r}; give a text of some {kind}.")
    unknown = [token for token, number in zip(tokens, numbers[:, 0].tolist(), strict=True) if number == 0]
    if not unknown:
        return numbers, ""
    some = list(dict.fromkeys(unknown))
    shown = " ".join(map(repr, some[:MOST_SHOWN])) + (" ..." if len(some) > MOST_SHOWN else "")
    which = f"{len(unknown)} of the {len(tokens)} {kind} are not in the vocabulary"
    return numbers, f"{which} and are read as {vocab.UNKNOWN}: {shown}. "
