"""Measuring in turns, so that a busy machine slows down all that is compared."""

import time
from collections.abc import Callable, Mapping

NOT_COUNTED, COUNTED = 5, 10


def in_turns(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The times of each function in seconds.

    A turn is 5 calls that are not counted, in which caches and threads get used to it as in a training run, and 10
    that are.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            for _ in range(NOT_COUNTED):
                function()
            for _ in range(COUNTED):
                started = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - started)
    return times
