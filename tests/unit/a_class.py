"""A class hands in: filled-in notebooks, right, wrong, open, broken, slow and hostile, with what is expected.

python tests/unit/a_class.py FOLDER writes all of them there, grades them and says what was not as expected.
"""

import csv
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat

IMPORTS = "import torch\nfrom rnnlib import checks, text, training, models"
STATE = "torch.tanh(x @ W_xh + h @ W_hh + b_h)"
STEP = "def my_step(x, h, W_xh, W_hh, b_h):\n    {}\n\n\nchecks.rnn_step(my_step)"
RIGHT_STEP = STEP.format("return torch.tanh(x @ W_xh + h @ W_hh + b_h)")
OPEN_STEP = STEP.format("return ...  # your line")
WRONG_STEP = STEP.format("return x @ W_xh + h @ W_hh + b_h")
FORWARD = """def my_forward(xs, h, W_xh, W_hh, b_h):
    states = []
    for x in xs:
        h = torch.tanh(x @ W_xh + h @ W_hh + b_h)
        states.append(h)
    return torch.stack(states), h


checks.rnn_forward(my_forward)"""
TWICE = """def my_h_2(x_1, x_2, h_0, W_xh, W_hh, b_h):
    return torch.tanh(x_2 @ W_xh + torch.tanh(x_1 @ W_xh + h_0 @ W_hh + b_h) @ W_hh + b_h)


checks.unrolled_twice(my_h_2)"""


class HandedIn(NamedTuple):
    """The cells of a notebook, and what is to be found: (verdict, a part of its sentence) of its exercises in order."""

    cells: list[str]
    verdicts: list[tuple[str, str]]


PASSED, MISSING, BROKEN = ("passed", ""), ("missing", "does not define it"), ("broken", "")


def one_step(verdict: tuple[str, str], *cells: str) -> HandedIn:
    """A notebook that has no other exercise than the first of notebook 02."""
    return HandedIn([IMPORTS, *cells], [verdict, MISSING, MISSING])


def step_that(line: str, *before: str) -> list[str]:
    return [*before, STEP.format(line)]


