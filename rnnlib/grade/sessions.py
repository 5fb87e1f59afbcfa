"""Verifies a session file in a process of its own, with limits.

Before: notebooks.py.  Next: __main__.py.

python -m rnnlib.grade.sessions FILE BUDGET SECONDS prints the verdict in JSON.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from rnnlib.grade.table import Row

SECONDS_TO_START = 60.0


def grade(path: Path, *, seconds: float, step_budget: int) -> list[Row]:
    """One row."""
    started = time.monotonic()
    command = [sys.executable, "-m", "rnnlib.grade.sessions", str(path.resolve()), str(step_budget), str(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * seconds + SECONDS_TO_START, check=False)
        verdict, sentence = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        verdict, sentence = "broken", "it could not be verified in time."
    except (IndexError, ValueError):
        verdict, sentence = "broken", "the process that verified it ended without a verdict."
    return [Row(path.name, "", "handed_in", verdict, sentence, 0, round(time.monotonic() - started, 1))]


if __name__ == "__main__":
    from rnnlib.checks import handed_in

    found = handed_in(sys.argv[1], step_budget=int(sys.argv[2]), seconds=float(sys.argv[3]))
    print("\n" + json.dumps([found.result, found.message]))
