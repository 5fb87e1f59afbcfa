"""Numbers in the text come from a run: those of bench/results.json in notebooks 04 and 05, of memory.json in 04."""

import json
from pathlib import Path

from bench import memory
from bench.results import RESULTS, table

SOURCES = Path(__file__).parents[2] / "notebooks" / "src"


def test_the_table_of_notebook_05_is_what_was_measured() -> None:
    as_text = "\n".join(f"# {line}" for line in table(json.loads(RESULTS.read_text())).splitlines())
    assert as_text in (SOURCES / "05_concise_implementation.py").read_text()


def test_the_shares_of_clipped_steps_in_notebook_04_are_what_was_measured() -> None:
    shares = {name: row["clipped_fraction"] for name, row in json.loads(RESULTS.read_text())["rows"].items()}
    rnn, lstm, gru = (
        shares[name] for name in ("RNN from scratch, sequential", "LSTM from scratch", "GRU from scratch")
    )
    sentence = (
        f"{100 * rnn:.0f}% of the RNN's steps are clipped, {100 * lstm:.0f}% of an LSTM's and {100 * gru:.1f}% of"
    )
    assert sentence in (SOURCES / "04_gradient_problems.py").read_text()


def test_the_race_of_notebook_04_is_what_was_measured_with_its_date_and_machine() -> None:
    results = json.loads(memory.RESULTS.read_text())
    measured = f"Measured on {results['date']}: {results['machine']}.\n\n{memory.table(results)}"
    as_text = "\n".join(f"# {line}".rstrip() for line in measured.splitlines())
    assert as_text in (SOURCES / "04_gradient_problems.py").read_text()
