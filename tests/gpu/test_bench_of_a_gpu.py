"""`python -m bench.gpu` runs.  How large its numbers are is no test."""

import re

import pytest

from bench import gpu


def test_every_row_has_its_numbers(cuda: str, capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["--smallest"])
    _, _, *rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row[0].split()[0] for row in rows] == ["a", "a", "a", "RNN", "42"]
    assert all(re.search(r"\d", row[3]) for row in rows)
    assert all(float(row[-1]) < 1e-5 for row in rows[:3])
