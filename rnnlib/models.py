"""Language models: a cell between tokens and predictions, from scratch and over PyTorch's layers.

Before: cells.py.  Next: training.py turns the gradients found here into learning.

Both models are called as `logits, state = model(tokens, state)`: tokens (T, B) int64 -> logits (T, B, V), where
logits[t, b] rates every possible token after tokens[t, b].  Both find their own gradients: `model.backpropagate`.
"""

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy
import threadpoolctl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.cells import CELLS, LSTM, Array, Cell, Workspace, array_library

State = Tensor | tuple[Tensor, Tensor]  # h, or (h, c) for an LSTM
MAX_HIDDEN_SIZE = 4096
# A thread with less to do would wait for Python's lock more than it computes.
SMALLEST_HIDDEN_SIZE_FOR_THREADS, FEWEST_ROWS_PER_THREAD = 192, 8
CPU_THREADS = torch.get_num_threads()
_pool = ThreadPoolExecutor(CPU_THREADS, "rows of a batch", initializer=lambda: torch.set_num_threads(1))
# NumPy's matrix products stay on one thread each.  Two would wait for each other 70 times a step: half the time on an
# idle machine, 20 times as long beside a browser.  Threads that take rows of a batch wait once.
threadpoolctl.threadpool_limits(1, user_api="blas")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def one_torch_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keep torch to one thread inside `function`: its second one would spin on the core that NumPy's products need."""

    @functools.wraps(function)
    def with_one_thread(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(threads)

    return with_one_thread


class Backpropagation(NamedTuple):
    """What one minibatch teaches.  The next call uses this memory again.

    loss (): mean cross-entropy per token, in nats.  gradients: dloss/dp for each p of `model.trainable`.
    state: after the last step, cut from the graph.  hidden, hidden_gradients (T, B, H): h_t and dL/dh_t, in pieces side
    by side along B; none where a layer of PyTorch keeps them to itself.
    """

    loss: Tensor
    gradients: list[Tensor]
    state: State
    hidden: tuple[Tensor, ...] = ()
    hidden_gradients: tuple[Tensor, ...] = ()


class Weights(NamedTuple):
    """The weights of a LanguageModel.

    RNN: W_xh (V, H), W_hh (H, H), b_h (H); GRU and LSTM: three and four of each, (3, V, H) and so on (cells.py).
    Output layer: W_hq (H, V), b_q (V).
    """

    W_xh: Tensor
    W_hh: Tensor
    b_h: Tensor
    W_hq: Tensor
    b_q: Tensor


class LanguageModel(nn.Module):
    """One recurrent layer from scratch (cells.py) and an output layer: logits_t = h_t W_hq + b_q.

    All weights lie end to end in one parameter, `vector`; `weights` are views of it, by name.  The global norm of
    the gradient is then the norm of one vector, and an update is one operation.
    """

    def __init__(
        self,
        cell: str = "rnn",
        *,
        vocab_size: int,
        hidden_size: int,
        device: torch.device | str = "cpu",
        generator: torch.Generator | None = None,
    ):
        """Weights are drawn uniformly from +-1/sqrt(H), as PyTorch's layers draw theirs.

        cell: "rnn", "gru" or "lstm".  Raises ValueError for another name or a hidden size outside 1 to 4096.
        """
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"there is no cell {cell!r}; the cells are {', '.join(CELLS)}.")
        check_hidden_size(hidden_size)
        self.cell: Cell = CELLS[cell]
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        ends = itertools.accumulate(map(math.prod, self.shapes()), initial=0)
        self._places = [slice(*pair) for pair in itertools.pairwise(ends)]
        bound = hidden_size**-0.5
        vector = torch.empty(sum(map(math.prod, self.shapes()))).uniform_(-bound, bound, generator=generator)
        self.vector = nn.Parameter(vector.to(device))
        self._workspaces = [Workspace()]

    def copy(self) -> "LanguageModel":
        """A model of its own with the same weights."""
        twin = LanguageModel(self.cell.name, vocab_size=self.vocab_size, hidden_size=self.hidden_size)
        twin.vector = nn.Parameter(self.vector.detach().clone())
        return twin

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the five weights, in the order in which they lie in `vector`."""
        V, H, blocks = self.vocab_size, self.hidden_size, self.cell.blocks
        return [(*blocks, V, H), (*blocks, H, H), (*blocks, H), (H, V), (V,)]

    def named(self, vector: Array) -> Weights:
        """A vector as long as `vector` (the weights, their gradient), as views with the weights' names."""
        places = zip(self._places, self.shapes(), strict=True)
        return Weights(*(vector[place].reshape(shape) for place, shape in places))

    @property
    def weights(self) -> Weights:
        """The weights by name; views of `vector`, so what is written into them is learned by the model."""
        return self.named(self.vector)

    @property
    def trainable(self) -> list[Tensor]:
        """What a trainer updates."""
        return [self.vector]

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.vector.device

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token: zeros (B, H); for an LSTM a pair of them, (h, c)."""
        zeros = self.vector.new_zeros(batch_size, self.hidden_size)
        return (zeros, zeros.clone()) if self.cell.has_cell else zeros

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B), state (B, H) or a pair of them -> logits (T, B, V), state after the last step."""
        hidden, state = self.hidden_states(tokens, state)
        return hidden @ self.weights.W_hq + self.weights.b_q, state

    @one_torch_thread
    def hidden_states(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B) -> hidden states h_1 to h_T (T, B, H), and the state after the last step."""
        check_tokens(tokens, self.vocab_size)
        hidden, *cell = _Unrolled.apply(self.cell, self.input_shares(tokens), self.weights.W_hh, *parts(state))
        return hidden, (hidden[-1], *cell) if cell else hidden[-1]

    def input_shares(self, tokens: Tensor) -> Tensor:
        """x_t W_xh + b_h for all t, (blocks, T, B, H)."""
        W_xh, _, b_h, *_ = self.weights
        return look_up(tokens, W_xh + b_h[..., None, :])

    @property
    def torch_threads(self) -> int:
        """How many threads torch should have while this model trains.  Changing it at every step would be slow."""
        return CPU_THREADS if self.is_trained_by_layer else 1

    @property
    def is_trained_by_layer(self) -> bool:
        """Whether PyTorch's layer trains this model faster than cells.py: oneDNN's LSTM on a CPU (bench/RESULTS.md)."""
        return self.cell is LSTM and self.device.type == "cpu"

    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """Forward, loss and backward, by whatever is fastest.  tokens, targets (T, B) int64."""
        if self.is_trained_by_layer:
            return self._backpropagate_by_layer(tokens, targets, state)
        return self.backpropagate_by_hand(tokens, targets, state)

    @torch.no_grad()
    @one_torch_thread
    def backpropagate_by_hand(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """The same by cells.py alone.  The rows of a batch do not touch: each thread takes some, gradients add up."""
        B, count = tokens.shape[1], targets.numel()
        if self.device.type != "cpu" or self.hidden_size < SMALLEST_HIDDEN_SIZE_FOR_THREADS:
            return self._backpropagate_rows(tokens, targets, state, count, self._workspaces[0])
        rows = max(FEWEST_ROWS_PER_THREAD, -(-B // CPU_THREADS))
        pieces = [slice(first, first + rows) for first in range(0, B, rows)]
        self._workspaces += [Workspace() for _ in pieces[len(self._workspaces) :]]
        arguments = [
            (tokens[:, piece], targets[:, piece], _select_rows(state, piece), count, workspace)
            for piece, workspace in zip(pieces, self._workspaces, strict=False)
        ]
        others = [_pool.submit(self._backpropagate_rows, *theirs) for theirs in arguments[1:]]
        results = [self._backpropagate_rows(*arguments[0]), *(other.result() for other in others)]
        gradient = results[0].gradients[0]
        for result in results[1:]:
            gradient += result.gradients[0]
        h, *c = (torch.cat(part) for part in zip(*(parts(result.state) for result in results), strict=True))
        return Backpropagation(
            loss=torch.stack([result.loss for result in results]).sum(),
            gradients=[gradient],
            state=(h, c[0]) if c else h,
            hidden=sum((result.hidden for result in results), ()),
            hidden_gradients=sum((result.hidden_gradients for result in results), ()),
        )

    @numpy.errstate(all="ignore")  # numbers that are not finite are for the trainer to tell
    def _backpropagate_rows(
        self, tokens: Tensor, targets: Tensor, state: State, count: int, workspace: Workspace
    ) -> Backpropagation:
        """Some rows of a batch of `count` = T B tokens: their share of the mean loss, and its gradient."""
        vector, blocks = native(self.vector), self.cell.blocks
        library, gradient = array_library(vector), workspace.empty("gradient", vector.shape, vector)
        weights, d_weights = self.named(vector), self.named(gradient)

        shares = workspace.empty("shares", (*blocks, *tokens.shape, self.hidden_size), vector)
        look_up(tokens, weights.W_xh + weights.b_h[..., None, :], out=shares)
        way = self.cell.forward(shares, native_state(state), weights.W_hh, workspace)
        loss, direct = learn_output(way.hidden[1:], targets, count, weights, d_weights, workspace)
        back = self.cell.backward(way, direct, weights.W_hh)
        # dL/dW_xh = sum_t x_t^T da_t and dL/db_h = sum_t da_t: each a product, which takes less time than a sum
        da = back.inputs.reshape(*blocks, tokens.numel(), self.hidden_size)
        one_hot = library.eye(self.vocab_size, dtype=vector.dtype, device=vector.device)[native(tokens.flatten())]
        library.matmul(one_hot.T, da, out=d_weights.W_xh)
        d_weights.b_h[:] = library.ones_like(one_hot[:, 0]) @ da
        d_weights.W_hh[:] = back.W_hh

        hidden, hidden_gradients = torch.as_tensor(way.hidden), torch.as_tensor(back.hidden)
        state = hidden[-1] if way.cell is None else (hidden[-1], torch.as_tensor(way.cell[-1]))
        return Backpropagation(
            torch.as_tensor(loss), [torch.as_tensor(gradient)], state, (hidden[1:],), (hidden_gradients,)
        )

    @numpy.errstate(all="ignore")
    def _backpropagate_by_layer(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """An LSTM: its layer as nn.LSTM has it, by autograd, the output layer as for the others."""
        (T, B), V, H = tokens.shape, self.vocab_size, self.hidden_size
        vector = self.vector.detach()
        gradient = torch.empty_like(vector)
        weights, d_weights = self.named(vector), self.named(gradient)
        theirs = [weights.W_xh.mT.reshape(4 * H, V), weights.W_hh.mT.reshape(4 * H, H), weights.b_h.reshape(4 * H)]
        leaves = [weight.requires_grad_() for weight in theirs]
        second_bias = torch.zeros_like(theirs[2])  # which is not there
        one_hot = look_up(tokens, torch.eye(V, dtype=vector.dtype))
        h, c = (part[None] for part in parts(state))
        hidden, h, c = torch.lstm(one_hot, (h, c), [*leaves, second_bias], True, 1, 0.0, True, False, False)
        output = self.named(native(vector)), self.named(native(gradient)), self._workspaces[0]
        loss, direct = learn_output(native(hidden), targets, T * B, *output)
        dW_xh, dW_hh, db_h = torch.autograd.grad(hidden, leaves, torch.as_tensor(direct))
        d_weights.W_xh.copy_(dW_xh.view(4, H, V).mT)
        d_weights.W_hh.copy_(dW_hh.view(4, H, H).mT)
        d_weights.b_h.copy_(db_h.view(4, H))
        return Backpropagation(torch.as_tensor(loss), [gradient], (h[0].detach(), c[0].detach()))


def learn_output(
    h: Array, targets: Tensor, count: int, weights: Weights, d_weights: Weights, workspace: Workspace
) -> tuple[Array, Array]:
    """Output layer, softmax and cross-entropy, forward and backward, for some of `count` tokens.

    h (T, B, H), targets (T, B) -> their share of the mean loss, (), and what the output layer says of h, (T, B, H).
    Writes the gradients of W_hq and b_q into d_weights.

    logits = h W_hq + b_q,    dL/dlogits = (softmax(logits) - one_hot) / count,    dL/dh = dL/dlogits W_hq^T
    """
    library, (T, B, H), (V,) = array_library(h), h.shape, weights.b_q.shape
    rows = h.reshape(T * B, H)
    logits = workspace.empty("logits", (V, T * B), h)  # a column for each token: sums over V are quicker so
    library.add((rows @ weights.W_hq).T, weights.b_q[:, None], out=logits)
    logits -= library.amax(logits, 0)
    right = native(targets.flatten()), library.arange(T * B, device=h.device)
    right_logits = logits[right]
    d_logits = library.exp(logits, out=logits)
    total = d_logits.sum(0)
    loss = (library.log(total) - right_logits).sum() / count
    d_logits /= total
    d_logits[right] -= 1
    d_logits /= count
    d_weights.W_hq[:] = (d_logits @ rows).T
    d_weights.b_q[:] = d_logits.sum(1)
    direct = workspace.empty("direct", (T * B, H), h)
    library.matmul(d_logits.T, weights.W_hq.T, out=direct)
    return loss, direct.reshape(T, B, H)


class _Unrolled(torch.autograd.Function):
    """A cell over T steps as one operation that autograd may call: forward and backward are the cell's own."""

    @staticmethod
    def forward(ctx: Any, cell: Cell, shares: Tensor, W_hh: Tensor, *state: Any) -> tuple[Tensor, ...]:
        state = native_state(state if cell.has_cell else state[0])
        way = cell.forward(native(shares), state, native(W_hh), Workspace())
        ctx.cell, ctx.way = cell, way
        ctx.save_for_backward(W_hh)
        hidden = torch.as_tensor(way.hidden)[1:].clone()
        return (hidden, torch.as_tensor(way.cell)[-1].clone()) if way.cell is not None else (hidden,)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, *d_cell: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.way is None:
            raise RuntimeError("this graph was gone through before; run the model again instead of retain_graph=True.")
        (W_hh,), way, ctx.way = ctx.saved_tensors, ctx.way, None  # the backward pass uses the way up
        direct = (native(gradient.clone()) for gradient in (d_hidden.contiguous(), *d_cell))
        back = ctx.cell.backward(way, next(direct), native(W_hh), *direct)
        initial = (back.initial_hidden,) if back.initial_cell is None else (back.initial_hidden, back.initial_cell)
        return None, *(torch.as_tensor(array) for array in (back.inputs, back.W_hh, *initial))


