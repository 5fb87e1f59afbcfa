"""What to look at while a network learns: gradient norms over time, the spectral radius of W_hh.

Before: models.py.  Next: training.py, which records these at every step.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def norms_over_time(hidden_gradients: Sequence[Tensor]) -> Tensor:
    """|dL/dh_t| for every t, over the whole batch -> (T,).   D2L, section 8.7.

    hidden_gradients: dL/dh_1 to dL/dh_T in one or more pieces side by side along the batch, (T, rows, H) each.
    """
    of_pieces = torch.stack([torch.linalg.vector_norm(piece, dim=(1, 2)) for piece in hidden_gradients])
    return torch.linalg.vector_norm(of_pieces, dim=0)


def spectral_radius(matrix: Tensor, *, squarings: int = 10) -> float:
    """The largest absolute eigenvalue of a square matrix (H, H), to about 1%.

    Gelfand's formula, radius = lim |W^k|^(1/k), with k = 2^squarings: ten matrix products instead of all eigenvalues.
    Raises ValueError if the matrix is not square; a matrix that is not finite has the radius nan.
    """
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a spectral radius needs a square matrix; this one has the shape {tuple(matrix.shape)}.")
    log_radius = 0.0
    power = matrix.detach().float()
    for squaring in range(squarings + 1):
        norm = float(torch.linalg.matrix_norm(power))
        if norm == 0 or not math.isfinite(norm):
            return 0.0 if norm == 0 else math.nan
        log_radius += math.log(norm) / 2**squaring  # |W^(2^s)| is kept at 1, its logarithm here
        power = power / norm
        power = power @ power
    return math.exp(log_radius)
