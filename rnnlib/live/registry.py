"""The workers of this process by name, and what becomes of them when it forks and when it ends.

Not in worker.py: workers go on where that is read again (importlib.reload, or %autoreload after a change).
Comes before everything that is live.  Next: worker.py.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Protocol

MOST_SECONDS_BEFORE_A_FORK = 60.0  # a first step may have to compile its loops


class Lock(Protocol):
    """What can be held: a lock, or a condition."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Hold it; whether that was possible in so many seconds."""

    def release(self) -> None:
        """Let go."""


class Registered(Protocol):
    """What the process has to know of a worker."""

    @property
    def locks(self) -> Sequence[Lock]:
        """Whoever holds them has it between two actions."""

    def begin_anew_in_a_child(self) -> None:
        """Threads are not copied by a fork: there is none to wait for."""

    def stop(self) -> None:
        """End after the turn under way."""

    def end_with_the_process(self) -> None:
        """Python must not end while a thread is inside torch."""


def _hold_all() -> None:
    """Wait, before a fork, until every worker is between two actions: a child has no other threads, but their locks.

    Inside an action a thread may hold one of Python's imports or Numba's compiler.
    """
    fork_under_way.acquire()
    _held_for_a_fork.locks = [fork_under_way]
    for worker in list(workers.values()):
        for lock in worker.locks:
            if lock.acquire(timeout=MOST_SECONDS_BEFORE_A_FORK):
                _held_for_a_fork.locks.append(lock)


def _let_go() -> None:
    while _held_for_a_fork.locks:
        _held_for_a_fork.locks.pop().release()


def _begin_anew_in_a_child() -> None:
    for worker in list(workers.values()):
        worker.begin_anew_in_a_child()
    _let_go()
    workers.clear()


def _end_all() -> None:
    for worker in list(workers.values()):
        worker.end_with_the_process()


if "workers" not in globals():  # else this file is read again
    workers: weakref.WeakValueDictionary[str, Registered] = weakref.WeakValueDictionary()
    fork_under_way = threading.RLock()
    _held_for_a_fork = threading.local()
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(before=_hold_all, after_in_parent=_let_go, after_in_child=_begin_anew_in_a_child)
    atexit.register(_end_all)
