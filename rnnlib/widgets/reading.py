"""What a network cannot read of a text that somebody gave to a view.

Before: text.py.
"""

from rnnlib.text import Vocab

MOST_SHOWN = 20


def told_unknown(text: str, vocab: Vocab) -> str:
    """A sentence, and a space, of the tokens that are not in the vocabulary; empty if all are."""
    tokens, known = [*vocab.split(text)], {*vocab.tokens[1:]}
    unknown = [token for token in tokens if token not in known]
    if not unknown:
        return ""
    kind, some = "words" if vocab.words else "characters", list(dict.fromkeys(unknown))
    shown = " ".join(map(repr, some[:MOST_SHOWN])) + (" ..." if len(some) > MOST_SHOWN else "")
    which = f"{len(unknown)} of the {len(tokens)} {kind} are not in the vocabulary"
    return f"{which} and are read as {vocab.UNKNOWN}: {shown}. "
