"""The selection of `segkit.loss_envelope.selection` for a GPU: all images and groups at once.

A GPU sorts faster than it is asked for one group after the other, and the hard selection never makes the
processor wait for it. The thresholds of the smooth one are looked at after each Newton step.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_STEPS = 60


@torch.no_grad()
def keep_at_once(
    values: Tensor, groups: Tensor, sizes: Tensor, kept: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    """How far each value is kept; arguments as for `select`, on any device.

    Returns:
        (B, N), in [0, 1], 1 for a voxel of no group; and (B,), float64, by how much the smooth sums lie below
        the weighted ones.
    """
    index = groups.clamp(min=0).long()
    tau = _thresholds(values, groups, sizes, kept)
    if temperature == 0:
        level = tau.gather(1, index)
        ties = (values == level) & (groups >= 0)
        n_ties = _sums(ties, groups, len(sizes[0]))
        too_many = _sums(values <= level, groups, len(sizes[0])) - kept
        tie_weight = (1 - too_many / n_ties.clamp(min=1)).to(values.dtype)
        keep = (values < level).to(values.dtype)
        keep = torch.where(ties, tie_weight.gather(1, index), keep)
        return torch.where(groups >= 0, keep, 1), keep.new_zeros(len(keep), dtype=torch.float64)
    partly = (kept < sizes) & (sizes > 0)
    mu = _soft_thresholds(values, groups, sizes, kept, partly, tau, temperature)
    offset = (mu.to(values.dtype).gather(1, index) - values) / temperature
    soft = partly.gather(1, index) & (groups >= 0)
    keep = torch.where(soft, torch.sigmoid(offset), 1)
    softplus = torch.where(soft, F.softplus(offset), 0).sum(1, dtype=torch.float64)
    smooth = torch.where(partly, kept * mu, 0).sum(1) - temperature * softplus
    return keep, torch.where(soft, keep * values, 0).sum(1, dtype=torch.float64) - smooth


def _thresholds(values: Tensor, groups: Tensor, sizes: Tensor, kept: Tensor) -> Tensor:
    """The kept-th smallest value of each group, (B, G); anything for a group that is empty."""
    order = values.argsort(1)
    order = order.gather(1, groups.gather(1, order).argsort(dim=1, stable=True))  # by group, then by value
    first = values.shape[1] - sizes.sum(1, keepdim=True) + sizes.cumsum(1) - sizes
    place = (first + kept - 1).clamp(0, values.shape[1] - 1)
    return values.gather(1, order.gather(1, place))


def _soft_thresholds(
    values: Tensor,
    groups: Tensor,
    sizes: Tensor,
    kept: Tensor,
    partly: Tensor,
    start: Tensor,
    temperature: float,
) -> Tensor:
    """Solutions of the equation of `logistic_threshold`, one for each group that is kept in part."""
    index, n = groups.clamp(min=0).long(), sizes.shape[1]
    level = start.double()
    margin = temperature * (math.log(values.shape[1]) + 40)
    low = values.amin(1, keepdim=True).double().expand_as(level) - margin
    high = values.amax(1, keepdim=True).double().expand_as(level) + margin
    exactness = torch.finfo(values.dtype).eps
    for _ in range(_STEPS):
        share = torch.sigmoid((level.to(values.dtype).gather(1, index) - values) / temperature)
        excess = _sums(share, groups, n) - kept
        slope = _sums(share * (1 - share), groups, n) / temperature
        low, high = torch.where(excess < 0, level, low), torch.where(excess < 0, high, level)
        newton = level - excess / slope
        inside = (newton > low) & (newton < high) & (slope > 0)
        step = torch.where(inside, newton, (low + high) / 2)
        small = (step - level).abs() <= exactness * (level.abs() + temperature)
        settled = small | (excess.abs() <= 2 * exactness * kept) | ~partly
        level = torch.where(settled, level, step)
        if bool(settled.all()):
            break
    return level


def _sums(numbers: Tensor, groups: Tensor, n_groups: int) -> Tensor:
    """Sum over each group, (B, G), float64."""
    return torch.stack(
        [numbers.masked_fill(groups != g, 0).sum(1, dtype=torch.float64) for g in range(n_groups)], dim=1
    )
