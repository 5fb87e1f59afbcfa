"""Language models: a cell between tokens and predictions, from scratch and over PyTorch's layers.

Before: loops.py.  Next: gradients.py looks at what is found here on the way back.

Both models are called as `logits, state = model(tokens, state)`: tokens (T, B) int64 -> logits (T, B, V), where
logits[t, b] rates every possible token after tokens[t, b].  Both find their own gradients: `model.backpropagate`.
"""

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.cells import CELLS, Cell, Workspace
from rnnlib.loops import Array, compiled

State = Tensor | tuple[Tensor, Tensor]  # h, or (h, c) for an LSTM
MAX_HIDDEN_SIZE = 4096
# A thread with less to do would wait for the other one longer than it computes.
SMALLEST_HIDDEN_SIZE_FOR_THREADS, FEWEST_ROWS_PER_THREAD = 48, 8
SMALLEST_LAYER_FOR_THREADS = 192  # PyTorch's threads wait for each other 70 times a step
CPU_THREADS = torch.get_num_threads()
_pool = ThreadPoolExecutor(CPU_THREADS, "rows of a batch", initializer=lambda: torch.set_num_threads(1))
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def one_torch_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keep torch to one thread inside `function`: its second one would spin on the core that takes half of the rows."""

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
        check_cell(cell)
        check_hidden_size(hidden_size)
        self.cell: Cell = CELLS[cell]
        self.vocab_size, self.hidden_size = vocab_size, int(hidden_size)
        ends = itertools.accumulate(map(math.prod, self.shapes()), initial=0)
        self._places = [slice(*pair) for pair in itertools.pairwise(ends)]
        bound = hidden_size**-0.5
        vector = torch.empty(sum(map(math.prod, self.shapes()))).uniform_(-bound, bound, generator=generator)
        self.vector = nn.Parameter(vector.to(device))
        self._workspaces = [Workspace()]

    def copy(self) -> "LanguageModel":
        """A model of its own with the same weights.  It takes no random number from anybody else."""
        V, H = self.vocab_size, self.hidden_size
        twin = LanguageModel(self.cell.name, vocab_size=V, hidden_size=H, generator=torch.Generator())
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
        *_, W_hq, b_q = self.weights
        return hidden @ W_hq + b_q, state

    @one_torch_thread
    def hidden_states(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B) -> hidden states h_1 to h_T (T, B, H), and the state after the last step."""
        check_tokens(tokens, self.vocab_size)
        if self.device.type != "cpu":
            hidden_list, state = self._by_steps(tokens, state, self.weights)
            return torch.stack(hidden_list), state
        hidden, *cell = _Unrolled.apply(self.cell, self.input_shares(tokens), self.weights.W_hh, *parts(state))
        return hidden, (hidden[-1], *cell) if cell else hidden[-1]

    def input_shares(self, tokens: Tensor) -> Tensor:
        """x_t W_xh + b_h for all t, (blocks, T, B, H)."""
        W_xh, _, b_h, *_ = self.weights
        table = W_xh + b_h[..., None, :]  # a one-hot x_t picks one row of it, so every row may carry the bias
        return table.index_select(-2, tokens.flatten()).unflatten(-2, tokens.shape)

    def _by_steps(self, tokens: Tensor, state: State, weights: Weights) -> tuple[list[Tensor], State]:
        """tokens (T, B) -> h_1 to h_T (B, H) each and the state after the last step, by the cell's definition."""
        # a product with one-hot rows: looking up would be added up in any order on the way back, on a GPU
        one_hot = torch.eye(self.vocab_size, dtype=self.vector.dtype, device=self.device)[tokens]
        shares = one_hot @ (weights.W_xh + weights.b_h[..., None, :]).unsqueeze(-3)
        return step_by_step(self.cell, shares, state, weights.W_hh)

    @property
    def torch_threads(self) -> int:
        """How many threads torch should have while this model trains: its rows have threads of their own."""
        return 1

    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """Forward, loss and backward, on a CPU by hand and elsewhere by autograd.  tokens, targets (T, B) int64."""
        if self.device.type == "cpu":
            return self.backpropagate_by_hand(tokens, targets, state)
        return self.backpropagate_by_autograd(tokens, targets, state)

    @torch.enable_grad()
    def backpropagate_by_autograd(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """The cell's definition step by step, and autograd's way back."""
        vector = self.vector.detach().requires_grad_()
        weights = self.named(vector)
        hidden, state = self._by_steps(tokens, state, weights)
        every_hidden = torch.stack(hidden)
        logits = every_hidden @ weights.W_hq + weights.b_q
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        gradient, *hidden_gradients = torch.autograd.grad(loss, [vector, *hidden])
        return Backpropagation(
            loss.detach(), [gradient], cut(state), (every_hidden.detach(),), (torch.stack(hidden_gradients),)
        )

    @one_torch_thread
    def backpropagate_by_hand(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """By cells.py.  The rows of a batch do not touch: each thread takes some, and their gradients add up."""
        check_tokens(tokens, self.vocab_size)
        check_tokens(targets, self.vocab_size)
        if targets.shape != tokens.shape:
            raise ValueError(f"each token needs a target; {tuple(tokens.shape)} tokens have {tuple(targets.shape)}.")
        B, count = tokens.shape[1], targets.numel()
        if any(part.shape != (B, self.hidden_size) for part in parts(state)):
            shapes = [tuple(part.shape) for part in parts(state)]
            raise ValueError(f"the state must be as from initial_state({B}); it has the shapes {shapes}.")
        rows = B if self.hidden_size < SMALLEST_HIDDEN_SIZE_FOR_THREADS else -(-B // CPU_THREADS)
        rows = max(FEWEST_ROWS_PER_THREAD, rows)
        pieces = [slice(first, first + rows) for first in range(0, B, rows)]
        self._workspaces += [Workspace() for _ in pieces[len(self._workspaces) :]]
        read, wanted, known = native(tokens), native(targets), [native(part) for part in parts(state)]
        vector = native(self.vector)
        arguments = [
            (vector, read[:, piece], wanted[:, piece], [part[piece] for part in known], count, workspace)
            for piece, workspace in zip(pieces, self._workspaces, strict=False)
        ]
        others = [_pool.submit(self._backpropagate_rows, *theirs) for theirs in arguments[1:]]
        results = [self._backpropagate_rows(*arguments[0]), *(other.result() for other in others)]
        gradient = results[0].gradient
        for result in results[1:]:
            gradient += result.gradient
        after = [np.concatenate(part) for part in zip(*(result.state for result in results), strict=True)]
        h, *c = (torch.as_tensor(part) for part in after)
        return Backpropagation(
            loss=torch.tensor(sum(result.loss for result in results), dtype=h.dtype),
            gradients=[torch.as_tensor(gradient)],
            state=(h, c[0]) if c else h,
            hidden=tuple(torch.as_tensor(result.hidden) for result in results),
            hidden_gradients=tuple(torch.as_tensor(result.hidden_gradients) for result in results),
        )

    def _backpropagate_rows(
        self, vector: Array, tokens: Array, targets: Array, state: list[Array], count: int, workspace: Workspace
    ) -> "_Rows":
        """Some rows of a batch of `count` = T B tokens: their share of the mean loss, and its gradient."""
        (T, B), V, H, blocks = tokens.shape, self.vocab_size, self.hidden_size, self.cell.blocks
        gradient = workspace.empty("gradient", vector.shape, vector.dtype)
        weights, d_weights = self.named(vector), self.named(gradient)
        tokens, targets = np.ascontiguousarray(tokens), np.ascontiguousarray(targets)

        shares = workspace.empty("shares", (*blocks, T, B, H), vector.dtype)
        W_xh, b_h = weights.W_xh.reshape(-1, V, H), weights.b_h.reshape(-1, H)  # the RNN's with an axis for its block
        add_up_inputs(tokens, W_xh, b_h, shares.reshape(-1, T, B, H))
        way = self.cell.forward(shares, tuple(state) if self.cell.has_cell else state[0], weights.W_hh, workspace)

        d_logits = workspace.empty("d_logits", (T * B, V), vector.dtype)
        direct = workspace.empty("direct", (T * B, H), vector.dtype)
        output = weights.W_hq, weights.b_q, d_weights.W_hq, d_weights.b_q
        h = way.hidden[1:]
        loss = learn_output(h.reshape(T * B, H), targets.reshape(-1), count, *output, d_logits, direct)

        back = self.cell.backward(way, direct.reshape(T, B, H), weights.W_hh)
        dW_xh, db_h = d_weights.W_xh.reshape(-1, V, H), d_weights.b_h.reshape(-1, H)
        learn_inputs(tokens, back.inputs.reshape(-1, T, B, H), dW_xh, db_h)
        d_weights.W_hh[:] = back.W_hh
        return _Rows(loss, gradient, [h[-1]] if way.cell is None else [h[-1], way.cell[-1]], h, back.hidden)


class _Rows(NamedTuple):
    """What some rows of a minibatch give: `Backpropagation` in NumPy's arrays."""

    loss: float
    gradient: Array
    state: list[Array]
    hidden: Array
    hidden_gradients: Array


@compiled
def add_up_inputs(tokens: Array, W_xh: Array, b_h: Array, shares: Array) -> None:
    """x_t W_xh + b_h, x_t one-hot: row x_t of W_xh.  tokens (T, B), W_xh (blocks, V, H) -> shares (blocks, T, B, H)."""
    blocks, T, B, H = shares.shape
    for k in range(blocks):
        for t in range(T):
            for b in range(B):
                row, bias, share = W_xh[k, tokens[t, b]], b_h[k], shares[k, t, b]
                for j in range(H):
                    share[j] = row[j] + bias[j]


@compiled
def learn_inputs(tokens: Array, da: Array, dW_xh: Array, db_h: Array) -> None:
    """dL/dW_xh = sum_t x_t^T da_t: each da_t goes to row x_t;  dL/db_h = sum_t da_t.   da (blocks, T, B, H)."""
    blocks, T, B, H = da.shape
    dW_xh[:] = 0
    db_h[:] = 0
    for k in range(blocks):
        for t in range(T):
            for b in range(B):
                row, bias, d_a = dW_xh[k, tokens[t, b]], db_h[k], da[k, t, b]
                for j in range(H):
                    row[j] += d_a[j]
                for j in range(H):
                    bias[j] += d_a[j]


@compiled
def learn_output(
    h: Array, targets: Array, count: int, W_hq: Array, b_q: Array, dW_hq: Array, db_q: Array, d_logits: Array, dh: Array
) -> float:
    """Output layer, softmax, cross-entropy, forward and backward, for N of `count` tokens -> their share of the loss.

    h (N, H), targets (N,).  Fills in the gradients of the weights and what the output layer says of h, dh (N, H).

    logits = h W_hq + b_q,    dL/dlogits = (softmax(logits) - one_hot) / count,    dL/dh = dL/dlogits W_hq^T
    """
    N, V = d_logits.shape
    np.dot(h, W_hq, d_logits)
    db_q[:] = 0
    share, loss = h.dtype.type(1 / count), 0.0
    for n in range(N):
        logits, right = d_logits[n], targets[n]
        for q in range(V):
            logits[q] += b_q[q]
        largest, right_logit = logits[0], logits[right]
        for q in range(V):
            largest = max(largest, logits[q])
        total = h.dtype.type(0)
        for q in range(V):
            logits[q] = math.exp(logits[q] - largest)
            total += logits[q]
        loss += math.log(total) + largest - right_logit
        scale = share / total
        for q in range(V):
            logits[q] *= scale
        logits[right] -= share
        for q in range(V):
            db_q[q] += logits[q]
    np.dot(h.T, d_logits, dW_hq)
    np.dot(d_logits, W_hq.T, dh)
    return loss / count


def step_by_step(cell: Cell, shares: Tensor, state: Any, W_hh: Tensor) -> tuple[list[Tensor], Any]:
    """A cell's definition over shares (blocks, ..., T, B, H), from a state -> h_1 to h_T, and the state after them."""
    hidden = []
    for share in shares.unbind(-3):
        state = cell.step(share, state, W_hh)
        hidden.append(parts(state)[0])
    return hidden, state


def compile_loops() -> None:
    """Compile all that training on a CPU needs, so that no lab has to wait for it: 15 s on a slow core, once."""
    for cell in CELLS:
        model, tokens = LanguageModel(cell, vocab_size=2, hidden_size=2), torch.zeros(1, 1, dtype=torch.int64)
        model.backpropagate(tokens, tokens, model.initial_state(1))


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
        one_piece = {"memory_format": torch.contiguous_format}
        direct = (native(gradient.clone(**one_piece)) for gradient in (d_hidden, *d_cell))
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
        if not rnn_layer.bias or rnn_layer.dropout or rnn_layer.proj_size or rnn_layer.mode == "RNN_RELU":
            raise ValueError("RNNModel takes a layer with biases and tanh, without dropout and projections.")
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
        threads_pay = isinstance(self.rnn, nn.LSTM) or self.hidden_size >= SMALLEST_LAYER_FOR_THREADS
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
        return Backpropagation(loss.detach(), gradients, cut(state))


Model = LanguageModel | RNNModel


def native(tensor: Tensor) -> Array:
    """A NumPy array of the same memory; of a tensor on another device, a copy."""
    return tensor.detach().cpu().numpy()


def native_state(state: State) -> Array:
    """A state whose parts are NumPy arrays."""
    return tuple(native(part) for part in state) if isinstance(state, tuple) else native(state)


def parts(state: State) -> tuple[Tensor, ...]:
    """The tensors of a state: (h,), or (h, c) for an LSTM."""
    return state if isinstance(state, tuple) else (state,)


def cut(state: State) -> State:
    """The same state without the graph that it was computed by: no gradient goes back beyond it."""
    return (state[0].detach(), state[1].detach()) if isinstance(state, tuple) else state.detach()


def check_cell(name: str) -> None:
    """Raise ValueError for the name of a cell that is not there."""
    if name not in CELLS:
        raise ValueError(f"there is no cell {name!r}; the cells are {', '.join(CELLS)}.")


def check_hidden_size(hidden_size: object) -> None:
    """Raise ValueError for a hidden size that no model here can have."""
    if not isinstance(hidden_size, int | np.integer) or not 1 <= hidden_size <= MAX_HIDDEN_SIZE:
        raise ValueError(f"the hidden size must be a whole number, 1 to {MAX_HIDDEN_SIZE}; it is {hidden_size!r}.")


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
