r"""The sum over all triplets that violate the margin, from sorted similarities: O(M² log M), none enumerated.

With $\tau_p = s_{ap} - m/2$ the hinge of a triplet is $2\,[s_{an} - \tau_p]_+$. Sorted, one search tells
for each positive how many negatives exceed its τ, and for each negative how many τ it exceeds. These counts
are the gradient, and the sum is linear in them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.voxel_metric.rows import ClassRows
from segkit.voxel_metric.scanning import strips


class AllTriplets(torch.autograd.Function):
    """Sum of the hinges over all triplets, and the number of those above 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, rows: ClassRows, margin: float) -> tuple[Tensor, Tensor]:
        total = torch.zeros((), dtype=torch.float64, device=z.device)
        active = torch.zeros((), dtype=torch.int64, device=z.device)
        to_z = torch.zeros_like(z)
        m = len(z)
        for strip in strips(rows):
            here, own = slice(strip.first, strip.last), slice(strip.start, strip.end)
            if strip.end - strip.start == m:
                continue
            similarity = z[here] @ z.T
            near = similarity[:, own] - margin / 2
            near.diagonal(strip.first - strip.start).fill_(torch.inf)  # no negative exceeds it
            away = torch.cat([similarity[:, : strip.start], similarity[:, strip.end :]], 1)
            exceeding = away.shape[1] - torch.searchsorted(away.sort(1).values, near, right=True)
            exceeded = torch.searchsorted(near.sort(1).values, away)
            active += exceeding.sum()
            near.diagonal(strip.first - strip.start).zero_()
            weight = torch.empty_like(similarity)
            weight[:, own] = -2 * exceeding.to(z.dtype)
            weight[:, : strip.start] = 2 * exceeded[:, : strip.start].to(z.dtype)
            weight[:, strip.end :] = 2 * exceeded[:, strip.start :].to(z.dtype)
            total += (weight * similarity).sum(dtype=torch.float64)
            total += margin * exceeding.sum()
            to_z[here].addmm_(weight, z)
            to_z.addmm_(weight.T, z[here])
        ctx.save_for_backward(to_z)
        ctx.mark_non_differentiable(active)
        return total.to(z.dtype), active

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (to_z,) = ctx.saved_tensors
        return gradients[0] * to_z, None, None
