"""The same numbers, faster.  A reader may skip this folder: cells.py and models.py say what is computed.

An engine takes weights and a cell, never a model.  `models.backpropagate` is the definition; tests/unit/test_engine.py
holds every engine against it.
"""

from typing import Protocol

import torch
from torch import Tensor

from rnnlib.cells import Cell, State
from rnnlib.engine.cuda import Graph
from rnnlib.engine.threads import undisturbed, without_garbage_collection
from rnnlib.models import Backpropagation, Weights, backpropagate

with without_garbage_collection():
    from rnnlib.engine.cpu import CompiledEngine, compile_loops

__all__ = ["CompiledEngine", "Definition", "Engine", "Graph", "compile_loops", "quickest", "undisturbed"]


class Engine(Protocol):
    """What finds the gradients of a cell from scratch."""

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """As models.backpropagate."""


class Definition:
    """The definition itself, on any device."""

    def __init__(self, cell: Cell):
        self.cell = cell

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """As models.backpropagate."""
        return backpropagate(self.cell, weights, tokens, targets, state)


def quickest(cell: Cell, device: torch.device) -> Engine:
    """Compiled loops on a CPU; elsewhere the definition, which a trainer records as one graph on a CUDA GPU."""
    return CompiledEngine(cell) if device.type == "cpu" else Definition(cell)
