"""The slices of a volume as 2-D cases."""

from __future__ import annotations

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


def _slice(value: object, shape: tuple[int, ...], axis: int, k: int) -> object:
    if isinstance(value, Tensor) and tuple(value.shape[-3:]) == shape and value.ndim in (3, 4):
        return value.select(value.ndim - 3 + axis, k)
    return value
