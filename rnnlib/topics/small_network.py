"""A network small enough to be looked at whole: 3 inputs, 4 hidden units, 2 outputs, every number kept.

Before: cells.py, whose RNN computes all of it.  Next: figures/small_network.py draws it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from rnnlib.cells import RNN, unroll

Numbers = np.ndarray


@dataclass(frozen=True)
class SmallNetwork:
    """h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h),   o_t = h_t W_hq + b_q.   D2L, section 9.4.

    Many articles call W_xh, W_hh and W_hq U, W and V.  W_xh (3, 4), W_hh (4, 4), b_h (4), W_hq (4, 2), b_q (2).
    """

    W_xh: Numbers
    W_hh: Numbers
    b_h: Numbers
    W_hq: Numbers
    b_q: Numbers


def example_network() -> SmallNetwork:
    """A network with weights of one decimal, so that its sums can be followed in the head."""
    return SmallNetwork(
        W_xh=np.array([[0.5, -0.3, 0.8, 0.1], [-0.6, 0.4, 0.2, 0.9], [0.3, 0.7, -0.5, -0.2]]),
        W_hh=np.array([[0.6, 0.1, -0.4, 0.2], [-0.2, 0.5, 0.3, -0.1], [0.1, -0.3, 0.7, 0.4], [0.3, 0.2, -0.1, 0.6]]),
        b_h=np.array([0.1, 0.0, -0.1, 0.0]),
        W_hq=np.array([[0.7, -0.4], [-0.5, 0.6], [0.2, 0.8], [0.4, -0.3]]),
        b_q=np.array([0.0, 0.1]),
    )


@dataclass(frozen=True)
class Walk:
    """Every number of one pass forward and one pass back over T steps, float64.

    x (T, 3) inputs, y (T, 2) targets.  Forward: from_input = x_t W_xh (T, 4), from_state = h_{t-1} W_hh (T, 4),
    a (T, 4) their sum with b_h, h (T + 1, 4) from h_0 = 0, o (T, 2), losses L_t = |o_t - y_t|^2 / 2 (T,), L = sum L_t.
    Back: do = dL/do_t (T, 2), direct (T, 4) what o_t alone says of h_t, later (T, 4) what h_{t+1} says of it,
    total = dL/dh_t (T, 4) their sum, da = dL/da_t (T, 4), dW_hh (4, 4).
    """

    x: Numbers
    y: Numbers
    from_input: Numbers
    from_state: Numbers
    a: Numbers
    h: Numbers
    o: Numbers
    losses: Numbers
    do: Numbers
    direct: Numbers
    later: Numbers
    total: Numbers
    da: Numbers
    dW_hh: Numbers


def walk(network: SmallNetwork, x: Numbers, y: Numbers) -> Walk:
    """Walk a small network over x (T, 3) and back from the targets y (T, 2).   D2L, sections 9.4 and 9.7."""
    if x.ndim != 2 or x.shape[1] != len(network.W_xh) or y.shape != (len(x), len(network.b_q)) or len(x) < 1:
        raise ValueError(
            f"x must be (T, {len(network.W_xh)}) and y (T, {len(network.b_q)}), T at least 1; they are "
            f"{x.shape} and {y.shape}."
        )
    from_input = x @ network.W_xh
    x_in, W_hh = torch.from_numpy(from_input + network.b_h)[:, None], torch.from_numpy(network.W_hh)  # a batch of one
    states = unroll(RNN, x_in, (x_in.new_zeros(1, len(W_hh)),), W_hh)
    h = torch.cat([h for (h,) in states]).numpy()
    from_state = h[:-1] @ network.W_hh
    o = h[1:] @ network.W_hq + network.b_q
    do = o - y
    direct = do @ network.W_hq.T
    back = RNN.backward(x_in, states, W_hh, torch.from_numpy(direct)[:, None])
    total = back.hidden[:, 0].numpy()
    return Walk(
        x=x, y=y, from_input=from_input, from_state=from_state, a=from_input + from_state + network.b_h, h=h, o=o,
        losses=0.5 * (do**2).sum(1), do=do, direct=direct, later=total - direct, total=total,
        da=back.x_in[:, 0].numpy(), dW_hh=back.W_hh.numpy(),
    )  # fmt: skip
