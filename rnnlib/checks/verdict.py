"""What a check says, and how much help it gives with it.

Before: differing.py.  Next: exercise.py.
"""

import html
import inspect
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TRIES_BEFORE_HINT, TRIES_BEFORE_ANSWER = 2, 3
NOT_FILLED_IN = "replace the `...` by your lines; this cell then checks them."
_tries: Counter[str] = Counter()


@dataclass(frozen=True)
class Verdict:
    """What a check found: "passed", "open" (nothing filled in yet) or "wrong", and why.

    hint: shown, folded, from the second wrong try on.  answer: the source of one, from the third.
    printed: what the reader's function printed.  tries: how many there were, this one counted.
    """

    result: str
    message: str
    hint: str = ""
    answer: str = ""
    printed: str = ""
    tries: int = 1

    def __repr__(self) -> str:
        said = {"passed": "Passed", "open": "Not yet", "wrong": "Not right yet"}[self.result]
        return f"{said}{f' (try {self.tries})' if self.tries > 1 else ''}: {self.message}"

    def _repr_markdown_(self) -> str:
        folds = {
            "A hint": self.hint,
            "An answer": self.answer and f"```python\n{self.answer}```",
            "What it printed": self.printed and f"<pre>{html.escape(self.printed)}</pre>",
        }
        details = "".join(
            f"\n\n<details><summary>{title}</summary>\n\n{body}\n\n</details>" for title, body in folds.items() if body
        )
        said = repr(self).removesuffix(self.message)
        return f"**{said[:-2]}**: {_as_it_stands(self.message)}{details}"


def _as_it_stands(message: str) -> str:
    """Markdown that shows a message as it is: `code` as code, and no mark, tag or formula anywhere else."""
    parts = message.split("`")
    parts[::2] = [re.sub(r"([\\*_<>$\[\]~|#])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def verdict(
    exercise: str,
    mistake: str | None,
    *,
    praise: str,
    hint: str,
    answer: Callable[..., Any] | None = None,
    name: str = "",
    printed: str = "",
) -> Verdict:
    """Passed if there is no mistake; otherwise wrong, with more help from try to try.

    exercise: under which name tries are counted.  answer: the class or function whose source is shown in the end.
    name: what the reader calls it, so that the source works where it is pasted.
    """
    _tries[exercise] += 1
    tries = _tries[exercise]
    if mistake is None:
        _tries[exercise] = 0
        return Verdict("passed", praise, printed=printed, tries=tries)
    shown_hint = hint if tries >= TRIES_BEFORE_HINT else ""
    shown_answer = _source(answer, name) if answer and tries >= TRIES_BEFORE_ANSWER else ""
    return Verdict("wrong", mistake, shown_hint, shown_answer, printed, tries)


def _source(answer: Callable[..., Any], name: str) -> str:
    source = inspect.getsource(answer)
    return re.sub(rf"^(def|class) {answer.__name__}\b", rf"\1 {name}", source) if name.isidentifier() else source
