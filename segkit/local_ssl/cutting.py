r"""Views cut out of volumes: linear interpolation at the centres of the view's voxels, axis by axis.

Boxes are parallel to the axes, so trilinear interpolation is three matrix products, one per axis, with
matrices that have two weights per row; mirroring reverses the rows. That gives the numbers of `grid_sample`
in about a fifth of its time on a CPU (views of 32³ to 16 × 96 × 96, one thread), and on a GPU by the same
lines.
"""

from __future__ import annotations

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
    if bool((axes != axes[:1]).any()):
        # Turned views have different axes: each orientation is a batch of its own.
        one = [slice(i, i + 1) for i in range(len(volumes))]
        return torch.cat([cut(volumes[i], Placement(place.rows[i], place.shape)) for i in one])
    order = axes[0].tolist()
    out = volumes
    for axis, (along, n) in enumerate(zip(order, place.shape, strict=True)):
        where = _where(place, axis, along, n)
        first = int(where.min().floor().clamp(0, volumes.shape[2 + along] - 1))
        last = int(where.max().floor().clamp(first, volumes.shape[2 + along] - 2)) + 1
        out = out.narrow(2 + along, first, max(1, last + 1 - first))
    for axis, (along, n) in enumerate(zip(order, place.shape, strict=True)):
        where = _where(place, axis, along, n)
        first = int(where.min().floor().clamp(0, volumes.shape[2 + along] - 1))
        out = along_axis(out, interpolation(where - first, out.shape[2 + along]).to(out.dtype), 2 + along)
    out = out.permute(0, 1, *(2 + along for along in order))
    outside = padding(place)
    if bool(outside.any()):
        lowest = volumes.flatten(2).amin(2).reshape(*volumes.shape[:2], *(1 for _ in range(dims)))
        out = torch.where(outside[:, None], lowest, out)
    return out.contiguous()


def padding(place: Placement) -> Tensor:
    """Voxels of the views whose centres lie beyond their volumes: bool (B, *n)."""
    outside = torch.zeros((), dtype=torch.bool, device=place.rows.device)
    for axis, n in enumerate(place.shape):
        along = place.axes[:, axis]
        where = _where(place, axis, along, n)
        voxels = place.extent.gather(1, along[:, None])
        beyond = (where < -0.5) | (where > voxels - 0.5)
        outside = outside | beyond.reshape(
            len(beyond), *(n if a == axis else 1 for a in range(len(place.shape)))
        )
    return outside.expand(len(place.rows), *place.shape)


def _where(place: Placement, axis: int, along: int | Tensor, n: int) -> Tensor:
    """Index coordinates in the volume of the n voxels of a view along one of its axes: (B, n)."""
    chosen = torch.as_tensor(along, device=place.rows.device).expand(len(place.rows))[:, None]
    steps = torch.arange(n, device=place.rows.device, dtype=place.low.dtype)
    steps = torch.where(place.flips[:, axis, None], n - 1 - steps, steps)
    return place.low.gather(1, chosen) + (steps + 0.5) / n * place.size.gather(1, chosen) - 0.5


def interpolation(where: Tensor, voxels: int) -> Tensor:
    """Matrices (B, n, voxels) of linear interpolation at index coordinates; the border is continued."""
    where = where.clamp(0, voxels - 1)
    before = where.floor().clamp(max=max(voxels - 2, 0))
    share = where - before
    index = before.long()[..., None]
    matrix = where.new_zeros(*where.shape, voxels)
    matrix.scatter_(-1, index, (1 - share)[..., None])
    return matrix.scatter_add_(-1, (index + 1).clamp(max=voxels - 1), share[..., None])


def along_axis(x: Tensor, matrices: Tensor, axis: int) -> Tensor:
    """x (B, C, *V) with matrices (B, n, V_axis) applied along one axis."""
    batch, shape = len(x), x.shape
    if axis == x.ndim - 1:
        return (x.reshape(batch, -1, shape[-1]) @ matrices.mT).reshape(*shape[:-1], -1)
    before, after = shape[1:axis].numel(), shape[axis + 1 :].numel()
    out = matrices[:, None] @ x.reshape(batch, before, shape[axis], after)
    return out.reshape(*shape[:axis], -1, *shape[axis + 1 :])
