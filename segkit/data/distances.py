"""Distances from a structure's surface in mm, on isotropic and anisotropic grids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segkit.data.case import IGNORE
from segkit.errors import DataError


def signed_distance_mm(mask: Tensor, spacing_mm: Sequence[float] | None = None) -> Tensor:
    """Distance of every voxel from the surface of a mask, negative inside.

    Outside it is the distance to the nearest voxel of the mask, inside minus the distance to the nearest
    voxel that is not of the mask, both from centre to centre. The surface itself runs between the two, so no
    value is zero. What lies beyond the image's border counts neither as mask nor as background.

    Args:
        mask: shape `(*S)`, boolean or 0 and 1.
        spacing_mm: voxel size along each axis of `S`; None measures in voxels.

    Returns:
        float32, shape `(*S)`, mm. Of an empty mask every value is the length of the image's diagonal, of a
        full mask minus that length: finite, so that it can be an input of a network.

    Raises:
        DataError: if `spacing_mm` does not fit the axes.

    Example:
        >>> mask = torch.tensor([0, 0, 1, 1, 1])
        >>> signed_distance_mm(mask, (2.0,)).tolist()
        [4.0, 2.0, -2.0, -4.0, -6.0]
    """
    from scipy.ndimage import distance_transform_edt

    inside = mask.detach().cpu().numpy() != 0
    step = _steps(inside.shape, spacing_mm)
    if inside.all() or not inside.any():
        diagonal = float(np.linalg.norm(np.multiply(inside.shape, step)))
        return torch.full(mask.shape, -diagonal if inside.any() else diagonal)
    distance = distance_transform_edt(~inside, step) - distance_transform_edt(inside, step)
    return torch.from_numpy(distance.astype(np.float32))


def contour_band(labels: Tensor, width_mm: float, spacing_mm: Sequence[float] | None = None) -> Tensor:
    """Voxels near a border between two classes, on either side of it.

    A voxel belongs to the band if the nearest voxel of another class is at most `width_mm` away, from centre
    to centre. A width below the spacing therefore gives an empty band.

    Args:
        labels: integers, shape `(*S)`. Voxels of `IGNORE` are in no band, and beside them there is no border.
        width_mm: reach to each side, > 0, in mm (in voxels if `spacing_mm` is None).
        spacing_mm: voxel size along each axis of `S`.

    Returns:
        bool, shape `(*S)`. All False for one class alone.

    Raises:
        DataError: if `spacing_mm` does not fit the axes or the width is not positive.

    Example:
        >>> contour_band(torch.tensor([0, 0, 0, 1, 1, 1]), 1.0).tolist()
        [False, False, True, True, False, False]
    """
    from scipy.ndimage import distance_transform_edt

    if not width_mm > 0:
        raise DataError(f"the width of a contour band must be positive, got {width_mm}")
    values = labels.detach().cpu().numpy()
    step = _steps(values.shape, spacing_mm)
    band = np.zeros(values.shape, bool)
    for k in np.unique(values[values != IGNORE]):
        own = values == k
        other = ~own & (values != IGNORE)
        if not other.any():
            continue
        # Only the surroundings of the class matter, and of them only what the width can reach.
        box = _reach(own, [int(np.ceil(width_mm / s)) + 1 for s in step])
        if other[box].any():
            band[box] |= own[box] & (distance_transform_edt(~other[box], step) <= width_mm * (1 + 1e-6))
    return torch.from_numpy(band)


def _reach(mask: np.ndarray, margin: Sequence[int]) -> tuple[slice, ...]:
    """The smallest box round a mask, widened by a margin and kept inside the image."""
    box = []
    for axis, extra in enumerate(margin):
        where = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        box.append(slice(max(0, int(where[0]) - extra), int(where[-1]) + extra + 1))
    return tuple(box)


def _steps(shape: tuple[int, ...], spacing_mm: Sequence[float] | None) -> tuple[float, ...]:
    step = (1.0,) * len(shape) if spacing_mm is None else tuple(float(s) for s in spacing_mm)
    if len(step) != len(shape) or not all(s > 0 for s in step):
        raise DataError(
            f"spacing {step} does not fit an image of shape {shape}: give one positive size per axis"
        )
    return step
