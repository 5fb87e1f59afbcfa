"""Language models: a cell between tokens and predictions, from scratch and over PyTorch's layers.

Before: cells.py.  Next: optimizers.py, which makes use of the gradients found here.

Both models are called as `logits, state = model(tokens, state)`: tokens (T, B) int64 -> logits (T, B, V), where
softmax(logits[t, b]) is the distribution over the token after tokens[t, b].  A state is a tuple of tensors.  Both find
their own gradients, `model.backpropagate`, and keep nothing between two calls.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.arguments import check_cell, check_hidden_size, check_state, check_targets, check_tokens
from rnnlib.cells import CELLS, Cell, State, unroll


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


class Backpropagation(NamedTuple):
    """What forward and backward pass over one minibatch give.

    loss (): mean cross-entropy per token, in nats.  gradients: dL/dp for each p of `model.trainable`.  state: after the
    last step, detached.  hidden, hidden_gradients (T, B, H): h_t and dL/dh_t; None for a layer of PyTorch, which keeps
    them to itself.
    """

    loss: Tensor
    gradients: list[Tensor]
    state: State
    hidden: Tensor | None = None
    hidden_gradients: Tensor | None = None


# ------------------------------------------------------------------- between tokens and hidden states


def embed(tokens: Tensor, W_xh: Tensor, b_h: Tensor) -> Tensor:
    """x_in = x_t W_xh + b_h for all steps: x_t is one-hot, so the product is a row of W_xh.

    tokens (T, B), W_xh (gates, V, H), b_h (gates, H) -> (gates, T, B, H).
    """
    return W_xh[..., tokens, :] + b_h[..., None, None, :]


def embed_backward(tokens: Tensor, dx_in: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """dL/dW_xh = sum_t x_t^T dL/dx_in_t  and  dL/db_h = sum_t dL/dx_in_t.

    tokens (T, B), dx_in (gates, T, B, H) -> (gates, V, H), (gates, H).
    """
    x, dx = one_hot(tokens, vocab_size, dx_in.dtype).flatten(0, 1), dx_in.flatten(-3, -2)
    return x.mT @ dx, dx.sum(-2)


def softmax_cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """L = mean of -log softmax(logits)[target], and dL/dlogits = (softmax(logits) - one_hot(targets)) / (T B).

    logits (T, B, V), targets (T, B) -> (), (T, B, V).   D2L, section 4.1.
    """
    log_probabilities = torch.log_softmax(logits, dim=-1)
    wanted = one_hot(targets, logits.shape[-1], logits.dtype)
    loss = -(log_probabilities * wanted).sum() / targets.numel()
    return loss, (log_probabilities.exp() - wanted) / targets.numel()


def one_hot(tokens: Tensor, vocab_size: int, dtype: torch.dtype) -> Tensor:
    """A row of zeros with a one at the token.  tokens (T, B) -> (T, B, V)."""
    return (tokens[..., None] == torch.arange(vocab_size, device=tokens.device)).to(dtype)


@torch.no_grad()
def backpropagate(cell: Cell, weights: Weights, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
    """Forward, loss and the hand-derived way back: no autograd.  tokens, targets (T, B); state (B, H) each.

    The one gradient is that of all weights, end to end in one vector, in the order of `Weights`.
    """
    W_xh, W_hh, b_h, W_hq, b_q = weights
    x_in = embed(tokens, W_xh, b_h)
    states = unroll(cell, x_in, state, W_hh)
    hidden = torch.stack([h for h, *_ in states[1:]])
    loss, d_logits = softmax_cross_entropy(hidden @ W_hq + b_q, targets)

    back = cell.backward(x_in, states, W_hh, direct=d_logits @ W_hq.T)
    dW_xh, db_h = embed_backward(tokens, back.x_in, len(b_q))
    dW_hq, db_q = hidden.flatten(0, 1).T @ d_logits.flatten(0, 1), d_logits.sum((0, 1))
    gradient = torch.cat([part.flatten() for part in (dW_xh, back.W_hh, db_h, dW_hq, db_q)])
    return Backpropagation(loss, [gradient], states[-1], hidden, back.hidden)


# --------------------------------------------------------------------------------------- from scratch


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
        self.vocab_size, self.hidden_size = int(vocab_size), int(hidden_size)
        bound = self.hidden_size**-0.5
        with torch.inference_mode(False):  # whoever builds a model there may train it later
            vector = torch.empty(sum(map(math.prod, self.shapes())), dtype=torch.float32, device="cpu")
            self.vector = nn.Parameter(vector.uniform_(-bound, bound, generator=generator).to(device))

    def copy(self) -> "LanguageModel":
        """A model of its own with the same weights.  It takes no random number from the reader's."""
        V, H, own_generator = self.vocab_size, self.hidden_size, torch.Generator()
        twin = LanguageModel(self.cell.name, vocab_size=V, hidden_size=H, generator=own_generator)
        twin.vector = nn.Parameter(self.vector.detach().clone())
        return twin

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the five weights, in the order in which they lie in `vector`."""
        V, H, gates = self.vocab_size, self.hidden_size, self.cell.gates
        return [(*gates, V, H), (*gates, H, H), (*gates, H), (H, V), (V,)]

    def named(self, vector: Tensor) -> Weights:
        """A vector as long as `vector` (the weights, their gradient), or rows of them, as views with names."""
        ends = list(itertools.accumulate(map(math.prod, self.shapes()), initial=0))
        places = zip(itertools.pairwise(ends), self.shapes(), strict=True)
        return Weights(*(vector[..., first:last].unflatten(-1, shape) for (first, last), shape in places))

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
        """The state before the first token: zeros, (B, H) each."""
        return tuple(self.vector.new_zeros(batch_size, self.hidden_size) for _ in range(self.cell.state_size))

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B), state (B, H) each -> logits (T, B, V), state after the last step."""
        hidden, state = self.hidden_states(tokens, state)
        *_, W_hq, b_q = self.weights
        return hidden @ W_hq + b_q, state

    def hidden_states(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B) -> hidden states h_1 to h_T (T, B, H), and the state after the last step."""
        check_tokens(tokens, self.vocab_size)
        check_state(state, self.initial_state(tokens.shape[1]))
        W_xh, W_hh, b_h, *_ = self.weights
        states = unroll(self.cell, embed(tokens, W_xh, b_h), state, W_hh)
        return torch.stack([h for h, *_ in states[1:]]), states[-1]

    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """Forward, loss and the hand-derived way back.  tokens, targets (T, B) int64; state as from initial_state."""
        check_tokens(tokens, self.vocab_size)
        check_targets(targets, tokens, self.vocab_size)
        check_state(state, self.initial_state(tokens.shape[1]))
        return backpropagate(self.cell, self.weights, tokens, targets, state)


# ------------------------------------------------------------------------------ over PyTorch's layers


class RNNModel(nn.Module):
    """A language model over PyTorch's nn.RNN, nn.GRU or nn.LSTM (D2L, section 9.6), layers and directions included.

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
        W_hh = rnn_layer.weight_hh_l0
        features = self.num_directions * self.hidden_size
        self.output = nn.Linear(features, vocab_size, device=W_hh.device, dtype=W_hh.dtype)

    @property
    def trainable(self) -> list[Tensor]:
        """What a trainer updates."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.output.weight.device

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token: zeros, (L * directions, B, H) each; one tensor, two for an LSTM."""
        shape = (self.rnn.num_layers * self.num_directions, batch_size, self.hidden_size)
        return tuple(self.output.weight.new_zeros(shape) for _ in range(2 if isinstance(self.rnn, nn.LSTM) else 1))

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (T, B), state as from initial_state -> logits (T, B, V), state after the last step."""
        check_tokens(tokens, self.vocab_size)
        x = one_hot(tokens, self.vocab_size, self.output.weight.dtype)
        if isinstance(self.rnn, nn.LSTM):
            hidden, state = self.rnn(x, state)
        else:
            hidden, h = self.rnn(x, *state)  # PyTorch's nn.RNN and nn.GRU take and give a bare tensor
            state = (h,)
        return self.output(hidden), state

    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """Forward, loss and backward by autograd.  tokens, targets (T, B) int64."""
        check_targets(targets, tokens, self.vocab_size)
        with torch.inference_mode(False), torch.enable_grad():
            logits, state = self(tokens, state)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        gradients = list(torch.autograd.grad(loss, self.trainable))
        return Backpropagation(loss.detach(), gradients, detach(state))


Model = LanguageModel | RNNModel


def detach(state: State) -> State:
    """The same state without the graph that it was computed by: no gradient goes back beyond it."""
    return tuple(part.detach() for part in state)
