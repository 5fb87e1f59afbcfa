"""What a reader hands in, looked at before anything is computed: each mistake is answered in one sentence.

Not part of the reading path.
"""

import math
import os
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from rnnlib.cells import CELLS, State

MAX_HIDDEN_SIZE = 4096
LEAST_OF_FLOAT32, MOST_OF_FLOAT32 = 1.2e-38, 3.4e38  # training computes in it


def plain(value: Any) -> Any:
    """A number of NumPy, PyTorch or another library as Python's own, a path as a str; anything else as it is."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def learning_rate(rate: object) -> float:
    """A learning rate as a plain number.  Raises ValueError for what none can be."""
    return _in_float32(rate, f"the learning rate must be a number above 0; it is {rate!r}")


def clip_threshold(threshold: object) -> float:
    """A clipping threshold as a plain number.  Raises ValueError for what none can be."""
    if plain(threshold) == math.inf:
        return math.inf
    wanted = "above 0 (math.inf switches clipping off)"
    return _in_float32(threshold, f"the clipping threshold must be {wanted}; it is {threshold!r}")


def _in_float32(number: object, refusal: str) -> float:
    found = plain(number)
    if not isinstance(found, int | float) or not 0 < found < math.inf:
        raise ValueError(f"{refusal}.")
    if not LEAST_OF_FLOAT32 <= found <= MOST_OF_FLOAT32:
        raise ValueError(f"{refusal}, and training computes with {LEAST_OF_FLOAT32} to {MOST_OF_FLOAT32}.")
    return float(found)


def choose_device(name: str = "auto") -> torch.device:
    """The device to train on: "cuda", "mps" or "cpu"; "auto" takes a CUDA GPU on which an operation works, or the CPU.

    Small recurrent networks are slower on Apple's mps than on its CPU, so mps is taken only when asked for.  Raises
    ValueError for a device that is not here.
    """
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if here["cuda"] and _cuda_works() else "cpu")
    if not here.get(name, False):
        names = ", ".join(device for device, is_here in here.items() if is_here)
        raise ValueError(f"there is no device {name!r} here; choose from: auto, {names}.")
    return torch.device(name)


def _cuda_works() -> bool:
    try:
        return float(torch.ones(2, device="cuda").sum()) == 2
    except RuntimeError:
        return False


def check_cell(name: str) -> None:
    """Raise ValueError for the name of a cell that is not there."""
    if name not in CELLS:
        raise ValueError(f"there is no cell {name!r}; the cells are {', '.join(CELLS)}.")


def check_hidden_size(hidden_size: object) -> None:
    """Raise ValueError for a hidden size that no model here can have."""
    if not isinstance(hidden_size, Integral) or not 1 <= int(hidden_size) <= MAX_HIDDEN_SIZE:
        raise ValueError(f"the hidden size must be a whole number, 1 to {MAX_HIDDEN_SIZE}; it is {hidden_size!r}.")


def check_finite(computed: Tensor) -> None:
    """Raise ValueError for what a network has computed if it is not all numbers."""
    if not bool(computed.isfinite().all()):
        raise ValueError(
            "the network is lost: what it computes is no longer a number. Train it anew, in smaller steps."
        )


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raise ValueError for tokens that are not (T, B) int64 with T >= 1 and B >= 1, or not of the vocabulary.

    Does not look at the numbers on a GPU, which it would have to wait for.
    """
    if tokens.dtype != torch.int64 or tokens.dim() != 2 or tokens.numel() == 0:
        raise ValueError(
            f"tokens must be int64 of shape (T, B) with T and B at least 1; these are {tokens.dtype} of shape "
            f"{tuple(tokens.shape)}. One sequence of T tokens is tokens[:, None]."
        )
    if tokens.device.type == "cpu":
        least, most = (int(bound) for bound in tokens.aminmax())
        if least < 0 or most >= vocab_size:
            raise ValueError(
                f"tokens must be from 0 to {vocab_size - 1}, this model's vocabulary; these are from {least} to {most}."
            )


def check_targets(targets: Tensor, tokens: Tensor, vocab_size: int) -> None:
    """Raise ValueError for targets that are not one token of the vocabulary for each token read."""
    check_tokens(targets, vocab_size)
    if targets.shape != tokens.shape:
        raise ValueError(f"each token needs a target; {tuple(tokens.shape)} tokens have {tuple(targets.shape)}.")


def check_state(state: State, initial_state: State) -> None:
    """Raise ValueError for a state whose parts have not the number and shapes of the initial one."""
    wanted = [tuple(part.shape) for part in initial_state]
    found = [tuple(part.shape) for part in state] if isinstance(state, tuple) else f"a {type(state).__name__}"
    if found != wanted:
        raise ValueError(
            f"the state must be a tuple of tensors of the shapes {wanted}, as from initial_state; it is {found}."
        )
