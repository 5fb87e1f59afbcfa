"""Runs a reader's function so that nothing it does goes further: for a limited time, and whatever it raises.

Before: exceptions.py.  Next: seeing.py.
"""

import contextlib
import ctypes
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch

from rnnlib import engine
from rnnlib.checks.exceptions import help_with, line_of, words_of

SECONDS = 10.0  # for all calls of one check; the first use of torch.optim alone takes some
SECONDS_BETWEEN_RINGS = 0.05
MOST_PRINTED = 10_000


class OutOfTime(BaseException):
    """Raised in a reader's function when its time is over; no Exception, so that few lines catch it by accident."""


class Wrong(Exception):
    """What is wrong with an answer, in one sentence."""


@dataclass(frozen=True)
class Outcome:
    """What became of a reader's function: what it returned, or a sentence on why it did not; and what it printed.

    called: whether a line of the reader's was reached.  open: whether it says itself that it is still to be written.
    raised: the exception in its own words, by which one can be told to be the same as another.
    """

    returned: Any = None
    problem: str = ""
    printed: str = ""
    called: bool = True
    open: bool = False
    raised: str = ""


def run(work: Callable[[], Any], *, seconds: float | None = None) -> Outcome:
    """The outcome of work(), which calls a reader's function.  Raises nothing.

    On one thread, with a random state of its own, with prints kept apart.  After `seconds` (by default SECONDS) it
    ends, and so it does when the reader interrupts the kernel.
    """
    limit = SECONDS if seconds is None else seconds
    printed, outcome = _Printed(), Outcome()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _apart(), _limited(limit):
            try:
                outcome = Outcome(work())
            except BaseException as error:
                outcome = _outcome_of(error, limit)
    except BaseException as error:  # it came while one of the lines above was at work
        outcome = outcome if outcome.problem else _outcome_of(error, limit)
    return replace(outcome, printed=printed.getvalue())


# -------------------------------------------------------------------------------- what was raised


def _outcome_of(error: BaseException, seconds: float) -> Outcome:
    line = line_of(error)
    if isinstance(error, Wrong):
        return Outcome(problem=str(error))
    if isinstance(error, OutOfTime):
        return Outcome(problem=f"it was still running after {seconds:g} seconds{line}. Is there a loop without an end?")
    if isinstance(error, KeyboardInterrupt):
        return Outcome(problem=f"you interrupted it{line}. Is there a loop without an end?")
    if isinstance(error, SystemExit):
        return Outcome(problem=f"it called exit{line}; a function ends with `return`.")
    if isinstance(error, RecursionError):
        return Outcome(problem=f"it called itself without an end{line}.")
    if isinstance(error, NotImplementedError) and "`raise NotImplementedError" in line:
        return Outcome(problem=f"it raises NotImplementedError{line}", called=bool(line), open=True)
    raised = words_of(error)
    return Outcome(problem=f"it raised {raised}{line}.{help_with(error)}", called=bool(line), raised=raised)


# -------------------------------------------------------------------------------- around the call


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed; an endless loop may print without an end."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, MOST_PRINTED - self.tell())])
        return len(text)


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Inside, on the CPU and on one thread, with gradients and random numbers that are nobody else's."""
    with (
        engine.on_one_thread(),
        torch.device("cpu"),
        torch.enable_grad(),
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
    ):
        torch.manual_seed(0)
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Inside, OutOfTime is raised after `seconds`, again and again until it is not caught any more.

    In the main thread a signal does it, which ends a sleep as well.  In another thread it takes the next line of
    Python.  What a library computes is waited for: nothing can end it but the end of the process.
    """
    with_signal = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with (_signal_after if with_signal else _raised_after)(seconds):
        yield


@contextlib.contextmanager
def _signal_after(seconds: float) -> Iterator[None]:
    rings, over, traced_before = 0, False, sys.gettrace()

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal rings
        if over:
            return
        rings += 1
        if rings == 1:
            raise OutOfTime
        _raise_at_line(rings - 1, frame)  # the first one was caught, so come at another line

    before, started = signal.signal(signal.SIGALRM, ring), time.monotonic()
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, SECONDS_BETWEEN_RINGS)
    try:
        yield
    finally:
        over = True
        left = max(0.001, delay - (time.monotonic() - started)) if delay else 0.0
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, interval)  # somebody else's alarm goes on
        sys.settrace(traced_before)


def _raise_at_line(number: int, frame: FrameType | None) -> None:
    """Raise OutOfTime at the number-th line from here: sooner or later one that stands outside of all `try`."""
    left = number

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left <= 0:
            raise OutOfTime
        return trace

    sys.settrace(trace)
    while frame is not None and not frame.f_code.co_filename == __file__:
        frame.f_trace = trace
        frame = frame.f_back


@contextlib.contextmanager
def _raised_after(seconds: float) -> Iterator[None]:
    thread, done = ctypes.c_ulong(threading.get_ident()), threading.Event()
    lock = threading.Lock()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            wait = SECONDS_BETWEEN_RINGS
            with lock:
                if not done.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(OutOfTime))

    watcher = threading.Thread(target=watch, name="time limit of a check", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        with lock:
            done.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)  # one that is on its way
        watcher.join()
