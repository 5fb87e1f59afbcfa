"""Letters of every script in a picture: which fonts draw them, and what stands for those that no font here has.

Comes before style.py.  Matplotlib looks a letter up in one font after another, and warns of one that it finds in none.
"""

import functools
import unicodedata

from matplotlib import font_manager

# Fonts with the letters that DejaVu has not, as systems have them; those that are installed are asked, in this order.
OTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC",
    "PingFang SC", "Hiragino Sans", "Hiragino Sans GB", "Apple SD Gothic Neo", "Microsoft YaHei", "Malgun Gothic",
    "Yu Gothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Noto Sans Devanagari", "Nirmala UI", "Mangal",
    "Noto Sans Arabic", "Noto Sans Thai", "Noto Sans Symbols", "Noto Sans Symbols2", "Segoe UI Symbol",
    "Segoe UI Emoji", "Noto Emoji", "Symbola", "Arial Unicode MS", "Unifont",
)  # fmt: skip
MISSING = "□"
SEEN = {" ": "␣", "\n": "↵", "\t": "→"}  # what stands alone for what is not seen


@functools.cache
def families(first: str) -> list[str]:
    """A font of matplotlib's own, and after it those of other scripts that are installed here."""
    installed = set(font_manager.fontManager.get_font_names())
    return [first, *(font for font in OTHER_FONTS if font in installed)]


@functools.lru_cache(maxsize=50_000)
def _is_drawn(letter: str, first: str) -> bool:
    paths = (font_manager.findfont(family) for family in families(first))
    return any(font_manager.get_font(path).get_char_index(ord(letter)) for path in paths)


def drawable(text: str, first: str) -> str:
    """A text of which every character can be drawn, line ends apart; an empty box stands for one that cannot.

    A mark that no font has vanishes in its letter.  first: the family it is drawn in.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign if sign == "\n" or _is_drawn(sign, first) else _in_its_place(sign) for sign in text)


def _in_its_place(sign: str) -> str:
    kind = unicodedata.category(sign)
    return "" if kind[0] == "M" or kind == "Cf" else SEEN.get(sign, MISSING)


def in_cells(text: str, first: str) -> str:
    """A text of which each character takes one place, for drawings of letters side by side: a line end is an arrow."""
    return "".join(drawable(SEEN[sign] if sign in "\n\t" else sign, first) or MISSING for sign in text)
