"""Threads are made in three places, and what they do never prints, displays or touches pyplot."""

import ast
from pathlib import Path

import pytest

import rnnlib

HOUSE = Path(rnnlib.__file__).parent
MAKE_THREADS = {"Thread", "Timer", "ThreadPoolExecutor", "start_new_thread", "to_thread", "atexit"}
LIVE = sorted(path for room in ("live", "widgets", "figures", "engine") for path in (HOUSE / room).glob("*.py"))


def names_in(path: Path) -> set[str]:
    """Everything that a file imports, calls or asks for by name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {part for alias in node.names for part in alias.name.split(".")}
            found |= set((node.module or "").split(".")) if isinstance(node, ast.ImportFrom) else set()
    return found


def test_only_the_worker_the_engines_pool_and_a_checks_clock_make_threads() -> None:
    found = {
        (str(path.relative_to(HOUSE).as_posix()), name)
        for path in HOUSE.rglob("*.py")
        for name in names_in(path) & MAKE_THREADS
    }
    assert found == {
        ("live/worker.py", "Thread"),
        ("live/registry.py", "atexit"),
        ("engine/threads.py", "ThreadPoolExecutor"),
        ("checks/running.py", "Thread"),  # a clock, where a signal cannot be had; it ends with the check
    }


@pytest.mark.parametrize("path", LIVE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_threads_run_never_prints_displays_or_touches_pyplot(path: Path) -> None:
    assert not names_in(path) & {"print", "display", "pyplot", "rcParams", "rc_context", "get_ipython"}
