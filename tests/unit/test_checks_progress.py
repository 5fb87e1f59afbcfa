"""How far a check is: nothing in its first second, then one line, written over, which says in the end how far."""

import pytest

from rnnlib.checks.progress import Progress


def test_a_short_check_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("training", 10)
    progress(5)
    progress.end()
    assert capsys.readouterr().out == ""


def test_a_long_one_writes_one_line_over_and_leaves_how_far_it_came(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "FIRST_AFTER", 0.0)
    monkeypatch.setattr(Progress, "THEN_EVERY", 0.0)
    progress = Progress("training", 10)
    for step in (5, 9):
        progress(step)
    monkeypatch.setattr(Progress, "THEN_EVERY", 9.0)
    progress(9)
    progress(10)
    progress.end()
    *over, last = capsys.readouterr().out.split("\r")
    assert over == ["", "training: step 5 of 10", "training: step 9 of 10", "training: step 9 of 10"]
    assert last == "training: step 10 of 10\n"


def test_what_ends_early_leaves_where_it_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "FIRST_AFTER", 0.0)
    progress = Progress("training", 10)
    progress(3)
    progress.end()
    assert capsys.readouterr().out.endswith("\rtraining: step 3 of 10\n")
