"""The one background thread: states, commands, errors, replacement, an interrupt, the end of the process."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from factories import wait_until, when

from rnnlib.live.worker import Command, Worker


class Counter:
    """Counts to `ends` in turns; each turn waits for the gate to be open."""

    def __init__(self, ends: float = float("inf"), pause: float = 0.0):
        self.number, self.ends, self.pause, self.rests = 0, ends, pause, 0
        self.gate, self.in_turn = threading.Event(), threading.Event()
        self.gate.set()
        self.obeyed: list[Command] = []

    def turn(self) -> float | None:
        self.in_turn.set()
        self.gate.wait()
        self.number += 1
        return None if self.number >= self.ends else self.pause

    def rest(self) -> None:
        self.rests += 1

    def worker(self, name: str = "test worker") -> Worker:
        return Worker(name, self.turn, obey=self.obeyed.append, at_rest=self.rest)


@dataclass(frozen=True)
class Say(Command):
    topic: str
    words: str = ""

    def replaces(self, waiting: Command) -> bool:
        return isinstance(waiting, Say) and waiting.topic == self.topic


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    Worker("test worker", lambda: None).stop()
    wait_until(lambda: "test worker" not in threads())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_turns_are_taken_until_the_last_and_then_no_thread_is_there() -> None:
    counter = Counter(ends=5)
    worker = counter.worker()
    assert not worker.running and "test worker" not in threads()
    worker.start()
    worker.wait()
    assert counter.number == 5 and not worker.running and worker.alive and counter.rests == 1
    wait_until(lambda: "test worker" not in threads())


def test_a_pause_ends_the_turns_and_a_start_goes_on() -> None:
    counter = Counter()
    worker = counter.worker()
    for _ in range(2):
        worker.start()
        wait_until(lambda reached=counter.number: counter.number > reached + 3)
        worker.pause()
        worker.wait()
        stopped_at = counter.number
        assert not worker.running and counter.number == stopped_at
    worker.stop()


def test_a_start_during_the_last_turn_is_heard() -> None:
    counter = Counter(ends=1)
    counter.gate.clear()
    worker = counter.worker()
    worker.start()
    assert counter.in_turn.wait(60)
    worker.start()
    counter.gate.set()
    worker.wait()
    assert counter.number == 2


def test_commands_are_obeyed_between_two_turns_in_their_order_and_while_paused() -> None:
    counter = Counter()
    worker = counter.worker()
    worker.do(Say("a"))
    worker.wait()
    assert counter.obeyed == [Say("a")] and counter.number == 0
    counter.gate.clear()
    worker.start()
    assert counter.in_turn.wait(60)
    worker.do(Say("b"))
    worker.do(Say("c"))
    assert counter.obeyed == [Say("a")]
    worker.pause()
    counter.gate.set()
    worker.wait()
    assert counter.obeyed == [Say("a"), Say("b"), Say("c")] and counter.number == 1


def test_a_command_takes_the_place_of_the_last_one_that_waits_if_it_says_so() -> None:
    counter = Counter()
    counter.gate.clear()
    worker = counter.worker()
    worker.start()
    assert counter.in_turn.wait(60)
    for words in ("left", "middle", "right"):
        worker.do(Say("slider", words))
    worker.do(Say("button"))
    worker.do(Say("slider", "left"))
    worker.pause()
    counter.gate.set()
    worker.wait()
    assert counter.obeyed == [Say("slider", "right"), Say("button"), Say("slider", "left")]


@pytest.mark.parametrize("place", ["turn", "obey", "at_rest"])
@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_an_error_is_kept_raised_by_wait_and_forgotten_by_the_next_start(place: str, error: type) -> None:
    def fail(*_: object) -> None:
        if broken:
            raise error("a fault")

    broken = True
    actions: dict[str, Callable] = {"turn": lambda: None, place: fail}
    worker = Worker("test worker", **actions)
    worker.start()
    worker.do(Say("something"))
    with pytest.raises(error, match="a fault"):
        worker.wait()
    assert isinstance(worker.error, error) and not worker.running and worker.alive
    broken = False
    worker.start()
    worker.wait()
    assert worker.error is None


def test_a_second_worker_of_the_name_ends_the_first() -> None:
    first, second = Counter(), Counter(ends=3)
    earlier = first.worker()
    earlier.start()
    wait_until(lambda: first.number > 3)
    later = second.worker()
    assert not earlier.alive and not earlier.running and "test worker" not in threads() and first.rests == 1
    with pytest.raises(RuntimeError, match="test worker has ended; run the cell that made it again"):
        earlier.start()
    with pytest.raises(RuntimeError, match="test worker has ended"):
        earlier.do(Say("too late"))
    earlier.wait()
    later.start()
    later.wait()
    assert second.number == 3 and later.alive


def test_the_end_of_a_worker_at_rest_is_told_too() -> None:
    counter = Counter()
    worker = counter.worker()
    worker.stop()
    worker.stop()
    assert counter.rests == 1 and not worker.alive


def test_a_worker_can_be_stopped_by_its_own_thread_which_may_go_on_to_command_it() -> None:
    def turn() -> float:
        worker.stop()
        worker.do(Say("dropped"))
        return 0.0

    counter = Counter()
    worker = Worker("test worker", turn, obey=counter.obeyed.append, at_rest=counter.rest)
    worker.start()
    wait_until(lambda: "test worker" not in threads())
    worker.wait()
    assert not worker.alive and counter.obeyed == [] and counter.rests == 1 and worker.error is None


def test_stopping_waits_for_the_turn_under_way_and_drops_commands() -> None:
    counter = Counter()
    counter.gate.clear()
    worker = counter.worker()
    worker.start()
    assert counter.in_turn.wait(60)
    worker.do(Say("dropped"))
    when(lambda: not worker.alive, counter.gate.set)
    worker.stop()
    assert counter.number == 1 and counter.obeyed == [] and "test worker" not in threads()


def test_a_rest_between_turns_ends_with_a_command_a_pause_and_the_end() -> None:
    counter = Counter(pause=1000.0)
    worker = counter.worker()
    worker.start()
    wait_until(lambda: counter.number == 1)
    worker.do(Say("now"))
    wait_until(lambda: counter.number == 2 and counter.obeyed)
    worker.pause()
    worker.wait(timeout=60)
    worker.start()
    wait_until(lambda: counter.number == 3)
    worker.stop()
    assert "test worker" not in threads()


def test_settled_means_nothing_moves_and_then_it_goes_on() -> None:
    counter = Counter()
    worker = counter.worker()
    worker.start()
    wait_until(lambda: counter.number > 3)
    with pytest.raises(ZeroDivisionError), worker.settled():
        assert not worker.running
        reached = counter.number
        raise ZeroDivisionError
    wait_until(lambda: counter.number > reached)
    worker.stop()
    with worker.settled():
        pass
    assert not worker.running


def test_an_interrupt_while_waiting_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter()
    worker = counter.worker()
    worker.start()

    def interrupted(timeout: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_wait_for_rest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.wait()
    worker.wait(timeout=60)
    assert not worker.running and worker.alive


def test_waiting_too_long_says_so() -> None:
    worker = Counter().worker()
    worker.start()
    with pytest.raises(TimeoutError, match="test worker was still at work after 0.01 seconds"):
        worker.wait(timeout=0.01)
    assert worker.running


AT_WORK = """
import sys, threading, torch
from rnnlib.live.worker import Worker
a = torch.randn(200, 200)
turns = threading.Semaphore(0)
def turn():
    torch.linalg.eigvals(a)
    turns.release()
    return 0.0