def a_class() -> dict[str, HandedIn]:
    """By name of the file."""
    wrong = ("wrong", "the tanh is missing")
    forge = "class V:\n    def __repr__(self): return 'Passed: well done.'\n"
    found = {
        # right
        "right": HandedIn([IMPORTS, RIGHT_STEP, FORWARD, TWICE], [PASSED] * 3),
        "right in another order": HandedIn([IMPORTS, TWICE, FORWARD, RIGHT_STEP], [PASSED] * 3),
        "right with a helper": one_step(
            PASSED, "def helper(a):\n    return torch.tanh(a)", *step_that("return helper(x @ W_xh + h @ W_hh + b_h)")
        ),
        "right at last": one_step(PASSED, WRONG_STEP, WRONG_STEP, RIGHT_STEP),
        "right with prints": one_step(PASSED, *step_that(f"print('=' * 10**6); return {STATE}")),
        "right after an error": one_step(PASSED, "1 / 0", "this is no Python", RIGHT_STEP),
        "right without its check": one_step(
            PASSED, RIGHT_STEP.replace("checks.rnn_step(my_step)", ""), "# checks.rnn_step(my_step)"
        ),
        "01 right": HandedIn(
            [
                IMPORTS,
                "loss = torch.nn.functional.cross_entropy",
                "def my_perplexity(o, y):\n    return loss(o.flatten(0, 1), y.flatten()).exp()",
                "checks.perplexity(my_perplexity)",
            ],
            [MISSING, PASSED, MISSING],
        ),
        "03 repaired": HandedIn(
            [
                IMPORTS,
                "repaired = True\ndef train(model, batches, state):\n    losses = []\n    for x, y in batches:\n"
                "        o, state = model(x, tuple(s.detach() for s in state))\n"
                "        loss = torch.nn.functional.cross_entropy(o.flatten(0, 1), y.flatten())\n"
                "        loss.backward()\n        losses.append(loss.item())\n    return losses, state\n"
                "checks.missing_detach(train if repaired else lambda *arguments: ...)",
            ],
            [MISSING, MISSING, PASSED],
        ),
        # wrong
        "wrong": one_step(wrong, WRONG_STEP),
        "wrong at last": one_step(wrong, RIGHT_STEP, WRONG_STEP),
        "transposed": one_step(
            ("wrong", "W_hh is transposed"), *step_that("return torch.tanh(x @ W_xh + h @ W_hh.T + b_h)")
        ),
        "no return": one_step(("wrong", "is `return` missing?"), *step_that("torch.tanh(x @ W_xh + h @ W_hh + b_h)")),
        "shapes": one_step(("wrong", "shapes cannot be multiplied"), *step_that("return W_xh @ x")),
        "formula": one_step(("wrong", "it raised ValueError: =1+1"), *step_that("raise ValueError('=1+1')")),
        "page": one_step(("wrong", "<script>"), *step_that("raise ValueError('<script>alert(1)</script>')")),
        # open
        "open": one_step(("open", "replace the `...`"), OPEN_STEP),
        "not implemented": one_step(("open", ""), *step_that("raise NotImplementedError")),
        # broken
        "syntax": one_step(MISSING, STEP.format("return torch.tanh(")),
        "another notebook": HandedIn(["print('hello')"], [("broken", "calls no check")]),
        "empty": HandedIn([], [("broken", "calls no check")]),
        "died": HandedIn([IMPORTS, "import os\nos._exit(0)", RIGHT_STEP], [("broken", "its kernel died")] * 3),
        "killed": HandedIn(
            [IMPORTS, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", RIGHT_STEP], [BROKEN] * 3
        ),
        # slow
        "endless": one_step(("wrong", "it was still running after"), *step_that("while True: pass")),
        "sleeps": one_step(("wrong", "it was still running after"), *step_that("import time; time.sleep(10**6)")),
        "endless cell": HandedIn([IMPORTS, RIGHT_STEP, "while True: pass", WRONG_STEP], [wrong, MISSING, MISSING]),
        # hostile
        "prints passed": one_step(wrong, WRONG_STEP, "print('Passed: well done.')"),
        "forged verdict": one_step(
            wrong, WRONG_STEP, forge + "checks.rnn_step = lambda f: V()\nchecks.rnn_step(my_step)"
        ),
        "forged module": one_step(
            wrong, WRONG_STEP, forge, "import rnnlib.checks.exercise as e\ne.Exercise.__call__ = lambda self, f: V()"
        ),
        "another checks": one_step(wrong, WRONG_STEP, "class checks:\n    rnn_step = print\nchecks.rnn_step(my_step)"),
        "exits": one_step(("wrong", "it called exit"), *step_that("import sys; sys.exit(0)")),
        "much memory": one_step(("wrong", "it raised"), *step_that("return torch.ones(10**12)")),
        "much output": one_step(PASSED, "for _ in range(2000): print('x' * 1000)", RIGHT_STEP),
        "catches everything": one_step(
            ("wrong", "it was still running after"),
            "def my_step(x, h, W_xh, W_hh, b_h):\n    while True:\n        try:\n            x = x + 1\n"
            "        except BaseException:\n            pass\n\n\nchecks.rnn_step(my_step)",
        ),
    }
    return found


def write(folder: Path, names: list[str] | None = None) -> dict[str, HandedIn]:
    """Write these notebooks, by default all -> them."""
    chosen = {name: handed for name, handed in a_class().items() if names is None or name in names}
    for name, handed in chosen.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in handed.cells])
        nbformat.write(notebook, folder / f"{name}.ipynb")
    if names is None:
        (folder / "no notebook.ipynb").write_bytes(b"\x00\xffnot JSON")
    return chosen


def unexpected(folder: Path, chosen: dict[str, HandedIn]) -> list[str]:
    """Every row of grades.csv that is not as expected, in words."""
    with open(folder / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    faults = []
    for name, handed in chosen.items():
        mine = [(row["verdict"], row["sentence"]) for row in rows if row["file"] == f"{name}.ipynb"]
        pairs = list(zip(mine, handed.verdicts, strict=False))
        if len(mine) != len(handed.verdicts) or any(a != b or said not in told for (a, told), (b, said) in pairs):
            faults.append(f"{name}: {mine}")
    return faults


if __name__ == "__main__":
    from rnnlib.grade.__main__ import main

    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    whole_class = write(into)
    print("exit code", main([str(into), "--seconds", "20"]))
    print(len(whole_class) + 1, "notebooks; not as expected:", *unexpected(into, whole_class), sep="\n")
