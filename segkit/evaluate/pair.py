"""A predicted and a true mask of one structure, and what several metrics need of them, computed once.

The surface of a mask is the set of its voxels that share a face with a voxel outside it (the border of the
image counts as outside); distances run between the centres of such voxels. This is the definition of
MONAI's `get_edge_surface_distance` and the values agree with it. SciPy's exact distance transform on the
box that holds both masks takes about a third of the time of MONAI's crop and k-d tree on a hippocampus.

Another definition works on surface *elements*, the polygons between voxel corners, each weighted by its area
(`surface-distance`, Nikolov et al. 2021). It weighs a coarse and a fine face of an anisotropic voxel by
their areas, which counting voxels does not; both definitions differ by less than the diagonal of one voxel
in a directed maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from segkit.errors import DataError
from segkit.evaluate.measure import Status

Mask = NDArray[np.bool_]


class Pair:
    """Two masks of one structure on one grid.

    Args:
        prediction: boolean, shape `(*S)`, array or tensor on any device.
        truth: boolean, shape `(*S)`.
        spacing_mm: size of a voxel along each axis of `S` in mm, or None: distances are then in voxels.

    Raises:
        DataError: if the masks are not boolean, differ in shape, or the spacing does not fit them.
    """

    def __init__(self, prediction: Any, truth: Any, spacing_mm: Sequence[float] | None = None) -> None:
        p, t = as_mask(prediction, "prediction"), as_mask(truth, "truth")
        if p.shape != t.shape:
            raise DataError(
                f"the prediction has shape {p.shape} and the truth {t.shape}: bring both to one grid first"
            )
        self.spacing = check_spacing(spacing_mm, p.ndim)
        self.unit = "voxels" if spacing_mm is None else "mm"
        self.extent = np.array(p.shape) * self.spacing
        self._whole, self._box = (p, t), _bounding_box(p | t)
        self.prediction, self.truth = (np.ascontiguousarray(mask[self._box]) for mask in self._whole)
        self.n_prediction, self.n_truth = int(self.prediction.sum()), int(self.truth.sum())

    @property
    def status(self) -> Status:
        """Which of the masks are empty."""
        if self.n_truth:
            return "defined" if self.n_prediction else "missed"
        return "spurious" if self.n_prediction else "both_empty"

    @property
    def diagonal(self) -> float:
        """Length of the diagonal over full voxels, longer than any distance between two voxel centres."""
        return float(np.linalg.norm(self.extent))

    def with_rim(self) -> tuple[Mask, Mask]:
        """Both masks in the box that holds them and one voxel around it, where the image has one.

        A voxel of the box finds its nearest voxel outside a mask in here: what lies beyond the rim is farther
        away than the rim.
        """
        wide = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in self._box)
        return self._whole[0][wide], self._whole[1][wide]

    @cached_property
    def n_common(self) -> int:
        """Voxels in both masks."""
        return int((self.prediction & self.truth).sum())

    @cached_property
    def surface_distances(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From each surface voxel of the prediction to the nearest of the truth, and the other way round."""
        return directed_distances(surface(self.prediction), surface(self.truth), self.spacing)


def as_mask(mask: Any, name: str) -> Mask:
    """A boolean NumPy array of an array or tensor; `DataError` for anything that is not boolean."""
    array = np.asarray(mask.detach().cpu() if hasattr(mask, "detach") else mask)
    if array.dtype != bool:
        raise DataError(
            f"the {name} must be a boolean mask, not {array.dtype}: compare the labels with one class"
        )
    return array


def check_spacing(spacing_mm: Sequence[float] | None, dims: int) -> NDArray[np.float64]:
    """The spacing as an array, ones for None; `DataError` if it has the wrong length or is not positive."""
    if spacing_mm is None:
        return np.ones(dims)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (dims,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise DataError(
            f"spacing_mm must hold {dims} positive numbers, one per axis, not {tuple(spacing_mm)}"
        )
    return spacing


def surface(mask: Mask) -> Mask:
    """Voxels of the mask that share a face with one outside it; beyond the border of the array is outside."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        # Moving the axis to the front makes views: one expression serves every axis, nothing is copied.
        view, result = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        result[1:] &= view[:-1]
        result[:-1] &= view[1:]
        result[[0, -1]] = False
    return mask & ~inner


def directed_distances(
    a: Mask, b: Mask, spacing: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each point of `a` to the nearest of `b`, and the other way round; neither may be empty."""
    return distance_transform_edt(~b, sampling=spacing)[a], distance_transform_edt(~a, sampling=spacing)[b]


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    """The smallest box that holds the mask; the whole array if it is empty."""
    box = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(i for i in range(mask.ndim) if i != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(0, mask.shape[axis]))
    return tuple(box)