class RNNModel(nn.Module):
    """A language model over PyTorch's nn.RNN, nn.GRU or nn.LSTM (D2L, section 8.6), layers and directions included.

    PyTorch's layers carry two bias vectors where the formula has one.  The second is held at zero, so that this model
    and LanguageModel have the same weights and learn at the same rate.
    """

    def __init__(self, rnn_layer: nn.RNNBase, vocab_size: int):
        """rnn_layer: nn.RNN, nn.GRU or nn.LSTM with input_size = vocab_size and time-major inputs."""
        super().__init__()
        if rnn_layer.batch_first or rnn_layer.input_size != vocab_size:
            raise ValueError(
                f"RNNModel takes a time-major layer with input_size={vocab_size} (the vocabulary's size); this one has "
                f"input_size={rnn_layer.input_size} and batch_first={rnn_layer.batch_first}."
            )
        check_hidden_size(rnn_layer.hidden_size)
        self.rnn, self.vocab_size, self.hidden_size = rnn_layer, vocab_size, rnn_layer.hidden_size
        for name, parameter in rnn_layer.named_parameters():
            if name.startswith("bias_hh"):
                nn.init.zeros_(parameter).requires_grad_(False)
        self.num_directions = 2 if rnn_layer.bidirectional else 1
        device = rnn_layer.weight_hh_l0.device
        self.output = nn.Linear(self.num_directions * self.hidden_size, vocab_size, device=device)

    @property
    def torch_threads(self) -> int:
        """How many threads torch should have while this model trains: small layers gain nothing from a second one."""
        threads_pay = isinstance(self.rnn, nn.LSTM) or self.hidden_size >= SMALLEST_HIDDEN_SIZE_FOR_THREADS
        return CPU_THREADS if threads_pay else 1

    @property
    def trainable(self) -> list[Tensor]:
        """What a trainer updates."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.output.weight.device

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token: zeros (L * directions, B, H); for an LSTM a pair of them, (h, c)."""
        zeros = self.output.weight.new_zeros(self.rnn.num_layers * self.num_directions, batch_size, self.hidden_size)
        return (zeros, zeros.clone()) if isinstance(self.rnn, nn.LSTM) else zeros

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B), state as from initial_state -> logits (T, B, V), state after the last step."""
        check_tokens(tokens, self.vocab_size)
        one_hot = F.one_hot(tokens, self.vocab_size).to(self.output.weight.dtype)
        hidden, state = self.rnn(one_hot, state)
        return self.output(hidden), state

    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """Forward, loss and backward by autograd.  tokens, targets (T, B) int64."""
        logits, state = self(tokens, state)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        gradients = list(torch.autograd.grad(loss, self.trainable))
        cut = (state[0].detach(), state[1].detach()) if isinstance(state, tuple) else state.detach()
        return Backpropagation(loss.detach(), gradients, cut)


Model = LanguageModel | RNNModel


def look_up(tokens: Tensor, table: Array, out: Array | None = None) -> Tensor:
    """One-hot tokens (T, B) times a table (blocks, V, H): the row of each token, (blocks, T, B, H)."""
    place = None if out is None else torch.as_tensor(out).flatten(-3, -2)
    return torch.index_select(torch.as_tensor(table), -2, tokens.flatten(), out=place).unflatten(-2, tokens.shape)


def native(tensor: Tensor) -> Array:
    """The same memory as the kind of array whose small operations are quickest: NumPy's on a CPU, else torch's."""
    return tensor.detach().numpy() if tensor.device.type == "cpu" else tensor.detach()


def native_state(state: State) -> Array:
    """A state whose parts are native arrays."""
    return tuple(native(part) for part in state) if isinstance(state, tuple) else native(state)


def _select_rows(state: State, rows: slice) -> State:
    """The state of some rows of a batch."""
    return (state[0][rows], state[1][rows]) if isinstance(state, tuple) else state[rows]


def parts(state: State) -> tuple[Tensor, ...]:
    """The tensors of a state: (h,), or (h, c) for an LSTM."""
    return state if isinstance(state, tuple) else (state,)


def check_hidden_size(hidden_size: int) -> None:
    """Raise ValueError for a hidden size that no model here can have."""
    if not 1 <= hidden_size <= MAX_HIDDEN_SIZE:
        raise ValueError(f"the hidden size must be 1 to {MAX_HIDDEN_SIZE}; it is {hidden_size}.")


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raise ValueError for tokens that are not (T, B) int64 with T >= 1 and B >= 1."""
    if tokens.dtype != torch.int64 or tokens.dim() != 2 or tokens.numel() == 0:
        raise ValueError(
            f"tokens must be int64 of shape (T, B) with T and B at least 1; these are {tokens.dtype} of shape "
            f"{tuple(tokens.shape)}. One sequence of T tokens is tokens[:, None]."
        )
