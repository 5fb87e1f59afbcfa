"""CUDA graphs, streams and events on a CPU, with the rules of the real ones.

A graph notes down operations while it is captured, without running them, and runs them at each replay, as if they took
the GPU `Device.seconds_of_a_replay`.  Told as faults, with where it is known from:

- waiting for the GPU while a graph is captured; in "global" mode in any thread (CUDA: cudaStreamCaptureModeGlobal)
- two captures at the same time (PyTorch: "within a process, only one capture may be underway at a time")
- a graph destroyed while another is captured, by the garbage collector say (pytorch#161037, #195397)
- a graph destroyed while another lives that was captured on the same stream: that loses cuBLAS's workspace
  (pytorch#193402)
"""

import contextlib
import threading
import time
import weakref
from typing import Any

import torch
from fake_gpu import Device, asleep, captures_here, fault, tensors, wait


class Graph:
    """torch.cuda.CUDAGraph."""

    living: "weakref.WeakSet[Graph]" = weakref.WeakSet()

    def __init__(self, *_: object, **__: object):
        self.operations: list[Any] = []
        self.thread: threading.Thread | None = None
        self.stream: Stream | None = None
        self.mode, self.is_whole = "", False

    def replay(self) -> None:
        if not self.is_whole:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        with asleep(), torch.no_grad():
            for operation, args, kwargs, out in self.operations:
                result = operation(*args, **kwargs)
                for old, new in zip(tensors(out), tensors(result) if out is not None else [], strict=True):
                    old.copy_(new)
        Device.busy_until = max(Device.busy_until, time.monotonic()) + Device.seconds_of_a_replay

    def reset(self) -> None:
        if Device.capture and self.is_whole:
            fault("a CUDA graph is destroyed while another is captured, which breaks that (pytorch#161037)")
        if self.is_whole and any(graph.stream is self.stream for graph in Graph.living if graph is not self):
            fault(
                "a CUDA graph is destroyed while another lives that was captured on the same stream: that one loses "
                "cuBLAS's workspace (pytorch#193402)"
            )
        Graph.living.discard(self)

    __del__ = reset


class Capturing:
    """torch.cuda.graph."""

    default_stream: "Stream | None" = None

    def __init__(self, graph: Graph, pool=None, stream=None, capture_error_mode="global", **_):  # type: ignore[no-untyped-def]
        self.graph, graph.mode = graph, capture_error_mode
        Capturing.default_stream = Capturing.default_stream or Stream()
        graph.stream = stream or Capturing.default_stream

    def __enter__(self) -> None:
        if Device.capture:
            fault("two graphs are captured at the same time, by two threads")
        self.graph.thread = threading.current_thread()
        Device.capture = self.graph
        time.sleep(0.05)  # as long as a capture takes, so that threads that can meet do

    def __exit__(self, *_: object) -> None:
        Device.capture, self.graph.is_whole = None, True
        Graph.living.add(self.graph)


class Stream:
    """torch.cuda.Stream: there is only one order here."""

    def __init__(self, *_: object, **__: object):
        pass

    def synchronize(self) -> None:
        wait("synchronize of a stream")

    def wait_stream(self, other: "Stream") -> None:
        pass


class Event:
    """torch.cuda.Event.  A step may wait for an earlier one: the host must not run ahead without end."""

    def __init__(self, *_: object, **__: object):
        self.at = 0.0

    def record(self, *_: object) -> None:
        self.at = Device.busy_until

    def synchronize(self) -> None:
        if captures_here():
            fault("an event is waited for while a graph is captured")
        time.sleep(max(0.0, self.at - time.monotonic()))


def install() -> None:
    """From now on torch.cuda and torch.mps have these."""
    current = Stream()
    for name, replacement in {
        "CUDAGraph": Graph, "graph": Capturing, "Stream": Stream, "Event": Event,
        "current_stream": lambda *_: current, "stream": lambda *_: contextlib.nullcontext(),
        "synchronize": lambda *_: wait("synchronize"), "empty_cache": lambda: None,
        "is_current_stream_capturing": captures_here,
    }.items():  # fmt: skip
        setattr(torch.cuda, name, replacement)
    torch.mps.event.Event = Event
    torch.mps.synchronize = lambda: wait("synchronize")
