"""`python -m bench` runs, and counts right.  How large its numbers are is no test."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench import steps, views
from rnnlib import widgets
from rnnlib.models import LanguageModel
from rnnlib.widgets.knob_view import KnobView

ROOT = Path(__file__).parents[2]


def test_each_row_says_a_number_and_each_step_a_ratio_and_a_share() -> None:
    command = [sys.executable, "-m", "bench", "--smallest"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # two would spin where other tests want to run
    printed = subprocess.run(command, cwd=ROOT, env=one_thread, check=True, capture_output=True, text=True).stdout
    _, _, *rows = [[part.strip() for part in line.split("|")[1:-1]] for line in printed.splitlines() if "|" in line]
    of_steps = [row for row in rows if row[0].startswith("a step")]
    assert len(of_steps) == 6
    for _, textbook, ours, ratio, must, aim, share in of_steps:
        assert float(ratio) == pytest.approx(float(textbook.split()[0]) / float(ours.split()[0]), rel=0.05)
        assert float(must) <= float(aim)
        assert re.fullmatch(r"\d+%", share)
    assert {"import, beyond torch", "first step of a fresh process"} <= {row[0] for row in rows}
    assert all(re.search(r"\d", row[2]) for row in rows)


def test_every_view_that_only_its_knobs_move_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    views.main(times=2)
    timed = {line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines()[2:]}
    exported = [getattr(widgets, name) for name in widgets.__all__]
    assert timed == {view.__name__ for view in exported if issubclass(view, KnobView)}


@pytest.mark.parametrize(("cell", "products_made_twice"), [("rnn", 0), ("gru", 1), ("lstm", 1)])
def test_the_products_of_a_step_are_counted_as_torch_counts_them(cell: str, products_made_twice: int) -> None:
    """The definition makes a GRU's and an LSTM's products once more on the way back, and one of one-hot vectors."""
    H, tokens = 6, torch.zeros(steps.T, steps.B, dtype=torch.int64)
    model = LanguageModel(cell, vocab_size=steps.V, hidden_size=H)
    with FlopCounterMode(display=False) as counter:
        model.backpropagate(tokens, tokens, model.initial_state(steps.B))
    of_a_way = 2 * steps.T * steps.B * H * steps.BLOCKS[cell]
    surplus = products_made_twice * of_a_way * H + of_a_way * steps.V
    assert counter.get_total_flops() == steps.multiplications_and_additions(cell, H) + surplus
