"""What notebooks say of runs, and the tests that hold them to it."""

import re
from collections import defaultdict
from pathlib import Path

TEST = re.compile(r"^def test_(\w+)\(", re.M)


def claim_faults(made: dict[str, list[str]], folder: Path) -> list[str]:
    """Claims without a test, tests without a claim, and tests of one name.  made: the claims of each notebook."""
    tests: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.glob("test_*.py")):
        for name in TEST.findall(path.read_text()):
            tests[name].append(path.name)
    faults = [
        f"{notebook}: claims {name}, but there is no test_{name} in {folder.name}."
        for notebook, names in made.items()
        for name in names
        if name not in tests
    ]
    claimed = {name for names in made.values() for name in names}
    faults += [
        f"{places[0]}: test_{name} tests what no notebook claims."
        for name, places in tests.items()
        if name not in claimed
    ]
    faults += [
        f"{places[0]}: there are {len(places)} tests called test_{name}."
        for name, places in tests.items()
        if len(places) > 1
    ]
    return faults
