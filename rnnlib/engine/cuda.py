"""A training step on a CUDA GPU as one graph: recorded once, replayed without Python."""

from collections.abc import Callable

import torch
from torch import Tensor


class Graph:
    """Runs a function of two tensors on a GPU as one CUDA graph: three calls to warm up, then replays.

    The graph reads its inputs where it was captured, so each call copies them there.
    Source: PyTorch documentation, "CUDA semantics: CUDA Graphs".
    """

    def __init__(self, function: Callable[[Tensor, Tensor], None]):
        self.function, self.calls = function, 0
        self.graph, self.stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()

    def __call__(self, tokens: Tensor, targets: Tensor) -> None:
        self.calls += 1
        if self.calls <= 3:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.function(tokens, targets)
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if self.calls == 4:
            self.tokens, self.targets = tokens.clone(), targets.clone()
            with torch.cuda.graph(self.graph):
                self.function(self.tokens, self.targets)
        self.tokens.copy_(tokens)
        self.targets.copy_(targets)
        self.graph.replay()
