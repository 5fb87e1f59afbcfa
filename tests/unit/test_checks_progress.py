"""How far a check is: nothing in its first second, then one line, gone in the end."""

import pytest

from rnnlib.checks.progress import Progress


def test_a_short_check_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("training", 10)
    progress(5)
    progress.end()
    assert capsys.readouterr().out == ""


def test_a_long_one_writes_one_line_over_and_leaves_it_empty(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "FIRST_AFTER", 0.0)
    monkeypatch.setattr(Progress, "THEN_EVERY", 0.0)
    progress = Progress("training", 10)
    for step in (5, 10):
        progress(step)
    progress.end()
    written = capsys.readouterr().out
    assert written == f"\rtraining: step 5 of 10\rtraining: step 10 of 10\r{' ' * 23}\r" and "\n" not in written
