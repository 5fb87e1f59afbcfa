"""Numbers in the text come from a run: the table of notebook 05 is that of bench/results.json."""

import json
from pathlib import Path

from bench.results import RESULTS, table

SOURCE = Path(__file__).parents[2] / "notebooks" / "src" / "05_concise_implementation.py"


def test_the_table_of_notebook_05_is_what_was_measured() -> None:
    as_text = "\n".join(f"# {line}" for line in table(json.loads(RESULTS.read_text())).splitlines())
    assert as_text in SOURCE.read_text()
