"""The checks of notebook 03: backpropagation through time, the missing detach, truncation.

Before: structure.py.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.cells import RNN, State, unroll
from rnnlib.checks import answers
from rnnlib.checks.verdict import NOT_FILLED_IN, Verdict, check_function, verdict
from rnnlib.models import RNNModel

Function = Callable[..., Any]


def bptt(function: Function) -> Verdict:
    """Check function(h (T + 1, B, H), direct (T, B, H), W_hh (H, H)) -> dh (T, B, H), dW_hh (H, H).

    h: h_0 to h_T.  direct: what each o_t alone says of h_t.  dh: the total derivatives dL/dh_1 to dL/dh_T.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = []
    for T, B, H in ((5, 3, 4), (1, 1, 3), (2, 1, 2)):
        W_hh = torch.randn(H, H, generator=generator)
        x_in = torch.randn(T, B, H, generator=generator)
        h = torch.stack([h for (h,) in unroll(RNN, x_in, (torch.zeros(B, H),), W_hh)])
        inputs.append((h, torch.randn(T, B, H, generator=generator), W_hh))

    def back(
        h: Tensor, direct: Tensor, W_hh: Tensor, *, slope_at: int = 1, pass_on: float = 1.0, from_da: bool = True
    ) -> tuple[Tensor, Tensor]:
        """dh and da, with the switches by which the known mistakes differ."""
        dh, da, after = torch.empty_like(direct), torch.empty_like(direct), torch.zeros_like(direct[0])
        for t in reversed(range(len(direct))):
            dh[t] = direct[t] + pass_on * after @ W_hh.T
            da[t] = dh[t] * (1 - h[t + slope_at] ** 2)
            after = da[t] if from_da else dh[t]
        return dh, da

    def shared(h: Tensor, da: Tensor) -> Tensor:
        return torch.einsum("tbi,tbj->ij", h, da)

    def variant(**switches: Any) -> Function:
        def wrong(h: Tensor, direct: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor]:
            dh, da = back(h, direct, W_hh, **switches)
            return dh, shared(h[:-1], da)

        return wrong

    def not_transposed(h: Tensor, direct: Tensor, W_hh: Tensor) -> tuple[Tensor, Tensor]:
        dh, da = back(h, direct, W_hh.T)
        return dh, shared(h[:-1], da)

    mistakes: dict[str, Function] = {
        "the gradient goes back through W_hh as it is; it must be W_hh.T.": not_transposed,
        "nothing comes from the step after: these are the direct terms alone.": variant(pass_on=0.0),
        "the tanh is left out on the way from h_{t+1} to h_t: pass on da, not dh.": variant(from_da=False),
        "tanh' is taken at h_{t-1}; it belongs to the state of the same step: h[t + 1] in this list.": variant(
            slope_at=0
        ),
        "dW_hh is made of h_t; the weights multiplied h_{t-1}: h[:-1].": lambda h, d, W: (
            back(h, d, W)[0],
            shared(h[1:], back(h, d, W)[1]),
        ),
        "dW_hh has only the first step's share (the last one of your loop); all T add up.": lambda h, d, W: (
            back(h, d, W)[0],
            shared(h[:1], back(h, d, W)[1][:1]),
        ),
        "dW_hh is made of dh; it must be made of da, behind the tanh.": lambda h, d, W: (
            back(h, d, W)[0],
            shared(h[:-1], back(h, d, W)[0]),
        ),
        "dW_hh is transposed.": lambda h, d, W: (answers.bptt(h, d, W)[0], answers.bptt(h, d, W)[1].T),
    }
    return check_function(
        "bptt",
        function,
        answer=answers.bptt,
        mistakes=mistakes,
        inputs=inputs,
        results=["dh", "dW_hh"],
        praise="term by term what cells.RNN.backward gives.",
        hint=(
            "Go through `t` in `reversed(range(T))` with `later`, at first zero: `dh[t] = direct[t] + later`, "
            "`da = dh[t] * (1 - h[t + 1] ** 2)`, `dW_hh += h[t].T @ da`, `later = da @ W_hh.T`."
        ),
    )


def missing_detach(train: Function) -> Verdict:
    """Check train(model, batches, state) -> the loss of each batch, and the last state.

    batches: pairs of tokens and targets (T, B).  Each loss is to be backpropagated; the state is to be carried.
    """
    mistake = None
    for layer in (nn.GRU, nn.LSTM):
        probe = _Probe(layer)
        tokens = torch.randint(probe.vocab_size, (4, 2, 6, 3), generator=torch.Generator().manual_seed(1))
        batches = [(pair[0], pair[1]) for pair in tokens]
        try:
            answer = train(probe, batches, probe.initial_state(3))
            if answer is None or answer is ...:
                return Verdict("open", NOT_FILLED_IN)
            mistake = _mistake_in_carrying(probe, answer, len(batches))
        except Exception as error:
            told = str(error)
            mistake = f"it raised {type(error).__name__}: {told}"
            if "backward through the graph a second time" in told:
                mistake = (
                    "the second batch's backward pass runs into the first batch's graph, which is gone: "
                    "the state still belongs to it. Detach the state between two batches."
                )
            elif "'tuple' object has no attribute 'detach'" in told:
                mistake = "a state is a tuple, (h,) or for an LSTM (h, c): detach each of its parts."
        if mistake is not None:
            break
    return verdict(
        "missing_detach",
        mistake,
        praise="values are carried from batch to batch, gradients are not; for GRU and LSTM alike.",
        hint="Before (or after) each batch: `state = tuple(part.detach() for part in state)`.",
        answer=answers.missing_detach,
    )


