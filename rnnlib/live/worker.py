"""The one background thread: it takes turns, obeys commands between two of them, and ends with its owner.

Before: registry.py.  Next: pace.py, settings.py.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rnnlib.live.registry import Lock, fork_under_way, workers

MOST_SECONDS_AT_THE_END = 10.0  # for a save under way
SECONDS_BETWEEN_INTERRUPTS = 0.2  # how long an interrupt of the kernel waits where a lock cannot be interrupted


class Command:
    """What a worker is told to do between two turns; every command is a small frozen dataclass."""

    def replaces(self, waiting: "Command") -> bool:
        """Whether the last command that still waits is out of date with this one."""
        return False

    def act(self, owner: Any) -> None:
        """Do what was asked for to who owns the worker."""


class Worker:
    """A background thread of some name.  There is one only while there is something to do.

    turn: called again and again while the worker is `running`.  It returns the seconds to rest before the next turn,
    or None when all is done.  A `start` during the last turn is heard: another turn follows.
    obey: called with every command, between two turns and also while the worker is not running.
    at_rest: called whenever nothing is left to do, and at the end.

    All three are called by the background thread (the last one by whoever stops a worker that has no thread).  What
    one of them raises ends the turns: it is kept in `error`, and `wait` raises it.

    A worker ends by `stop`, when another one takes its name, and with the process: Python must not end while a thread
    is inside torch.  It cannot be started again.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], float | None],
        *,
        obey: Callable[[Command], None] = lambda command: None,
        at_rest: Callable[[], None] = lambda: None,
    ):
        self.name, self.alive, self.running = name, True, False
        self.error: BaseException | None = None
        self._turn, self._obey, self._at_rest = turn, obey, at_rest
        self._commands: deque[Command] = deque()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = self._started_again = False
        self._settled_by_one = threading.RLock()
        self._acting = threading.RLock()  # nobody forks meanwhile
        self._settled_by: threading.Thread | None = None
        self._goes_on = False  # after it was settled
        earlier = workers.get(name)
        workers[name] = self
        if earlier is not None:
            earlier.stop()

    # ---------------------------------------------------------------------------- what an owner does

    def start(self) -> None:
        """Take turns from now on.  Raises RuntimeError after the end."""
        with self._condition:
            self._wait_for_who_has_it_settled()
            self._check_alive()
            was_running = self.running
            self.running, self.error, self._started_again = True, None, True
            if not was_running:  # a rest between two turns goes on
                self._wake()

    def do(self, command: Command) -> None:
        """Obey a command before the next turn; at once, if none is under way.  Raises RuntimeError after the end."""
        with self._condition:
            self._wait_for_who_has_it_settled()
            self._check_alive()
            if self._commands and command.replaces(self._commands[-1]):
                self._commands.pop()
            self._commands.append(command)
            self._wake()

    def pause(self) -> None:
        """Take no turn after the one under way; does not wait for that."""
        with self._condition:
            self.running = False
            self._goes_on = self._goes_on and self._settled_by is threading.current_thread()
            self._condition.notify_all()

    def wait(self, timeout: float = math.inf) -> None:
        """Wait until nothing is left to do, and raise what went wrong, if something did.

        Raises TimeoutError after `timeout` seconds.  An interrupt of the kernel pauses the worker.
        """
        try:
            self._wait_for_rest(timeout)
        except KeyboardInterrupt:
            self.pause()
            raise
        if self.error is not None:
            raise self.error

    def settle(self, timeout: float = 600.0) -> None:
        """Pause, and wait until the turn under way and all commands are done."""
        self.pause()
        self._wait_for_rest(timeout)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Settled inside a `with` block: other threads' starts and commands wait for its end, and so do their `wait`s.

        After it the worker goes on, if it was running and nobody has paused it meanwhile.  One thread at a time.
        """
        with self._settled_by_one:
            with self._condition:
                self._settled_by, self._goes_on = threading.current_thread(), self.running
            try:
                self.settle()
                yield
            finally:
                with self._condition:
                    self._settled_by = None
                    if self._goes_on and self.error is None and self.alive:
                        self.start()  # before a `wait` can see it at rest
                    self._condition.notify_all()

    def stop(self) -> None:
        """End after the turn under way; commands that wait are dropped.  Waits for that, but not in its own thread."""
        with self._condition:
            was_alive, self.alive, self.running = self.alive, False, False
            self._commands.clear()
            self._condition.notify_all()
            nobody_tells = was_alive and not self._busy
        if workers.get(self.name) is self:
            del workers[self.name]
        if nobody_tells:
            self._try(self._at_rest)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # ----------------------------------------------------------------------- what the process does

    @property
    def locks(self) -> tuple[Lock, ...]:
        """As Registered.locks."""
        return self._acting, self._condition

    def begin_anew_in_a_child(self) -> None:
        """As Registered.begin_anew_in_a_child."""
        self._thread, self._busy, self.running = None, False, False

    def end_with_the_process(self) -> None:
        """As Registered.end_with_the_process: neither its own thread is inside torch, nor one that has it settled."""
        self.stop()
        self._settled_by_one.acquire(timeout=MOST_SECONDS_AT_THE_END)  # for good: who wants it next waits for the end

    # -------------------------------------------------------------------------- the background thread

    def _others_have_it_settled(self) -> bool:
        return self._settled_by not in (None, threading.current_thread())

    def _wait_for_who_has_it_settled(self) -> None:
        """With the lock held, which is given up meanwhile; its own thread does not wait."""
        while self._others_have_it_settled() and self._thread is not threading.current_thread():
            self._condition.wait(SECONDS_BETWEEN_INTERRUPTS)

    def _check_alive(self) -> None:
        if not self.alive and self._thread is not threading.current_thread():  # which will see it by itself
            raise RuntimeError(f"{self.name} has ended; run the cell that made it again.")

    def _wake(self) -> None:
        """See, with the lock held, that a thread is there and looks what there is to do."""
        if not self._busy:
            self._busy = True
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        self._condition.notify_all()

    def _work(self) -> None:
        while self._busy:
            while self._has_work():
                self._try(self._work_once)
            was_alive = self.alive
            self._try(self._at_rest)
            with self._condition:
                self._busy = self._has_work() or (was_alive and not self.alive)  # `at_rest` has to see the end
                self._condition.notify_all()

    def _has_work(self) -> bool:
        with self._condition:
            return self.alive and (self.running or bool(self._commands))

    def _work_once(self) -> None:
        """Obey one command, or take one turn if none waits."""
        with self._condition:
            command = self._commands.popleft() if self._commands else None
            self._started_again = False
        if command is not None:
            self._obey(command)
        elif self.running:
            self._rest(self._turn())

    def _rest(self, seconds: float | None) -> None:
        """Wait for the next turn, or for a command; None was the last turn, unless another `start` came meanwhile."""
        with self._condition:
            if seconds is None:
                self.running = self.running and self._started_again
            elif seconds > 0 and self.running and not self._commands:
                self._condition.wait(seconds)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            with fork_under_way:  # it comes before another action
                pass
            with self._acting:
                action()
        except BaseException as error:  # a thread must not die silently: `wait` raises it, a view shows it
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is not self._thread:
                raise  # it was meant for who stops a worker that has no thread
            self.error, self.running = error, False

    def _wait_for_rest(self, timeout: float) -> None:
        ends = time.monotonic() + timeout
        with self._condition:
            while (self._busy or self._others_have_it_settled()) and self._thread is not threading.current_thread():
                self._condition.wait(SECONDS_BETWEEN_INTERRUPTS)
                if time.monotonic() > ends:
                    raise TimeoutError(f"{self.name} was still at work after {timeout:g} seconds.")