worker = Worker("at work", turn)
worker.start()
turns.acquire(), turns.acquire()
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit(3)", 3), ("1 / 0", 1), ("worker.pause()", 0), ("worker.stop()", 0), ("del worker", 0)],
)
def test_a_process_with_a_worker_ends_cleanly(end: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", AT_WORK + end], capture_output=True, text=True, timeout=120)
    assert ended.returncode == code and ("ZeroDivisionError" in ended.stderr if end == "1 / 0" else not ended.stderr)


def test_an_interrupt_of_who_stops_a_worker_at_rest_is_not_swallowed() -> None:
    def rest() -> None:
        raise KeyboardInterrupt

    worker = Worker("test worker", lambda: None, at_rest=rest)
    with pytest.raises(KeyboardInterrupt):
        worker.stop()
    assert not worker.alive and worker.error is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_waits_for_no_thread_of_its_parent() -> None:
    fork = "import os\nchild = os.fork()\nif child:\n    assert os.waitpid(child, 0)[1] == 0\n"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AT_WORK + fork], capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_waits_until_no_worker_is_in_an_action_which_may_hold_a_lock_of_pythons() -> None:
    code = """
import os, threading, time
from rnnlib.live.worker import Worker

lock = threading.Lock()

def turn():
    with lock:
        time.sleep(0.01)
    return 0.0

worker = Worker("locks", turn)
worker.start()
for _ in range(20):
    child = os.fork()
    if not child:
        os._exit(not lock.acquire(timeout=5))
    assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
