"""What the grader runs in the kernel of a notebook, after all its cells.

Before: table.py.  Next: notebooks.py.
"""

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def fresh_checks() -> ModuleType:
    """rnnlib.checks as its files have it, whatever the notebook made of the module that it imported."""
    for name in [name for name in sys.modules if name == "rnnlib.checks" or name.startswith("rnnlib.checks.")]:
        del sys.modules[name]
    return importlib.import_module("rnnlib.checks")


def write(path: str, secret: str, calls: Mapping[str, Callable[[Any], Any]]) -> None:
    """Call each check and write what it says to `path`, in JSON: exercise -> [verdict, sentence]."""
    checks, found = fresh_checks(), {}
    for exercise, call in calls.items():
        try:
            verdict = call(checks)
            found[exercise] = [verdict.result, verdict.message]
        except NameError as error:
            found[exercise] = ["missing", f"the notebook does not define it: {error}."]
        except BaseException as error:
            found[exercise] = ["broken", f"its check could not be called: {type(error).__name__}."]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"secret": secret, "found": found}, file)
