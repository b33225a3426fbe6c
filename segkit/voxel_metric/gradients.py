"""Values and gradients of triplets and pairs from mined rows, written by hand; see `triplet_pair`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.voxel_metric.batch_all import all_triplets
from segkit.voxel_metric.rows import ClassRows, class_rows
from segkit.voxel_metric.scanning import Mined, cyclic_positives, scan


class Tuples(torch.autograd.Function):
    """All terms and their gradients in one go, from the embeddings as they come: few operations, so that a
    small pool costs little more than its matrix.
    """

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        labels: Tensor,
        margin: float,
        pair_margin: float,
        mining: str,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gradient = ctx.needs_input_grad[0]
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = class_rows(embeddings, labels)
            ctx.shape, ctx.dtype, ctx.empty = embeddings.shape, embeddings.dtype, not rows.triplets
            if ctx.empty:
                found = tuple(rows.z.new_zeros(()) for _ in range(4))
            else:
                mined, negative, to_pair = scan(
                    rows, cyclic_positives(rows, generator), mining=None if mining == "batch-all" else mining,
                    margin=margin, pair_margin=pair_margin, gradient=gradient,
                )  # fmt: skip
                pair = (negative / rows.negative_pairs + _positive_pairs(rows, to_pair)) / 2
                if mining == "batch-all":
                    triplet, active, to_triplet = all_triplets(rows, margin=margin, gradient=gradient)
                    share = kept = active / rows.triplets
                else:
                    triplet, active, to_triplet = _mined_triplets(rows, mined, margin, gradient=gradient)
                    share, kept = _active_share(rows, mined), active / _anchors(rows)
                found = triplet / active.clamp(min=1), pair, share, kept
                if to_pair is not None and to_triplet is not None:
                    ctx.save_for_backward(
                        rows.order, rows.z, rows.norm, to_triplet.div_(active.clamp(min=1)), to_pair
                    )
        triplet, pair = (each.to(ctx.dtype) for each in found[:2])
        share, kept = (each.to(rows.z.dtype) for each in found[2:])
        ctx.mark_non_differentiable(share, kept)
        return triplet, pair, share, kept

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        out = torch.zeros(ctx.shape, dtype=ctx.dtype, device=gradients[0].device)
        if not ctx.empty:
            order, z, norm, to_triplet, to_pair = ctx.saved_tensors
            to_z = to_triplet * gradients[0] + to_pair * gradients[1]
            # Through z = u / ‖u‖: what points along z is lost, and long rows turn slowly.
            along = (to_z * z).sum(1, keepdim=True)
            to_u = torch.addcmul(to_z, along, z, value=-1).div_(norm)
            out.index_copy_(0, order, to_u.to(ctx.dtype))
        return out, None, None, None, None, None


def _positive_pairs(rows: ClassRows, to_pair: Tensor | None) -> Tensor:
    r"""The mean of $\frac12 D_{ij}$ over pairs of one class, from the rows alone: with their mean $\bar z_k$,
    $\sum_{i<j} D_{ij} = n_k \sum_i \|z_i - \bar z_k\|^2$.

    Args:
        rows: of all classes.
        to_pair: gradient of the sum over negative pairs, which becomes that of the pair term.
    """
    z, sizes = rows.z, rows.sizes.to(rows.z.dtype)[:, None]
    means = z.new_zeros(len(sizes), z.shape[1]).index_add_(0, rows.own, z).div_(sizes)
    away = z - means[rows.own]
    weighted = away * (sizes / (2 * rows.positive_pairs))[rows.own]
    if to_pair is not None:
        to_pair.div_(2 * rows.negative_pairs).add_(weighted)
    return weighted.flatten().dot(away.flatten())


def _anchors(rows: ClassRows) -> int:
    """Rows that have a positive."""
    return sum(end - start for start, end in rows.bounds if end - start > 1)


def hinges(rows: ClassRows, mined: Mined, margin: float) -> Tensor:
    """D_ap − D_an + m above 0 for each anchor, 0 for rows without a positive."""
    return _hinges(rows, rows.z[mined.negative] - rows.z[mined.positive], margin)


def _hinges(rows: ClassRows, away: Tensor, margin: float) -> Tensor:
    """The same from z_n − z_p."""
    hinge = (rows.z * away).sum(1).mul_(2).add_(margin).relu_()
    for start, end in rows.bounds:
        if end - start == 1:
            hinge[start] = 0
    return hinge


def _mined_triplets(
    rows: ClassRows, mined: Mined, margin: float, *, gradient: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Sum of the hinges, number of those above 0, and the gradient of the sum."""
    z, p, n = rows.z, mined.positive, mined.negative
    to_z = z[n] - z[p]
    hinge = _hinges(rows, to_z, margin)
    active = hinge > 0
    if not gradient:
        return hinge.sum(), active.sum(), None
    twice = 2 * active.to(z.dtype)[:, None]
    own = z * twice  # 2 z_a of the active anchors
    to_z.mul_(twice).index_add_(0, n, own).index_add_(0, p, own, alpha=-1)
    return hinge.sum(), active.sum(), to_z


def _active_share(rows: ClassRows, mined: Mined) -> Tensor:
    """Each anchor stands for the triplets with all of its positives."""
    positives = (rows.sizes - 1).to(mined.violations.dtype)[rows.own]
    return mined.violations.dot(positives) / rows.triplets
