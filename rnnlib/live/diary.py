"""What a network has written so far, and what is new in each text.

Before: evaluations.py.  Next: widgets/live_plot.py shows it.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TypedDict

from rnnlib.live.evaluations import Evaluation

Span = tuple[int, int]


class Entry(TypedDict):
    """A text of a network after `step` steps.  changed: from where to where it differs from the one before."""

    step: int
    text: str
    changed: list[Span]


class Diary:
    """The entries of evaluations; an entry is made once."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._evaluations: list[Evaluation] = []

    def update(self, evaluations: Sequence[Evaluation]) -> None:
        """Entries for these evaluations, which may have become more, or fewer."""
        known = {id(evaluation): entry for evaluation, entry in zip(self._evaluations, self.entries, strict=True)}
        entries, before = list[Entry](), ""
        for evaluation in evaluations:
            entries.append(known.get(id(evaluation)) or make_entry(evaluation, before))
            before = evaluation.text
        self._evaluations, self.entries = list(evaluations), entries


def make_entry(evaluation: Evaluation, before: str) -> Entry:
    """An entry beside the text that was written before it, which is empty for the first one."""
    changed = changed_words(before, evaluation.text) if before else []
    return {"step": evaluation.step, "text": evaluation.text, "changed": changed}


def changed_words(before: str, after: str) -> list[Span]:
    """Where the words of `after` are that `before` does not have in this place: (from, to) each, in characters."""
    words = [match.span() for match in re.finditer(r"\S+", after)]
    blocks = SequenceMatcher(None, before.split(), after.split(), autojunk=False).get_opcodes()
    return [
        (words[first][0], words[last - 1][1]) for kind, _, _, first, last in blocks if kind in ("replace", "insert")
    ]
