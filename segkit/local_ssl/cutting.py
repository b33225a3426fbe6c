r"""Views cut out of volumes: linear interpolation at the centres of the view's voxels, axis by axis.

Boxes are parallel to the axes, so trilinear interpolation is three matrix products, one per axis, with
matrices that have two weights per row; mirroring reverses the rows. That gives the numbers of `grid_sample`
in about a fifth of its time on a CPU (views of 32³ to 16 × 96 × 96, one thread), and on a GPU by the same
lines.
"""

from __future__ import annotations

from math import ceil, floor

import torch
from torch import Tensor

from segkit.errors import DataError
from segkit.local_ssl.placing import Placement


def cut(volumes: Tensor, place: Placement) -> Tensor:
    """The views at their places. Differentiable with respect to the volumes.

    Args:
        volumes: (B, C, *V), float.
        place: where each view lies, on the device of the volumes.

    Returns:
        (B, C, *n) in the dtype of the volumes. A voxel whose centre lies beyond the volume holds the minimum
        of its channel; `padding` tells which.

    Raises:
        DataError: batch or axes do not fit the places.

    Example:
        >>> ramp = torch.arange(8.0).expand(1, 1, 4, 8)
        >>> cut(ramp, Placement.of(low=(0, 2), size=(4, 4), shape=(1, 4), extent=(4, 8), flips=(False, True)))
        tensor([[[[5., 4., 3., 2.]]]])
    """
    dims = len(place.shape)
    if volumes.ndim != dims + 2 or len(volumes) != len(place.rows):
        raise DataError(
            f"{len(place.rows)} places of views of shape {place.shape} do not fit volumes of shape "
            f"{tuple(volumes.shape)}"
        )
    axes = place.axes
    if len(axes) > 1 and bool((axes != axes[:1]).any()):
        # Turned views have different axes: each orientation is a batch of its own.
        one = [slice(i, i + 1) for i in range(len(volumes))]
        return torch.cat([cut(volumes[i], Placement(place.rows[i], place.shape)) for i in one])
    order = axes[0].tolist()
    ends = place.low + place.size
    begin, end, room = torch.stack([place.low.amin(0), ends.amax(0), place.extent.amin(0)]).tolist()
    out, starts = volumes, []
    for axis, voxels in enumerate(volumes.shape[2:]):
        first = min(max(0, floor(begin[axis] - 0.5)), voxels - 1)
        starts.append(first)
        out = out.narrow(2 + axis, first, min(max(ceil(end[axis] + 0.5), first + 1), voxels) - first)
    for where, along in zip(_coordinates(place), order, strict=True):
        matrices = interpolation(where - starts[along], out.shape[2 + along])
        out = along_axis(out, matrices.to(out.dtype), 2 + along)
    out = out.permute(0, 1, *(2 + along for along in order))
    if min(begin) < 0 or any(last > voxels for last, voxels in zip(end, room, strict=True)):
        lowest = volumes.flatten(2).amin(2).reshape(*volumes.shape[:2], *(1 for _ in range(dims)))
        out = torch.where(padding(place)[:, None], lowest, out)
    return out.contiguous()


def padding(place: Placement) -> Tensor:
    """Voxels of the views whose centres lie beyond their volumes: bool (B, *n)."""
    outside = torch.zeros((), dtype=torch.bool, device=place.rows.device)
    voxels = place.extent.gather(1, place.axes)
    for axis, where in enumerate(_coordinates(place)):
        beyond = (where < -0.5) | (where > voxels[:, axis, None] - 0.5)
        outside = outside | beyond.reshape(
            len(beyond), *(-1 if a == axis else 1 for a in range(len(place.shape)))
        )
    return outside.expand(len(place.rows), *place.shape)


def _coordinates(place: Placement) -> list[Tensor]:
    """For each axis of the views, the index coordinates of its voxels in the volume: (B, n) each."""
    axes, flips = place.axes, place.flips
    low, size = place.low.gather(1, axes), place.size.gather(1, axes)
    start = torch.where(flips, low + size, low) - 0.5
    step = torch.where(flips, -size, size) / size.new_tensor(place.shape)
    centres = [torch.arange(n, device=axes.device, dtype=size.dtype) + 0.5 for n in place.shape]
    return [
        torch.addcmul(start[:, axis, None], step[:, axis, None], each) for axis, each in enumerate(centres)
    ]


def interpolation(where: Tensor, voxels: int) -> Tensor:
    """Matrices (B, n, voxels) of linear interpolation at index coordinates; the border is continued."""
    # A voxel's weight falls from 1 at its centre to 0 at its neighbours' centres.
    centres = torch.arange(voxels, device=where.device, dtype=where.dtype)
    return (1 - (where.clamp(0, voxels - 1)[..., None] - centres).abs()).clamp(min=0)


def along_axis(x: Tensor, matrices: Tensor, axis: int) -> Tensor:
    """x (B, C, *V) with matrices (B, n, V_axis) applied along one axis."""
    batch, shape = len(x), x.shape
    if axis == x.ndim - 1:
        return (x.reshape(batch, -1, shape[-1]) @ matrices.mT).reshape(*shape[:-1], -1)
    before, after = shape[1:axis].numel(), shape[axis + 1 :].numel()
    out = matrices[:, None] @ x.reshape(batch, before, shape[axis], after)
    return out.reshape(*shape[:axis], -1, *shape[axis + 1 :])
