"""Which voxels of each group are kept, and the mean of their losses, for groups that lie scattered."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.loss_envelope.thresholds import kth_smallest, logistic_threshold


class Selection(NamedTuple):
    """What is kept of each image.

    Attributes:
        keep: (B, N), in [0, 1]: whether, or with smooth selection how far, a voxel is kept.
        kept: (B,), the sum of `keep`; 0 for an image without valid voxels.
        value: (B,), the mean of the kept losses; NaN if any loss of the image is not finite.
    """

    keep: Tensor
    kept: Tensor
    value: Tensor


@torch.no_grad()
def select(
    values: Tensor, groups: Tensor, sizes: Tensor, kept: Tensor, *, valid: Tensor | None, temperature: float
) -> Selection:
    r"""Keep the smallest values of each group.

    With T > 0 voxel i of group g is kept to the degree $\varsigma((\mu_g - \ell_i)/T)$, and the value is
    that of the smooth mean of `smooth_bottom_mean`, of which `keep / kept` is the derivative.

    Args:
        values: (B, N), float32 or float64; 0 where a voxel is not valid.
        groups: (B, N), integers in 0 … G−1; −1 for a voxel that is kept in any case.
        sizes: (B, G), int64, voxels of each group.
        kept: (B, G), int64, how many to keep of each, between 1 and the size; 0 for an empty group.
        valid: (B, N), bool; None if all are.
        temperature: T ≥ 0, in the unit of the values.

    Returns:
        The selection. Equal values at the threshold share what is left of the weight.
    """
    keep = torch.ones_like(values) if valid is None else valid.to(values.dtype)
    available = keep.new_full((len(values),), values.shape[1]) if valid is None else valid.sum(1)
    total = available - (sizes - kept).sum(1)
    penalty = values.new_zeros(len(values), dtype=torch.float64)
    for b, g in (kept < sizes).nonzero().tolist():
        member = groups[b].numpy() == g
        piece = torch.from_numpy(values[b].numpy()[member])[None]
        weights, minus = _of_group(piece, kept[b, g : g + 1], temperature)
        keep[b].numpy()[member] = weights.numpy()
        penalty[b] += minus
    sums = torch.stack([(row * weight).sum() for row, weight in zip(values, keep, strict=True)])
    value = (sums - penalty.to(sums.dtype)) / total.clamp(min=1)
    return Selection(keep, total.to(values.dtype), value + 0 * values.sum(1))


def _of_group(piece: Tensor, m: Tensor, temperature: float) -> tuple[Tensor, float]:
    """Weights of the values of a group (1, n), and the Σ T·H by which the smooth sum lies below Σ w·ℓ."""
    if temperature == 0:
        tau = kth_smallest(piece, m)
        weights = (piece[0] <= tau).to(piece.dtype)
        too_many = float(weights.sum(dtype=torch.float64)) - int(m)
        if too_many > 0:
            ties = piece[0] == tau
            weights.masked_fill_(ties, 1 - too_many / int(ties.sum()))
        return weights, 0.0
    mu = logistic_threshold(piece, m, torch.tensor([temperature]))
    offset = (mu - piece[0]) / temperature
    weights = torch.sigmoid(offset)
    smooth = int(m) * mu.double() - temperature * F.softplus(offset).sum(dtype=torch.float64)
    return weights, float((weights * piece[0]).sum(dtype=torch.float64) - smooth)
