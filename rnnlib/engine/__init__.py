"""The same numbers, faster.  A reader may skip this folder: cells.py and models.py say what is computed.

An engine takes weights and a cell, never a model.  `models.backpropagate` is the definition; tests/unit/test_engine.py
holds every engine against it.
"""

from typing import Protocol

import torch
from torch import Tensor

from rnnlib.cells import Cell, State
from rnnlib.engine.few_operations import FewOperations
from rnnlib.engine.gpu import copy_where, runner, wait_for
from rnnlib.engine.threads import on_one_thread, undisturbed, without_garbage_collection
from rnnlib.models import Backpropagation, Weights

with without_garbage_collection():
    from rnnlib.engine.cpu import CompiledEngine, compile_loops

__all__ = [
    "CompiledEngine", "Engine", "FewOperations", "compile_loops", "copy_where", "on_one_thread", "quickest",
    "runner", "undisturbed", "wait_for",
]  # fmt: skip


class Engine(Protocol):
    """What finds the gradients of a cell from scratch."""

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """As models.backpropagate."""


def quickest(cell: Cell, device: torch.device) -> Engine:
    """Compiled loops on a CPU, few operations on a GPU."""
    return CompiledEngine(cell) if device.type == "cpu" else FewOperations(cell)
