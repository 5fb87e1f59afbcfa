"""Threads and modes of the processor, so that training disturbs nothing else in the reader's process."""

import contextlib
import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import threadpoolctl
import torch

MOST_THREADS = 8  # 32 rows of a batch are 8 tiles of 4
_SMALLEST_NORMAL = 2.2250738585072014e-308
_outside = threading.local()  # what was outside of `undisturbed`


def available() -> int:
    """How many threads a training step may use: cores of this process, but not more than the reader lets torch use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _threads_of_torch(), MOST_THREADS)


def _threads_of_torch() -> int:
    """As the reader set them, inside `undisturbed` too."""
    return getattr(_outside, "threads_of_torch", None) or torch.get_num_threads()


def on_one_thread() -> contextlib.AbstractContextManager[object]:
    """Inside, torch computes on this thread alone.  After, on as many as the reader had it."""
    return _openmp().limit(limits=1)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, torch computes on this thread alone, without autograd, and takes denormal numbers for zeros.

    After, all is as the reader had it.  A second thread of OpenMP would spin, while it waits for more to do, on the
    core that takes half of the batch; and in a child made by fork it would not be there.  Gradients that vanish become
    denormal numbers, which a processor multiplies up to 40 times more slowly than zeros.
    """
    flushes, before = _SMALLEST_NORMAL * 0.5 == 0.0, getattr(_outside, "threads_of_torch", None)
    _outside.threads_of_torch = _threads_of_torch()
    with on_one_thread(), torch.inference_mode(False), torch.no_grad():
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(flushes)
            _outside.threads_of_torch = before


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Inside, Python does not look for garbage, unless another thread lets it.

    Torch alone has some hundred thousand objects, and each look at all of them takes a tenth of a second or two.  Where
    Numba is imported, or loads what it has compiled, Python looks so often that it takes a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@functools.cache
def _openmp() -> threadpoolctl.ThreadpoolController:
    """OpenMP as it was loaded with torch: its number of threads belongs to the thread that sets it."""
    return threadpoolctl.ThreadpoolController().select(user_api="openmp")


_pool: ThreadPoolExecutor | None = None
_threads_of_pool = 0
_lock = threading.Lock()


def side_by_side(work: Callable[[int], None], parts: int) -> None:
    """work(0) to work(parts - 1), one on this thread and the others beside it; returns when all are done."""
    with _lock:
        others = [_pool_of(parts - 1).submit(work, part) for part in range(1, parts)]
    try:
        work(0)
    finally:
        for other in others:
            other.result()


def _pool_of(threads: int) -> ThreadPoolExecutor:
    """So many threads, or more, made when they are needed for the first time: a pool makes all that it may."""
    global _pool, _threads_of_pool
    if _pool is None or _threads_of_pool < threads:
        if _pool is not None:
            _pool.shutdown(wait=False)  # after what it was given
        flush = functools.partial(torch.set_flush_denormal, True)
        _pool, _threads_of_pool = ThreadPoolExecutor(threads, "rnnlib engine", initializer=flush), threads
    return _pool


def _forget_the_pool() -> None:
    """A child made by fork has none of its parent's threads, and perhaps their lock."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_pool)
