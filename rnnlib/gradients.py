"""What to look at while a network learns: gradient norms over lags, the gradient map, the spectral radius.

Before: sampling.py.  This is the last file of the reading path; rnnlib/topics holds what belongs to one notebook.
"""

import math

import torch
from torch import Tensor

from rnnlib.cells import State, unroll
from rnnlib.models import LanguageModel, embed, softmax_cross_entropy


@torch.no_grad()
def norms_over_lags(model: LanguageModel, tokens: Tensor, targets: Tensor, state: State) -> Tensor:
    """|dL_T/dh_{T-k}|, the norm over the batch, for k = 0 to T - 1 -> (T,): what of the last loss arrives k steps back.

    L_T is the mean cross-entropy of the last step alone.  tokens, targets (T, B) int64.   D2L, section 9.7.
    """
    W_xh, W_hh, b_h, W_hq, b_q = model.weights
    x_in = embed(tokens, W_xh, b_h)
    states = unroll(model.cell, x_in, state, W_hh)
    _, d_logits = softmax_cross_entropy((states[-1][0] @ W_hq + b_q)[None], targets[-1:])
    direct = W_hh.new_zeros(*tokens.shape, model.hidden_size)
    direct[-1] = d_logits[0] @ W_hq.T
    return torch.linalg.vector_norm(model.cell.backward(x_in, states, W_hh, direct).hidden, dim=(1, 2)).flip(0)


@torch.no_grad()
def gradient_map(model: LanguageModel, tokens: Tensor, targets: Tensor, state: State, *, cut_every: int = 0) -> Tensor:
    """|dL_t/dh_k|, the norm over the batch, for every pair of steps -> (T, T): row t, column k; 0 for k > t.

    L_t is the mean cross-entropy of step t alone.  tokens, targets (T, B) int64.  cut_every: the state is detached
    every `cut_every` steps, so that no gradient passes there; 0 never detaches.   D2L, section 9.7.

    The text is copied T times along the batch, and copy t has no loss but L_t: one backward pass then gives all.
    """
    if cut_every < 0:
        raise ValueError(f"cut_every must be 0 (no cut) or a number of steps; it is {cut_every}.")
    (T, B), (W_xh, W_hh, b_h, W_hq, b_q) = tokens.shape, model.weights
    x_in = embed(tokens.repeat(1, T), W_xh, b_h)
    states = unroll(model.cell, x_in, tuple(part.repeat(T, 1) for part in state), W_hh)
    hidden = torch.stack([h for h, *_ in states[1:]]).view(T, T, B, -1)  # step, copy, row of the batch, unit
    steps = torch.arange(T, device=tokens.device)
    _, d_logits = softmax_cross_entropy(hidden[steps, steps] @ W_hq + b_q, targets)  # h_t of copy t; mean over T B
    direct = torch.zeros_like(hidden)
    direct[steps, steps] = T * d_logits @ W_hq.T
    total = model.cell.backward(x_in, states, W_hh, direct.view(T, T * B, -1)).hidden
    norms = torch.linalg.vector_norm(total.view(T, T, -1), dim=-1).T  # row t, column k
    piece = steps // (cut_every or T)
    return norms * (piece[:, None] == piece)


def spectral_radius(matrix: Tensor) -> float:
    """The largest absolute eigenvalue of a square matrix (H, H), to about 1%.

    Gelfand's formula, radius = lim |W^k|^(1/k), with k = 2^10: ten matrix products instead of all eigenvalues.
    Raises ValueError if the matrix is not square; a matrix that is not finite has the radius nan.
    """
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a spectral radius needs a square matrix; this one has the shape {tuple(matrix.shape)}.")
    log_radius = 0.0
    power = matrix.detach().float()
    for squaring in range(11):
        power = power @ power if squaring else power
        norm = float(torch.linalg.matrix_norm(power))
        if norm == 0 or not math.isfinite(norm):
            return 0.0 if norm == 0 else math.nan
        log_radius += math.log(norm) / 2**squaring  # |W^(2^s)| is kept at 1, its logarithm here
        power = power / norm
    return math.exp(log_radius)
