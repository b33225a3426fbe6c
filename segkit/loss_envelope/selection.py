"""Which voxels of each group are kept, and the mean of their losses, for groups that lie scattered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.loss_envelope.selection_at_once import keep_at_once
from segkit.loss_envelope.thresholds import logistic_threshold

_MANY = 200_000
"""Values of a batch below which starting threads costs more than it saves."""


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
    sums = torch.stack([(row * weight).sum() for row, weight in zip(values, keep, strict=True)])
    value = (sums - penalty.to(sums.dtype)) / total.clamp(min=1)
    return Selection(keep, total.to(values.dtype), value + 0 * values.sum(1))


def _keep_by_group(
    values: Tensor, groups: Tensor, sizes: Tensor, kept: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    """What `keep_at_once` returns, on a CPU, one group after the other.

    NumPy works in one thread, so each image gets one where torch may use several. The smooth selection is
    torch's own work, which has them already.
    """
    keep, penalty = torch.ones_like(values), values.new_zeros(len(values), dtype=torch.float64)
    weigh, numbers, members = _smooth if temperature > 0 else _hard, values.numpy(), groups.numpy()

    def weigh_image(b: int) -> None:
        for g, (m, n) in enumerate(zip(kept[b].tolist(), sizes[b].tolist(), strict=True)):
            if m < n:
                # Positions, not a mask: indexing with a mask is six times slower where labels are scattered.
                where = np.flatnonzero(members[b] == g)
                penalty[b] += weigh(keep[b].numpy(), where, numbers[b].take(where), m, temperature)

    threads = min(len(values), torch.get_num_threads())
    if threads > 1 and temperature == 0 and values.numel() >= _MANY:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(weigh_image, range(len(values))))
    else:
        for b in range(len(values)):
            weigh_image(b)
    return keep, penalty


def _hard(keep: np.ndarray, where: np.ndarray, piece: np.ndarray, m: int, temperature: float) -> float:
    """Write the weights of a group, whose losses are `piece`; no penalty."""
    ordered = np.partition(piece, m - 1)
    tau = ordered[m - 1]
    keep[where[np.flatnonzero(piece > tau)]] = 0
    too_many = np.count_nonzero(ordered[m:] == tau)
    if too_many:
        ties = np.flatnonzero(piece == tau)
        keep[where[ties]] = 1 - too_many / len(ties)
    return 0.0


def _smooth(keep: np.ndarray, where: np.ndarray, piece: np.ndarray, m: int, temperature: float) -> float:
    """Write the weights of a group, and return by how much its smooth sum lies below Σ w·ℓ."""
    losses = torch.from_numpy(piece)
    mu = float(logistic_threshold(losses[None], torch.tensor([m]), torch.tensor([temperature]))[0])
    offset = (mu - losses).div_(temperature)
    smooth = m * mu - temperature * float(F.softplus(offset).sum(dtype=torch.float64))
    weights = offset.sigmoid_()
    keep[where] = weights.numpy()
    return float((weights * losses).sum()) - smooth
