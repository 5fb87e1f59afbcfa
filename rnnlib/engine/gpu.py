"""A training step on a GPU: enqueued a few steps ahead; on a CUDA GPU recorded once as a graph and replayed without
Python.

Rules of CUDA graphs that are kept here, each with where it is known from:

- A function runs some times on the graph's stream before it is captured (PyTorch's notes on CUDA, "CUDA Graphs").
- One capture at a time in a process; what other threads do on the GPU meanwhile must not count ("thread_local").
- A graph destroyed while another is captured breaks that (pytorch#161037): who destroys one waits for the capture,
  nothing refers back to a graph, so that it goes with its trainer, and garbage collection rests during a capture.
- Graphs of one stream share cuBLAS's workspace, which goes with the first of them (pytorch#193402): every trainer has a
  stream of its own, for all its graphs.
- A graph whose capture was broken off must never be replayed.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from rnnlib.engine.threads import without_garbage_collection

STEPS_AHEAD = 8  # of the GPU: enough that it never waits for Python, few enough that a knob is felt at once
CALLS_TO_WARM_UP = 3

Event = torch.cuda.Event | torch.mps.event.Event
Step = Callable[[Tensor, Tensor], None]


class Runner(Protocol):
    """What runs a step of two tensors (tokens, targets) again and again."""

    def __call__(self, step: Step, tokens: Tensor, targets: Tensor) -> None:
        """Run it.  `step` must be the same function, working on the same tensors, until `forget` is called."""

    def forget(self) -> None:
        """What the step does, or the tensors that it works on, are about to change."""


def runner(device: torch.device) -> Runner:
    """A runner for steps on this device."""
    kinds: dict[str, type[Directly | AFewAhead | Graph]] = {"cpu": Directly, "mps": AFewAhead, "cuda": Graph}
    return kinds[device.type]()


class Directly:
    """Runs a step, and has done it when it returns."""

    def __call__(self, step: Step, tokens: Tensor, targets: Tensor) -> None:
        """As Runner."""
        step(tokens, targets)

    def forget(self) -> None:
        """Nothing was kept."""


class AFewAhead:
    """Enqueues steps on Apple's GPU, at most STEPS_AHEAD of them."""

    def __init__(self) -> None:
        self._ends = Ends(lambda: torch.mps.event.Event())

    def __call__(self, step: Step, tokens: Tensor, targets: Tensor) -> None:
        """As Runner."""
        step(tokens, targets)
        self._ends.mark()

    def forget(self) -> None:
        """Nothing was kept."""


class Graph:
    """Enqueues steps on a CUDA GPU, at most STEPS_AHEAD of them: some to warm up, then as one graph.

    The graph reads its inputs where it was captured, so each call copies them there.
    """

    _one_at_a_time = threading.RLock()  # who captures, or destroys

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._ends = Ends(lambda: torch.cuda.Event(blocking=True))  # a wait that does not spin
        self.forget()

    def forget(self) -> None:
        """Give the graph and its memory back; warm up again."""
        with self._one_at_a_time:
            self._calls = 0
            self._graph: torch.cuda.CUDAGraph | None = None
            self._inputs: tuple[Tensor, ...] = ()

    __del__ = forget

    def __call__(self, step: Step, tokens: Tensor, targets: Tensor) -> None:
        """As Runner."""
        if self._calls < CALLS_TO_WARM_UP:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                step(tokens, targets)
            torch.cuda.current_stream().wait_stream(self._stream)
        else:
            if self._graph is None:
                self._graph = self._capture(step, tokens, targets)
            for place, new in zip(self._inputs, (tokens, targets), strict=True):
                place.copy_(new)
            self._graph.replay()
        self._calls += 1
        self._ends.mark()

    def _capture(self, step: Step, *inputs: Tensor) -> torch.cuda.CUDAGraph:
        self._inputs, graph = tuple(tensor.clone() for tensor in inputs), torch.cuda.CUDAGraph()
        with (
            self._one_at_a_time,
            without_garbage_collection(),
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
        ):
            step(*self._inputs)
        return graph


class Ends:
    """The ends of the steps that a GPU was given."""

    def __init__(self, new_event: Callable[[], Event]):
        self._new_event, self._events = new_event, deque[Event]()

    def mark(self) -> None:
        """Another step was given.  Waits for the end of the one STEPS_AHEAD before it."""
        if len(self._events) == STEPS_AHEAD:
            self._events[0].synchronize()
            event = self._events.popleft()
        else:
            event = self._new_event()
        event.record()
        self._events.append(event)


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.current_stream().synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def copy_where(condition: Tensor, source: Tensor, target: Tensor) -> None:
    """target <- source if the condition, (), holds.  Does not wait for a GPU; a CPU copies faster than it selects."""
    if condition.device.type != "cpu":
        torch.where(condition, source, target, out=target)
    elif condition:
        target.copy_(source)
