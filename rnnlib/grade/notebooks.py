"""Runs a filled-in notebook in a kernel of its own, with limits, and looks at every exercise.

Before: inside.py.  Next: sessions.py.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from rnnlib.grade.exercises import NOTEBOOKS, name_of, notebook_of
from rnnlib.grade.table import Row

MOST_BYTES, SECONDS_FOR_CHECKS, LONGEST_SENTENCE = 50_000_000, 120.0, 1000
TRY = re.compile(r"\(try (\d+)\)")


def grade(path: Path, *, seconds: float) -> list[Row]:
    """One row for each exercise of the notebook that this file is, or one that says why there is none.

    seconds: for all its cells together.  The cell under way is interrupted then, and those after it get a second each.
    """
    started = time.monotonic()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes.")
        notebook: Any = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    except Exception as error:
        said = str(error).splitlines()[0][:200] if str(error) else ""
        return [Row(path.name, "", "", "broken", f"it is no notebook: {type(error).__name__}: {said}", 0, 0.0)]
    title = notebook_of("\n".join(cell.source for cell in cells))
    if title is None:
        return [Row(path.name, "", "", "broken", "it calls no check of this course.", 0, 0.0)]
    tries = {name_of(call): _tries(cells, name_of(call)) for call in NOTEBOOKS[title]}
    for cell in cells:
        cell.outputs = []  # what is stored says nothing about what the cells do
    found, problem = _run(notebook, NOTEBOOKS[title], seconds)
    took = round(time.monotonic() - started, 1)
    return [Row(path.name, title, name, *_verdict(found.get(name), problem), tries[name], took) for name in tries]


def _verdict(found: Any, problem: str) -> tuple[str, str]:
    kinds = ("passed", "wrong", "open", "missing", "broken")
    if isinstance(found, list) and len(found) == 2 and found[0] in kinds and isinstance(found[1], str):
        return found[0], found[1][:LONGEST_SENTENCE]
    return "broken", problem or "the notebook did not come so far that its exercises could be looked at."


def _tries(cells: list[Any], name: str) -> int:
    """How many tries the stored output of an exercise's cell tells of; 0 if there is no verdict in it."""
    for cell in cells:
        if f"checks.{name}(" in cell.source:
            texts = [str(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
            verdicts = [text for text in texts if text.startswith(("Passed", "Not right yet"))]
            if verdicts:
                number = TRY.search(verdicts[-1])
                return int(number[1]) if number else 1
    return 0


def _run(notebook: Any, calls: list[str], seconds: float) -> tuple[dict[str, Any], str]:
    """What the checks say of each exercise; and what went wrong with the notebook as a whole, if something did."""
    secret, deadline = secrets.token_hex(16), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as ours:
        manager = AsyncKernelManager()
        argv = [sys.executable, "-m", "rnnlib.grade.kernel", "-f", "{connection_file}", "--log-level=ERROR"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="graded", language="python")
        result = Path(ours) / "found.json"
        pairs = ", ".join(f"{name_of(call)!r}: lambda checks: {call}" for call in calls)
        last = f"__import__('rnnlib.grade.inside', fromlist=['write']).write({str(result)!r}, {secret!r}, {{{pairs}}})"
        cell = nbformat.v4.new_code_cell(last)
        notebook.cells.append(cell)
        client = NotebookClient(
            notebook,
            km=manager,
            allow_errors=True,
            timeout_func=lambda each: SECONDS_FOR_CHECKS if each is cell else max(1.0, deadline - time.monotonic()),
            interrupt_on_timeout=True,
            error_on_timeout={"ename": "TimeoutError", "evalue": "the time of this notebook is over", "traceback": []},
            startup_timeout=60,
            store_widget_state=False,
            resources={"metadata": {"path": folder}},
        )
        process: list[int] = []
        client.on_notebook_start = lambda **_: process.append(getattr(manager.provisioner, "pid", 0))
        problem = ""
        try:
            client.execute()
        except DeadKernelError:
            problem = "its kernel died: it ended itself, or took too much memory."
        except CellTimeoutError:
            problem = f"it was still running after {seconds:g} seconds and could not be interrupted."
        except Exception as error:
            problem = f"it could not be run: {type(error).__name__}."
        finally:
            _end(process)
        return _found(result, secret), problem


def _end(process: list[int]) -> None:
    """The kernel, and whatever it has started: a kernel is the head of a group of its own."""
    for pid in filter(None, process):
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(pid, signal.SIGKILL)


def _found(result: Path, secret: str) -> dict[str, Any]:
    try:
        if result.stat().st_size > MOST_BYTES:
            return {}
        content = json.loads(result.read_text(encoding="utf-8"))
        found: dict[str, Any] = content["found"] if content["secret"] == secret else {}
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
