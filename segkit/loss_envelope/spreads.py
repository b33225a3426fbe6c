"""How many values of each group lie far above its mean."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


@torch.no_grad()
def count_far_above(values: Tensor, groups: Tensor, sizes: Tensor, factor: float) -> Tensor:
    r"""The number of values with $\ell > \mathrm{mean} + c\,\mathrm{sd}$ of their group.

    Args:
        values: (B, N), float32 or float64.
        groups: (B, N), integers in 0 … G−1, or −1 for a voxel that belongs to none.
        sizes: (B, G), int64.
        factor: c > 0.

    Returns:
        (B, G), int64; 0 for an empty group. The standard deviation is that of the group, not of a sample.
    """
    by = _group_by_group if values.device.type == "cpu" else _at_once
    return by(values, groups, sizes, factor)


def _group_by_group(values: Tensor, groups: Tensor, sizes: Tensor, factor: float) -> Tensor:
    numbers, members, counts = values.numpy(), groups.numpy(), torch.zeros_like(sizes)
    for b, g in sizes.nonzero().tolist():
        piece = torch.from_numpy(numbers[b].take(np.flatnonzero(members[b] == g)))
        piece -= piece.mean()
        sd = math.sqrt(float(piece.dot(piece)) / len(piece))
        counts[b, g] = int(np.count_nonzero(piece.numpy() > factor * sd))
    return counts


def _at_once(values: Tensor, groups: Tensor, sizes: Tensor, factor: float) -> Tensor:
    """The same for a GPU, which is never waited for."""
    counts = torch.zeros_like(sizes)
    for g in range(sizes.shape[1]):
        member, n = groups == g, sizes[:, g].clamp(min=1)
        mean = values.masked_fill(~member, 0).sum(1, dtype=torch.float64) / n
        off = (values - mean[:, None].to(values.dtype)).masked_fill_(~member, 0)
        sd = (off.square().sum(1, dtype=torch.float64) / n).sqrt()
        counts[:, g] = ((off > (factor * sd[:, None]).to(values.dtype)) & member).sum(1)
    return counts
