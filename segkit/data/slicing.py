"""The slices of a volume as 2-D cases, and what is said of slices as something said of volumes."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from segkit.data.case import Case
from segkit.errors import DataError


def slices(case: Case, axis: int) -> list[Case]:
    """Every slice of a 3-D case across one axis, as a 2-D case of the same group.

    A 2-D network trains on them as on any 2-D set, and the split by patient holds, since the group stays.
    Voxelwise tensors in `meta` are sliced too. The first two columns of the affine are those of the axes that
    remain, and its origin is that of the slice.

    Args:
        case: a 3-D case.
        axis: the axis that disappears, 0, 1 or 2.

    Returns:
        Cases named `<id>:<index>`, in order along the axis.

    Raises:
        DataError: if the case is not 3-D or has no such axis.

    Example:
        >>> from segkit.data import phantom
        >>> stack = slices(phantom("cardiac_short_axis", 0), axis=0)
        >>> len(stack), stack[4].shape, stack[4].id
        (10, (128, 128), 'phantom-cardiac_short_axis-0:4')
    """
    if len(case.shape) != 3 or axis not in (0, 1, 2):
        raise DataError(
            f"case {case.id} of shape {case.shape} cannot be sliced across axis {axis}: give a 3-D case and "
            "axis 0, 1 or 2"
        )
    rest = [i for i in range(3) if i != axis]
    spacing = case.spacing_mm and tuple(case.spacing_mm[i] for i in rest)
    # Slices are views: the stack takes no memory of its own.
    out = []
    for k in range(case.shape[axis]):
        affine = case.affine.copy()
        affine[:, :3] = case.affine[:, [*rest, axis]]
        affine[:3, 3] += k * case.affine[:3, axis]
        meta = {key: _slice(value, case.shape, axis, k) for key, value in case.meta.items()}
        out.append(
            case.with_(
                image=case.image.select(axis + 1, k),
                label=None if case.label is None else case.label.select(axis, k),
                spacing_mm=spacing,
                affine=affine,
                id=f"{case.id}:{k}",
                meta={**meta, "slice": k},
            )
        )
    return out


def in_slices(predict: Callable[[Tensor], Tensor], volumes: Tensor) -> Tensor:
    """What a 2-D network says of volumes, slice by slice along their first axis.

    Args:
        predict: maps images (N, C, H, W) to maps (N, K, H, W).
        volumes: (B, C, D, H, W); all B · D slices are passed at once.

    Returns:
        (B, K, D, H, W).

    Raises:
        DataError: these are no volumes.

    Example:
        >>> import torch
        >>> in_slices(lambda image: image.repeat(1, 2, 1, 1), torch.rand(3, 1, 5, 8, 8)).shape
        torch.Size([3, 2, 5, 8, 8])
    """
    if volumes.ndim != 5:
        raise DataError(f"volumes have the shape (B, C, D, H, W), not {tuple(volumes.shape)}")
    batch, depth = volumes.shape[0], volumes.shape[2]
    found = predict(volumes.transpose(1, 2).flatten(0, 1))
    return found.unflatten(0, (batch, depth)).transpose(1, 2)


def _slice(value: object, shape: tuple[int, ...], axis: int, k: int) -> object:
    if isinstance(value, Tensor) and tuple(value.shape[-3:]) == shape and value.ndim in (3, 4):
        return value.select(value.ndim - 3 + axis, k)
    return value
