"""A GPU that is not there: what would a real one refuse, wait for, or get wrong?

Tensors of the class FakeTensor are CPU tensors that say they lie on a GPU: the numbers are real, and every operation is
seen.  Told as faults, with their place in rnnlib: tensors of two devices in one operation, the host waiting for the GPU
inside a training step, float64 on mps, a number that lies on the CPU in a graph.  fake_graphs.py has CUDA graphs with
the rules of the real ones.

`install` changes torch for the rest of the process, so these tests run in a process of their own.
"""

import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # first, for it looks at what is replaced below
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

ROOT = Path(__file__).parents[2]

faults: dict[str, None] = {}
waits: defaultdict[str, float] = defaultdict(float)  # for how many seconds, and where, the host waited for the GPU
_here = threading.local()
asleep = torch._C._DisableTorchDispatch


class Device:
    """The one GPU."""

    kind = "cuda"
    capture: Any = None  # the graph that is being captured
    busy_until = 0.0  # when it will have done what it was given
    seconds_of_a_replay = 0.002


def place() -> str:
    """Where in rnnlib this thread is, innermost first."""
    frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(str(ROOT / "rnnlib"))]
    lines = list(dict.fromkeys(f"{Path(frame.filename).relative_to(ROOT)}:{frame.lineno}" for frame in frames))
    return " <- ".join(lines[:-4:-1]) or "outside rnnlib"


def fault(what: str) -> None:
    faults[f"{place()}: {what}"] = None


@contextmanager
def inside_a_step() -> Iterator[None]:
    """Inside, the host must not wait for the GPU."""
    _here.in_step = True
    try:
        yield
    finally:
        _here.in_step = False


def captures_here() -> bool:
    return Device.capture is not None and Device.capture.thread is threading.current_thread()


def wait(what: str) -> None:
    """The host waits for all that the GPU was given."""
    if captures_here():
        fault(f"{what} waits for the GPU while a graph is captured")
    elif Device.capture and (Device.capture.mode == "global" or what == "synchronize"):
        fault(f'{what} in another thread while a graph is captured in "{Device.capture.mode}" mode breaks the capture')
    elif getattr(_here, "in_step", False) and "text.py" not in place():  # once an epoch batches are cut anew
        fault(f"{what} waits for the GPU inside a training step")
    seconds = Device.busy_until - time.monotonic()
    if seconds > 0:
        waits[f"{place()}: {what}"] += seconds
        time.sleep(seconds)


