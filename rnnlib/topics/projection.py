"""Hidden states as points in a plane."""

import torch
from torch import Tensor


def main_plane(hidden: Tensor) -> Tensor:
    """Hidden states (N, H) as points (N, 2): their coordinates along the two directions in which they vary most.

    Principal component analysis.  Raises ValueError for fewer than two units.
    """
    if hidden.dim() != 2 or hidden.shape[1] < 2:
        raise ValueError(f"a plane needs hidden states (N, H) with H at least 2; these are {tuple(hidden.shape)}.")
    centered = hidden.detach() - hidden.detach().mean(0)
    _, _, directions = torch.linalg.svd(centered, full_matrices=False)
    if len(directions) < 2:
        directions = torch.cat([directions, torch.zeros_like(directions)])
    return centered @ directions[:2].T
