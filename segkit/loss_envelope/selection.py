"""Which voxels of each group are kept, and the mean of their losses, for groups that lie scattered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.loss_envelope.selection_at_once import keep_at_once
from segkit.loss_envelope.thresholds import logistic_threshold

_MANY, _STRIDE = 32_768, 32
"""Of a group with more voxels than the first, about one in the second is looked at beforehand."""


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
    available = kept.new_full((len(kept),), values.shape[1]) if valid is None else valid.sum(1)
    total = available - (sizes - kept).sum(1)
    by = _keep_by_group if values.device.type == "cpu" else keep_at_once
    keep, penalty = by(values, groups, sizes, kept, temperature=temperature)
    if valid is not None:
        keep.masked_fill_(~valid, 0)
    # A loss that is not finite shows, also where it is dropped: 0 · NaN and 0 · ∞ are NaN.
    sums = torch.stack([(row * weight).sum() for row, weight in zip(values, keep, strict=True)])
    value = (sums - penalty.to(sums.dtype)) / total.clamp(min=1)
    return Selection(keep, total.to(values.dtype), value)


def _keep_by_group(
    values: Tensor, groups: Tensor, sizes: Tensor, kept: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    """What `keep_at_once` returns, on a CPU, one group after the other."""
    keep, penalty = torch.ones_like(values), values.new_zeros(len(values), dtype=torch.float64)
    weigh: Callable[..., float] = partial(_smooth, temperature=temperature) if temperature > 0 else _hard
    numbers, weights, members = values.numpy(), keep.numpy(), groups.numpy()
    for b, g in (kept < sizes).nonzero().tolist():
        m, n = int(kept[b, g]), int(sizes[b, g])
        penalty[b] += weigh(weights[b], numbers[b], members[b] == g, m, n)
    return keep, penalty


def _hard(keep: np.ndarray, values: np.ndarray, member: np.ndarray, m: int, n: int) -> float:
    """Write the weights of the n members of a group, of which m are kept; no penalty."""
    where = _where_large(values, member, m, n)
    piece = values.take(where)
    last = m - (n - len(where)) - 1  # place of the last one that is kept, among these
    ordered = np.partition(piece, last)
    tau = ordered[last]
    keep[where[np.flatnonzero(piece > tau)]] = 0
    too_many = np.count_nonzero(ordered[last + 1 :] == tau)
    if too_many:
        ties = np.flatnonzero(piece == tau)
        keep[where[ties]] = 1 - too_many / len(ties)
    return 0.0


def _where_large(values: np.ndarray, member: np.ndarray, m: int, n: int) -> np.ndarray:
    """Positions of all members above some value, more of them than are to be dropped.

    A sample tells about where the largest lie, so that a large group need not be gathered as a whole. Should
    it mislead, all members are returned. Positions, not a mask: indexing with a mask is slow where labels are
    scattered.
    """
    if n > _MANY and n - m < 0.2 * n:
        sample = values[::_STRIDE][member[::_STRIDE]]
        rank = int(len(sample) * (1 - 2 * (n - m) / n)) - 32
        if rank >= 0:
            where = np.flatnonzero(member & (values > np.partition(sample, rank)[rank]))
            if len(where) > n - m:
                return where
    return np.flatnonzero(member)


def _smooth(
    keep: np.ndarray, values: np.ndarray, member: np.ndarray, m: int, n: int, *, temperature: float
) -> float:
    """Write the weights of a group, and return by how much its smooth sum lies below Σ w·ℓ."""
    where = np.flatnonzero(member)
    losses = torch.from_numpy(values.take(where))
    mu = float(logistic_threshold(losses[None], torch.tensor([m]), torch.tensor([temperature]))[0])
    offset = (mu - losses).div_(temperature)
    smooth = m * mu - temperature * float(F.softplus(offset).sum(dtype=torch.float64))
    weights = offset.sigmoid_()
    keep[where] = weights.numpy()
    return float((weights * losses).sum()) - smooth