class _Probe(RNNModel):
    """A model that remembers the states it was given and the states it gave."""

    def __init__(self, layer: type[nn.GRU] | type[nn.LSTM]):
        with torch.random.fork_rng(devices=[]):  # the reader's random numbers stay theirs
            torch.manual_seed(0)
            super().__init__(layer(5, 4), 5)
        self.given: list[State] = []
        self.gave: list[State] = []

    def forward(self, tokens: Tensor, state: Any) -> Any:
        state = (state,) if isinstance(state, Tensor) else tuple(state)  # a tensor or a list says the same
        self.given.append(state)
        logits, state = super().forward(tokens, state)
        self.gave.append(state)
        return logits, state


def _mistake_in_carrying(probe: _Probe, answer: Any, num_batches: int) -> str | None:
    """The first mistake in how a training loop carried the state of a probe, or None."""
    if not (isinstance(answer, tuple) and len(answer) == 2):
        return "return two things: the list of losses and the last state."
    losses, state = answer
    if not isinstance(losses, list | tuple) or not isinstance(state, Tensor | tuple | list):
        return "return two things: the list of losses, one for each batch, and the last state."
    state = (state,) if isinstance(state, Tensor) else tuple(state)
    if len(probe.given) != num_batches or len(losses) != num_batches:
        return f"the model was run {len(probe.given)} times and gave {len(losses)} losses for {num_batches} batches."
    for given, gave in zip(probe.given[1:], probe.gave, strict=False):
        if any(part.requires_grad for part in given):
            return (
                "a batch was given a state that still belongs to the graph of the batch before: the graph grows "
                "with every batch (retain_graph hides the error and keeps the memory). Detach the state."
            )
        if all(not part.any() for part in given):
            return "each batch begins with a state of zeros: what was read before is forgotten. Keep the values."
        if not all(torch.equal(a, b) for a, b in zip(given, gave, strict=True)):
            return "a batch was given another state than the batch before it left."
    reached = dict(probe.rnn.named_parameters())["weight_hh_l0"].grad
    if reached is None or not reached.any():
        return "no gradient reached W_hh: something on the way to the loss was detached. Detach the state alone."
    if any(isinstance(loss, Tensor) and loss.requires_grad for loss in losses):
        return "the losses kept still belong to their graphs, which stay in memory: keep loss.item()."
    if any(part.requires_grad for part in state):
        return "the state returned still belongs to the last batch's graph."
    return None


def truncated(function: Function) -> Verdict:
    """Check function(xs (T, B, H), h (B, H), W_hh, loss_of, k) -> dL/dW_hh (H, H), cut every k steps.

    h_t = tanh(x_t + h_{t-1} W_hh).  loss_of(t, h_t) -> the loss of step t, ().  L is the sum over all T steps; before
    steps k, 2k, ... (counted from 0) the state is detached.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = []
    for T, B, H, k in ((7, 2, 3, 3), (4, 1, 2, 1), (3, 2, 2, 5)):
        targets = torch.randn(T, B, H, generator=generator)

        def loss_of(t: int, h: Tensor, targets: Tensor = targets) -> Tensor:
            return F.mse_loss(h, targets[t], reduction="sum")

        xs, state = torch.randn(T, B, H, generator=generator), torch.randn(B, H, generator=generator)
        inputs.append((xs, state, torch.randn(H, H, generator=generator), loss_of, k))

    def gradient(
        xs: Tensor,
        h: Tensor,
        W_hh: Tensor,
        loss_of: Function,
        k: int,
        *,
        shift: int = 0,
        cut: Function = Tensor.detach,
        first_counted: Callable[[int, int], int] = lambda T, k: 0,
        scale: Callable[[int], float] = lambda T: 1.0,
    ) -> Tensor:
        """dL/dW_hh, with the switches by which the known mistakes differ."""
        T, W = len(xs), W_hh.detach().requires_grad_()
        total = torch.zeros(())
        for t, x in enumerate(xs):
            if t and (t + shift) % k == 0:
                h = cut(h)
            h = torch.tanh(x + h @ W)
            total = total + scale(T) * loss_of(t, h) * (t >= first_counted(T, k))
        return torch.autograd.grad(total, W)[0]

    mistakes: dict[str, Function] = {
        "nothing is cut: this is the whole gradient.": lambda xs, h, W, f, k: gradient(xs, h, W, f, len(xs)),
        "the state is set to zero at a cut; only its gradient is to go: detach it.": lambda *a: gradient(
            *a, cut=torch.zeros_like
        ),
        "the state is detached at every step.": lambda xs, h, W, f, k: gradient(xs, h, W, f, 1),
        "the cuts come one step late: after k + 1 steps, not k.": lambda xs, h, W, f, k: gradient(xs, h, W, f, k + 1),
        "the cuts come one step early: before steps k - 1, 2k - 1 and so on.": lambda *a: gradient(*a, shift=1),
        "only the losses since the last cut count; every step has one.": lambda *a: gradient(
            *a, first_counted=lambda T, k: (T - 1) // k * k
        ),
        "this is the mean over the steps; L is their sum.": lambda *a: gradient(*a, scale=lambda T: 1 / T),
    }
    return check_function(
        "truncated",
        function,
        answer=answers.truncated,
        mistakes=mistakes,
        inputs=inputs,
        results=["dL/dW_hh"],
        praise="each loss reaches back to the last cut, and no further.",
        hint=(
            "In the loop over t, before the step: `if t > 0 and t % k == 0: h = h.detach()`. Add up the losses, and "
            "ask `torch.autograd.grad(total, W_hh)` for the gradient."
        ),
    )
