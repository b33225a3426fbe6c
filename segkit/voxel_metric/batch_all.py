r"""The sum over all triplets that violate the margin, from sorted similarities: O(M² log M), none enumerated.

With $\tau_p = s_{ap} - m/2$ the hinge of a triplet is $2\,[s_{an} - \tau_p]_+$. Sorted, one search tells
for each positive how many negatives exceed its τ, and for each negative how many τ it exceeds. These counts
are the gradient, and the sum is linear in them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segkit.voxel_metric.rows import ClassRows
from segkit.voxel_metric.scanning import others, strips


@torch.no_grad()
def all_triplets(rows: ClassRows, *, margin: float, gradient: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Sum of the hinges over all triplets, the number of those above 0, and the gradient of the sum by z.

    Args:
        rows: sorted by class.
        margin: m, on squared distances.
        gradient: whether it is wanted.
    """
    z, m = rows.z, len(rows.z)
    total = torch.zeros((), dtype=torch.float64, device=z.device)
    active = torch.zeros((), dtype=torch.int64, device=z.device)
    to_z = torch.zeros_like(z) if gradient else None
    for strip in strips(rows):
        here, own = slice(strip.first, strip.last), slice(strip.start, strip.end)
        if strip.end - strip.start == m:
            continue
        rest = others(z, strip)
        near, away = z[here] @ z[own].T, z[here] @ rest.T
        thresholds = near - margin / 2
        thresholds.diagonal(strip.first - strip.start).fill_(torch.inf)  # no negative exceeds it
        exceeding = away.shape[1] - torch.searchsorted(away.sort(1).values, thresholds, right=True)
        exceeded = torch.searchsorted(thresholds.sort(1).values, away)
        to_near, to_away = -2 * exceeding.to(z.dtype), 2 * exceeded.to(z.dtype)
        total += (to_away * away).sum(dtype=torch.float64) + (to_near * near).sum(dtype=torch.float64)
        active += exceeding.sum()
        if to_z is not None:
            to_z[here].addmm_(to_near, z[own]).addmm_(to_away, rest)
            to_z[own].addmm_(to_near.T, z[here])
            to_z[: strip.start].addmm_(to_away[:, : strip.start].T, z[here])
            to_z[strip.end :].addmm_(to_away[:, strip.start :].T, z[here])
    total += margin * active
    return total.to(z.dtype), active, to_z
