"""Backpropagation on a CPU: models.backpropagate by compiled loops, on as many threads as pay.

First the weights are packed for the products.  Then each thread walks some rows of the batch, which do not touch one
another, forward and back.  Then each takes some columns of the weights' gradients, which need all rows.  Every number
is added up in the same order on any number of threads, so it is the same number.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from rnnlib.cells import CELLS, GRU, LSTM, RNN, Cell, State
from rnnlib.engine import loops, threads
from rnnlib.engine.products import ROWS_OF_A_TILE, Array, pack, pack_transposed, padded, panel_width, panels_for
from rnnlib.models import Backpropagation, LanguageModel, Weights

# With less to do, a thread would be waited for longer than it computes; in multiplications of a whole step.
LEAST_WORK_OF_A_THREAD = 1_500_000


class CompiledEngine:
    """The numbers of models.backpropagate for one cell.  The next call writes over what a call returned."""

    def __init__(self, cell: Cell, *, most_threads: int | None = None):
        """most_threads: by default as many as the machine has cores for this process and the reader lets torch use."""
        self.cell = cell
        self.most_threads = threads.available() if most_threads is None else most_threads
        self._workspace: Workspace | None = None

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """tokens, targets (T, B) of the vocabulary, state (B, H) each, all on the CPU: not looked at again."""
        sizes = (*tokens.shape, *weights.W_hq.shape, weights.W_hq.dtype)
        if self._workspace is None or self._workspace.sizes != sizes:
            self._workspace = Workspace(self.cell, *sizes, most_threads=self.most_threads)
            with threads.without_garbage_collection():  # Numba may have to load the loops
                return self._workspace.backpropagate(weights, tokens, targets, state)
        return self._workspace.backpropagate(weights, tokens, targets, state)


class Workspace:
    """The memory of one step of one size, and the work on it.  Fresh memory for every step would cost a fifth of it.

    H and V are padded to whole panels (products.py).  An RNN counts as one gate here.
    """

    def __init__(self, cell: Cell, T: int, B: int, H: int, V: int, torch_dtype: torch.dtype, *, most_threads: int):
        self.cell, self.sizes, self.torch_dtype = cell, (T, B, H, V, torch_dtype), torch_dtype
        dtype = torch.empty((), dtype=torch_dtype, device="cpu").numpy().dtype
        G = cell.gates[0] if cell.gates else 1
        wide, width = padded(H, dtype), panel_width(dtype)
        places = {RNN: 1, GRU: 4, LSTM: 4}[cell]  # a GRU keeps h_{t-1} W_hn beside its three gates
        self.gates, self.dh = np.zeros((places, T, B, wide), dtype), np.zeros((T, B, wide), dtype)
        self.states = [np.zeros((T + 1, B, wide), dtype) for _ in range(cell.state_size)]
        self.tanh_c, self.dc = np.zeros((T, B, wide), dtype), np.zeros((B, wide), dtype)
        self.d_logits, self.losses = np.zeros((T, B, padded(V, dtype)), dtype), np.zeros((T, B))
        self.W_hh, self.W_hh_back = (np.zeros((G, *panels_for(H, H, dtype)), dtype) for _ in range(2))
        self.W_hq, self.W_hq_back = np.zeros(panels_for(H, V, dtype), dtype), np.zeros(panels_for(V, H, dtype), dtype)
        self.gradient, self.d = _weights_in_one_vector([(G, V, H), (G, H, H), (G, H), (H, V), (V,)], dtype)

        tiles = -(-B // ROWS_OF_A_TILE)
        self.threads = max(1, min(most_threads, tiles, T * B * H * (G * H + V) // LEAST_WORK_OF_A_THREAD))
        bounds = [min(B, tiles * part // self.threads * ROWS_OF_A_TILE) for part in range(self.threads + 1)]
        self.rows = list(pairwise(bounds))
        self.panels = [np.zeros((T * B, width), dtype) for _ in range(self.threads)]
        self.products = [np.zeros((H, width), dtype) for _ in range(self.threads)]
        self.columns = [(gate, first) for gate in range(G) for first in range(0, H, width)]
        tasks: list[Callable[[int], None]] = [self._learn_input(gate) for gate in range(G)]
        tasks += [self._learn_output(first) for first in range(0, V, width)]
        self.tasks = tasks + [self._learn_recurrent(gate, first) for gate, first in self.columns]

    def backpropagate(self, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """As models.backpropagate, into this memory."""
        arrays: list[Array] = [weight.detach().numpy() for weight in weights]
        self.w = Weights(*arrays)
        if not self.cell.gates:
            W_xh, W_hh, b_h, *output = self.w
            self.w = Weights(W_xh[None], W_hh[None], b_h[None], *output)
        self.tokens, self.targets = (np.ascontiguousarray(numbers.numpy()) for numbers in (tokens, targets))
        _, _, H, _, _ = self.sizes
        for array, part in zip(self.states, state, strict=True):
            array[0, :, :H] = part.detach().numpy()
        self.dc.fill(0)
        for work in (self._pack, self._walk, self._learn):
            threads.side_by_side(work, self.threads)
        loss = torch.tensor(float(self.losses.mean()), dtype=self.torch_dtype, device="cpu")
        h, *c = (torch.from_numpy(array)[..., :H] for array in self.states)
        last = tuple(part[-1] for part in (h, *c))
        return Backpropagation(loss, [torch.from_numpy(self.gradient)], last, h[1:], torch.from_numpy(self.dh)[..., :H])

    def _pack(self, thread: int) -> None:
        for gate, first in self.columns[thread :: self.threads]:
            panel = first // self.W_hh.shape[-1]
            pack(self.w.W_hh[gate], self.W_hh[gate, panel], first)
            pack_transposed(self.w.W_hh[gate], self.W_hh_back[gate, panel], first)
        for number in range(thread, len(self.W_hq), self.threads):
            pack(self.w.W_hq, self.W_hq[number], number * self.W_hq.shape[-1])
        for number in range(thread, len(self.W_hq_back), self.threads):
            pack_transposed(self.w.W_hq, self.W_hq_back[number], number * self.W_hq_back.shape[-1])

    def _walk(self, thread: int) -> None:
        """Forward and back over the rows of one thread."""
        rows, h, dh = self.rows[thread], self.states[0], self.dh
        forward, back = (self.gates, self.W_hh), (self.gates, self.W_hh_back)
        loops.embed(self.tokens, self.w.W_xh, self.w.b_h, self.gates, *rows)
        if self.cell is RNN:
            loops.rnn_forward(*forward, h, *rows)
        elif self.cell is GRU:
            loops.gru_forward(*forward, h, *rows)
        else:
            loops.lstm_forward(*forward, *self.states, self.tanh_c, *rows)
        weights = self.W_hq, self.W_hq_back, self.w.b_q
        loops.output(h, self.targets, *weights, self.d_logits, self.losses, dh, *rows)
        if self.cell is RNN:
            loops.rnn_backward(*back, h, dh, *rows)
        elif self.cell is GRU:
            loops.gru_backward(*back, h, dh, *rows)
        else:
            loops.lstm_backward(*back, self.states[1], self.tanh_c, dh, self.dc, *rows)

    def _learn(self, thread: int) -> None:
        for task in self.tasks[thread :: self.threads]:
            task(thread)

    def _learn_input(self, gate: int) -> Callable[[int], None]:
        dx = self.gates[3 if self.cell is GRU and gate == 2 else gate]
        return lambda thread: loops.learn_input(gate, self.tokens, dx, self.d.W_xh, self.d.b_h)

    def _learn_recurrent(self, gate: int, first: int) -> Callable[[int], None]:
        def learn(thread: int) -> None:
            memory = self.panels[thread], self.products[thread]
            loops.learn_recurrent(gate, first, self.states[0], self.gates[gate], *memory, self.d.W_hh)

        return learn

    def _learn_output(self, first: int) -> Callable[[int], None]:
        def learn(thread: int) -> None:
            memory = self.panels[thread], self.products[thread]
            loops.learn_output(first, self.states[0], self.d_logits, *memory, self.d.W_hq, self.d.b_q)

        return learn


def _weights_in_one_vector(shapes: Sequence[tuple[int, ...]], dtype: np.dtype) -> tuple[Array, Weights]:
    """A vector of zeros, and views of it with the weights' names."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    vector = np.zeros(int(ends[-1]), dtype)
    views: list[Array] = [vector[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), shapes, strict=True)]
    return vector, Weights(*views)


def compile_loops() -> None:
    """Compile all that training on a CPU needs, so that no lab has to wait for it: some seconds, once."""
    tokens = torch.zeros(1, 1, dtype=torch.int64, device="cpu")
    for name, cell in CELLS.items():
        model = LanguageModel(name, vocab_size=2, hidden_size=2, generator=torch.Generator())
        CompiledEngine(cell).backpropagate(model.weights, tokens, tokens, model.initial_state(1))
