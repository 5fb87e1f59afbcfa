"""What is kept of a text in any script: its letters, or all of it, in one of Unicode's normal forms.

Not part of the reading path: text.py makes tokens of what is kept.  Unicode Standard, sections 3.11 and 4.5.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator

JOINERS = "\u200c\u200d"  # of no width, inside words of Persian, Hindi and others
LARGEST_VOCABULARY = 10_000
KINDS_OF_TOKENS = ("letters", "characters", "words")
NORMAL_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
UNSPACED = (  # scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
LONGEST_MEAN_WORD, CHARACTERS_LOOKED_AT = 4.5, 100_000  # letters, without marks


def letters_only(text: str) -> str:
    """Lower-case; every run of anything but letters becomes one space (D2L, section 9.2, which keeps a-z only).

    Letters are those of every script (categories L of Unicode).  A combining mark (M), as Hindi's vowel signs are,
    belongs to the letter before it.  Signs that are not seen (Cf) vanish, but for the joiners.
    """
    text = text.lower()
    kinds = {letter: unicodedata.category(letter) for letter in set(text)}
    marks = "".join(sign for sign, kind in kinds.items() if kind[0] == "M" or sign in JOINERS)
    others = {
        ord(sign): "" if kind == "Cf" else " "
        for sign, kind in kinds.items()
        if kind[0] != "L" and sign not in marks and sign != " "
    }
    text = re.sub(" {2,}", " ", text.translate(others))
    if marks:  # those of a sign that is no letter, as in an emoji, belong to nothing
        text = re.sub(" {2,}", " ", re.sub(f"(^| )[{re.escape(marks)}]+", " ", text))
    return text.strip(" ")


def check_sizes(max_vocab_size: int, max_train_tokens: int | None) -> None:
    """Raises ValueError for a vocabulary or a training text that cannot be so small or so large."""
    if not 2 <= max_vocab_size <= LARGEST_VOCABULARY:
        raise ValueError(f"max_vocab_size must be 2 to {LARGEST_VOCABULARY:,}; it is {max_vocab_size}.")
    if max_train_tokens is not None and max_train_tokens < 1:
        raise ValueError(f"max_train_tokens must be 1 or more; it is {max_train_tokens}.")


def kept_of(text: str, tokens: str, form: str) -> str:
    """What of a text in a normal form becomes tokens, in that form.

    Raises ValueError for another kind of tokens, and for words of a text that has no spaces between them.
    """
    if tokens not in KINDS_OF_TOKENS:
        raise ValueError(f"tokens must be one of {', '.join(KINDS_OF_TOKENS)}; they are {tokens!r}.")
    kept = text if tokens == "characters" else normal(letters_only(text), form)
    if tokens == "words":
        _check_has_spaces(kept)
    return kept


def _check_has_spaces(letters: str) -> None:
    """Raises ValueError where the scripts that need no spaces prevail, and what stands between two is no word."""
    beginning = letters[:CHARACTERS_LOOKED_AT]
    pieces = re.findall(f"[{UNSPACED}]+", beginning)
    length = sum(unicodedata.category(sign)[0] == "L" for piece in pieces for sign in piece)
    if length > LONGEST_MEAN_WORD * len(pieces) and length > len(beginning) / 2:
        raise ValueError(
            f'this text has no spaces between its words: one of them would be {pieces[0][:20]!r}. Use tokens="letters" '
            'or "characters", or put spaces between the words.'
        )


def normal(text: str, form: str) -> str:
    """A text in one normal form, so that one letter is always the same character or characters.

    NFC: an accent and its letter are one character.  NFD: they are two.  NFKC and NFKD: ligatures, wide letters and the
    like become plain ones, too.  Raises ValueError for another form.
    """
    if form not in NORMAL_FORMS:
        raise ValueError(f"the normal form must be one of {', '.join(NORMAL_FORMS)}; it is {form!r}.")
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def words_of(text: str) -> Iterator[str]:
    """What stands between white space, one after another."""
    return (found[0] for found in re.finditer(r"\S+", text))


def token_of_each_character(text: str, *, words: bool) -> list[int]:
    """Which token each character of a text is in, counted from 0; white space belongs to the word before it."""
    if not words:
        return list(range(len(text)))
    begins = [found.start() for found in re.finditer(r"\S+", text)]
    return [max(0, bisect_right(begins, place) - 1) for place in range(len(text))]


def share_left_out(text: str, kept: str) -> float:
    """The share of a text's visible characters that are not in what was kept of it, 0 to 1."""
    before, after = _visible(text), _visible(kept)
    return max(0.0, 1 - after / before) if before else 0.0


def _visible(text: str) -> int:
    return len(text) - sum(text.count(sign) for sign in set(text) if sign.isspace())
