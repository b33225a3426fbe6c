"""How far each voxel is from the contour of each structure: found once per case, augmented with the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from segkit.data.case import IGNORE, Case
from segkit.data.distances import signed_distance_mm
from segkit.errors import ConfigError, DataError

KEY = "distance_mm"
"""Name of the map in `case.meta`, in the `keys` of batches, and in a batch."""


def with_distances(case: Case, *, reach_mm: float = 20.0, in_voxels: bool = False) -> Case:
    r"""A case that carries the signed distances to the contours of its structures.

    $\phi_k(v)$ of structure k is negative inside and measured from voxel centre to voxel centre: outside to
    the nearest voxel of k, inside to the nearest voxel that is annotated as something else. It is cut off at
    ±`reach_mm`, beyond which no band reaches; only the box that this leaves is transformed, and it stays
    finite for a structure that is not there.

    Make batches with `keys=("image", "label", "distance_mm")`: the map is turned, scaled and mirrored with
    the image, at the cost of one more map, while a transform in every step would cost more than the step's
    losses. Distances stay those of the patient: in an image that augmentation enlarges by a tenth, a band of
    4 mm is 4.4 mm wide on the screen. Crop a case before, not after, if only the crop is used.

    Args:
        case: labelled, with spacing.
        reach_mm: > 0, in mm.
        in_voxels: measure in voxels, for a data set that has lost its spacing.

    Returns:
        The case with `meta["distance_mm"]`, float32, shape `(K − 1, *S)`: of the classes 1 … K − 1.

    Raises:
        DataError: no label, one class, or no spacing to measure in mm.
        ConfigError: a reach that is not positive.

    Example:
        >>> from segkit.data import phantom
        >>> case = with_distances(phantom("hippocampus", 0))
        >>> tuple(case.meta["distance_mm"].shape)
        (2, 36, 50, 36)
    """
    if case.label is None or case.n_classes < 2:
        raise DataError(f"case {case.id} has no labelled structures, so there is no contour to measure from")
    if case.spacing_mm is None and not in_voxels:
        raise DataError(
            f"case {case.id} has no spacing, so a band cannot be given in mm: measure in voxels "
            "(in_voxels=True), or add the spacing"
        )
    if not reach_mm > 0:
        raise ConfigError(f"reach_mm must be positive, got {reach_mm}")
    spacing = (1.0,) * len(case.shape) if in_voxels or case.spacing_mm is None else case.spacing_mm
    maps = [_signed_distance(case.label, k, spacing, reach_mm) for k in range(1, case.n_classes)]
    return case.with_(meta={**case.meta, KEY: torch.stack(maps)})


def band_width_mm(spacing_mm: Sequence[float], wanted: float = 4.0) -> float:
    """The wanted width of a band, but not below the diagonal of a voxel, so that no part of it is empty.

    Args:
        spacing_mm: size of a voxel along each axis in mm.
        wanted: in mm.

    Example:
        >>> band_width_mm((1.0, 1.0, 1.0)), round(band_width_mm((4.7, 4.7, 3.0)), 2)
        (4.0, 7.29)
    """
    return max(wanted, math.hypot(*spacing_mm))


def in_band(labels: Tensor, distance_mm: Tensor, width_mm: float) -> Tensor:
    """Annotated voxels within a distance of the contour of their own structure; of the background, of any.

    Args:
        labels: integers, shape `(B, *S)`.
        distance_mm: signed distances, `(B, K − 1, *S)`, augmented with the labels or not.
        width_mm: reach to each side, in the unit of the distances; see `band_width_mm`.

    Returns:
        bool, `(B, *S)`. Without augmentation that is `contour_band`, where a label is not IGNORE.
    """
    return near_contour(distance_mm, width_mm) & (labels != IGNORE)


def near_contour(distance_mm: Tensor, width_mm: float) -> Tensor:
    r"""Voxels in the band of a contour, from the distances alone: $|\min_k \phi_k| \le b$.

    Inside a structure its own distance is the only one below 0 and so the least; in the background the least
    one is that to the nearest structure.
    """
    return reduce(torch.minimum, distance_mm.unbind(1)).abs() <= width_mm  # faster than `amin` over few maps


def _signed_distance(label: Tensor, k: int, spacing: Sequence[float], reach: float) -> Tensor:
    own = label == k
    out = torch.full(label.shape, float(reach))
    if not own.any():
        return out
    box = []
    for axis, step in enumerate(spacing):
        where = own.movedim(axis, 0).flatten(1).any(1).nonzero()[:, 0]
        extra = int(reach / step) + 1
        box.append(slice(max(0, int(where[0]) - extra), int(where[-1]) + extra + 1))
    near = tuple(box)
    inside = own[near]
    outside_mm = signed_distance_mm(inside, spacing)
    if bool((label == IGNORE).any()):
        # Beside voxels that nobody annotated there is no contour: the nearest one may lie beyond them.
        other = ~inside & (label[near] != IGNORE)
        outside_mm = torch.where(inside, -signed_distance_mm(other, spacing), outside_mm)
    out[near] = outside_mm.clamp(-reach, reach)
    return out