def tensors(tree: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def on_gpu(tree: object) -> Any:
    """The same memory, on the GPU."""

    def moved(leaf: object) -> object:
        is_elsewhere = isinstance(leaf, torch.Tensor) and type(leaf) is not FakeTensor
        return torch.Tensor._make_subclass(FakeTensor, leaf) if is_elsewhere else leaf

    return tree_map(moved, tree)


def execute(operation: Any, args: Any, kwargs: Any) -> Any:
    """Run an operation on the data; while this thread captures a graph, note it down and change nothing."""
    with asleep():
        if not captures_here():
            return on_gpu(operation(*args, **kwargs))
        schema = getattr(operation, "_schema", None)
        if schema is not None and schema.is_mutable:
            named = {a.name: value for a, value in zip(schema.arguments, args, strict=False)} | kwargs
            out = [named[a.name] for a in schema.arguments if a.alias_info and a.alias_info.is_write]
            Device.capture.operations.append((operation, args, kwargs, None))
            return out[0] if len(out) == 1 else tuple(out)
        out = on_gpu(operation(*args, **kwargs))
        inputs = {tensor.untyped_storage().data_ptr() for tensor in tensors((args, kwargs))}
        if not all(tensor.untyped_storage().data_ptr() in inputs for tensor in tensors(out)):  # a view is no operation
            Device.capture.operations.append((operation, args, kwargs, out))
        return out


class FakeTensor(torch.Tensor):
    """A tensor on the GPU."""

    device = property(lambda self: torch.device(Device.kind, 0))
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs, name = dict(kwargs or {}), operation.overloadpacket.__name__
        if kwargs.get("device") is not None:
            kwargs["device"] = "cpu"
        there = tensors((args, kwargs))
        strangers = [tensor for tensor in there if type(tensor) is not FakeTensor]
        if captures_here() and any(tensor.dim() == 0 for tensor in strangers):
            fault(f"{name} with a number that lies on the CPU: the graph will keep its value of now")
        if name == "copy_" and strangers:
            wait("a copy between CPU and GPU")
        elif name in ("index", "index_put_", "index_put") and strangers and type(there[0]) is FakeTensor:
            wait("an index that lies on the CPU")
        elif any(tensor.dim() > 0 or name in ("cat", "stack") for tensor in strangers):
            fault(f"{name} on tensors of two devices, {[tuple(tensor.shape) for tensor in strangers]} on the CPU")
            raise RuntimeError(f"{name}: expected all tensors to be on the same device")
        is_masked = name in ("index", "index_put_") and any(t.dtype == torch.bool for t in tensors(args[1]))
        if is_masked or name in ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_linalg_check_errors"):
            wait(name)
        out = execute(operation, args, kwargs)
        if Device.kind == "mps" and any(tensor.dtype == torch.float64 for tensor in tensors(out)):
            fault(f"{name} gives float64, which MPS does not have")
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return out


class Mode(TorchFunctionMode):
    """What torch does before an operation is dispatched: `device=`, .to, .cpu, .numpy, .tolist, pickling."""

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs, name = dict(kwargs or {}), getattr(function, "__name__", "")
        is_mine = bool(args) and type(args[0]) is FakeTensor
        if name in ("to", "cpu", "cuda", "mps") and isinstance(args[0], torch.Tensor):
            return self._move(function, name, is_mine, args, kwargs)
        if is_mine and name == "numpy":
            fault(".numpy() of a tensor on the GPU")
            raise TypeError(f"can't convert {Device.kind} device type tensor to numpy. Use Tensor.cpu() first.")
        if is_mine and name in ("tolist", "__reduce_ex__"):
            wait(name)
            with asleep(), torch._C.DisableTorchFunctionSubclass():
                return function(args[0].detach().clone(), *args[1:], **kwargs)
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == Device.kind:
            if name in ("tensor", "as_tensor") and not is_mine:
                wait(f"{name}(..., device)")
            return execute(function, args, kwargs | {"device": "cpu"})
        if is_mine and name == "one_hot":  # looks at the numbers on a CPU only
            return execute(function, args, kwargs)
        return function(*args, **kwargs)

    @staticmethod
    def _move(function: Any, name: str, is_mine: bool, args: Any, kwargs: Any) -> Any:
        given = [*args[1:], *kwargs.values()] if name == "to" else [name]
        given = [
            x for each in given for x in ((each.device, each.dtype) if isinstance(each, torch.Tensor) else (each,))
        ]
        devices = [torch.device(x).type for x in given if isinstance(x, str | torch.device)]
        dtypes, result = [x for x in given if isinstance(x, torch.dtype)], args[0]
        if devices and devices[0] in ("cpu", Device.kind) and is_mine is (devices[0] == "cpu"):
            wait(f".{name}({devices[0]})")
            with asleep(), torch._C.DisableTorchFunctionSubclass():
                result = result.detach().clone()
            result = on_gpu(result) if devices[0] == Device.kind else result
        return function(result, dtypes[0]) if name == "to" and dtypes else result


def install(kind: str) -> None:
    """From now on this process has a GPU of this kind, "cuda" or "mps"."""
    Device.kind = kind
    run = threading.Thread.run
    threading.Thread.run = lambda self: [Mode().__enter__(), run(self)] and None  # type: ignore[method-assign]
    torch.cuda.is_available = lambda: kind == "cuda"
    torch.backends.mps.is_available = lambda: kind == "mps"
    is_compatible = torch._has_compatible_shallow_copy_type
    torch._has_compatible_shallow_copy_type = lambda old, new: (
        FakeTensor not in (type(old), type(new)) and is_compatible(old, new)
    )
    torch.backends.mkldnn.enabled = False  # its LSTM works otherwise without autograd, in a replay
    Mode().__enter__()
