"""The answers to all exercises, from the checks: for instructors, and in no folder that students get.

python -m tools.answer_key answers.md    write them into a file: what is asked, an answer, the mistakes that have a name
"""

import inspect
import sys
from pathlib import Path

from rnnlib import checks
from rnnlib.checks import answers
from rnnlib.files import write_atomically
from rnnlib.grade.exercises import NOTEBOOKS, name_of

OTHERS = {  # what is checked by a contest, and not by an Exercise
    "model": "MyModel",
    "beats_the_ngram": "my_training",
    "rescues": "my_rescue",
    "remembers": "my_start",
}
BY_HAND = {"handed_in": "Any session that the lab's *Save* button wrote, within the budget of steps."}


def answer_key() -> str:
    """All answers, in the order of the notebooks, in Markdown."""
    parts = ["# Answers to all exercises", "Whatever passes the check is right; these are one way each."]
    for title, calls in NOTEBOOKS.items():
        parts.append(f"## {title}")
        for name in map(name_of, calls):
            parts.append(f"### `checks.{name}`")
            check = getattr(checks, name)
            parts.append(inspect.getdoc(check) or "")
            if name in BY_HAND:
                parts.append(BY_HAND[name])
                continue
            parts.append(f"```python\n{inspect.getsource(getattr(answers, OTHERS.get(name, name))).strip()}\n```")
            if isinstance(check, checks.Exercise):
                parts.append("Mistakes that have a name:\n\n" + "\n".join(f"- {each}" for each in check.mistakes))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the file that the answers go into: python -m tools.answer_key answers.md")
    write_atomically(Path(sys.argv[1]), answer_key().encode())
