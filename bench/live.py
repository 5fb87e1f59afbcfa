"""What the live lab costs, in a real kernel: training lost, a message's time and size, also after a million steps.

`in_a_kernel` runs one of these functions in a fresh kernel, in which messages go the whole way to the page's socket.
"""

import ast
import json
import statistics
import subprocess
import time
import tracemalloc
from typing import Any, NamedTuple

from jupyter_client.manager import KernelManager

from bench import steps
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.training import StepResult
from rnnlib.widgets import TrainingLab


class Frames(NamedTuple):
    """milliseconds: kernel time of a message to the page, the median.  kilobytes: of numbers, median and largest."""

    milliseconds: float
    kilobytes: float
    largest_kilobytes: float


def in_a_kernel(function: str, *arguments: Any) -> Any:
    """What `bench.live.function(*arguments)` gives in a kernel of its own: plain numbers.

    Nobody reads what the kernel sends to a page: a reader in Python would take time on the same processors.
    """
    manager = KernelManager()
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    client.iopub_channel.stop()
    call = f"import json; from bench import live; found = json.dumps(live.{function}(*{arguments!r}))"
    request = client.execute(call, silent=True, user_expressions={"found": "found"})
    try:
        reply = client.get_shell_msg(timeout=1200)
        while reply["parent_header"].get("msg_id") != request:
            reply = client.get_shell_msg(timeout=1200)
        content = reply["content"]
        if content["status"] != "ok":
            raise RuntimeError("\n".join(content["traceback"]))
        return json.loads(ast.literal_eval(content["user_expressions"]["found"]["data"]["text/plain"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def open_lab(hidden_size: int) -> TrainingLab:
    """A lab whose page has asked for everything."""
    lab = TrainingLab(name="bench lab", hidden_size=hidden_size, num_steps=steps.T, batch_size=steps.B)
    lab.plot._handle_custom_msg({"asks_for": "everything"}, [])
    return lab


def training_lost(hidden_size: int, seconds: float, rounds: int) -> float:
    """How much slower a session trains while its lab is looked at, as a share: the median of rounds of two turns.

    Turns are short, so that both of a round find the machine as busy.  What evaluations take is not in it: that is
    bounded by sessions.MAX_EVALUATION_SHARE.
    """
    lab = open_lab(hidden_size)
    lab.session.keep_evaluating = lambda seconds: None  # type: ignore[method-assign]
    lab.session.start()
    time.sleep(1)  # what is slow at first is over
    costs = []
    for number in range(rounds):
        speeds = {}
        for looked_at in (number % 2 == 0, number % 2 == 1):
            lab.plot.watched = looked_at
            first, started = lab.session.steps_made, time.perf_counter()
            time.sleep(seconds)
            speeds[looked_at] = (lab.session.steps_made - first) / (time.perf_counter() - started)
        costs.append(1 - speeds[True] / speeds[False])
    lab.stop()
    return statistics.median(costs)


def frames(hidden_size: int, steps_before: int, seconds: float) -> Frames:
    """The messages of a lab that trains; steps_before: how long its history is when this begins."""
    lab = open_lab(hidden_size)
    grow(lab.session, steps_before)
    milliseconds, kilobytes = list[float](), list[float]()
    show, spent = lab.plot.show, lab._pace.spent
    lab.plot.show = lambda *arguments: kilobytes.append(show(*arguments) / 1000)  # type: ignore[method-assign]

    def note(thread_seconds: float) -> None:
        if thread_seconds > 0:
            milliseconds.append(1000 * thread_seconds)
        spent(thread_seconds)

    lab._pace.spent = note  # type: ignore[method-assign]
    lab.session.start()
    time.sleep(seconds)
    lab.stop()
    return Frames(statistics.median(milliseconds), statistics.median(kilobytes), max(kilobytes))


def grow(session: Session, to_step: int) -> None:
    """Give a session a long past, quickly."""
    main = session.trainers[MAIN]
    session.run(1)
    result: StepResult = main.last_result
    for _ in range(to_step - 1):
        main.history.append(result, 1.0, 1.0, 0.001)
        main.steps_made += 1
    session.steps_made = main.steps_made


def growth(hidden_size: int, last_step: int) -> float:
    """Megabytes that are more in use after the last nine tenths of a lab's history of so many steps."""
    lab = open_lab(hidden_size)
    tracemalloc.start()
    used = []
    for size in (last_step // 10, last_step):
        grow(lab.session, size)
        lab.paint()
        used.append(tracemalloc.get_traced_memory()[0])
    lab.stop()
    return (used[1] - used[0]) / 1e6
