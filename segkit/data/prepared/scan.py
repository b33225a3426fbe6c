"""An image as a reader hands it to the preparation: as small in memory as the file allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.case import IGNORE, Case
from segkit.errors import DataError

ROWS = 32
"""How many planes of a volume are worked on at a time."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What a file holds, in the type of the file.

    A `Case` needs 12 bytes per voxel, which for a CT of 512 × 512 × 800 is 2.5 GB before anything is done.

    Attributes:
        image: `(C, *S)`, any real type.
        label: int8, `(*S)`, -1 where nobody annotated; None without annotation.
        spacing_mm: voxel size, or None where it is lost; such an image is neither turned nor resampled.
        affine: voxel index → mm in RAS+.
    """

    image: NDArray[Any]
    label: NDArray[np.int8] | None
    spacing_mm: tuple[float, ...] | None
    affine: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial axes."""
        return tuple(self.image.shape[1:])

    def oriented(self) -> Scan:
        """The same voxels with axes that point right, anterior, superior; views, no copy.

        2-D images and images without spacing stay as they are.
        """
        if len(self.shape) != 3 or self.spacing_mm is None:
            return self
        from nibabel.orientations import inv_ornt_aff, io_orientation

        steps = io_orientation(self.affine)
        order = [int(i) for i in steps[:, 0].argsort()]
        flips = tuple(slice(None, None, int(steps[k, 1])) for k in order)
        image = self.image.transpose(0, *(k + 1 for k in order))[(slice(None), *flips)]
        label = None if self.label is None else self.label.transpose(order)[flips]
        spacing = tuple(self.spacing_mm[k] for k in order)
        return Scan(image, label, spacing, self.affine @ inv_ornt_aff(steps, self.shape))

    def check(self, n_classes: int) -> None:
        """Check what `Case.validate` checks, plane by plane.

        Raises:
            DataError: a voxel that is not finite, a label that is no class, grids that differ.
        """
        if self.image.ndim not in (3, 4) or 0 in self.image.shape:
            raise DataError(f"the image has shape {self.image.shape}; (C, *S) with 2 or 3 axes S is needed")
        if self.label is not None and self.label.shape != self.shape:
            raise DataError(f"the label has shape {self.label.shape} but the image has {self.shape}")
        if self.image.dtype.kind == "f":
            bad = sum(int((~np.isfinite(part)).sum()) for part in planes(self.image, axis=-1))
            if bad:
                raise DataError(f"{bad} voxels are NaN or infinite")
        if self.label is not None:
            low, high = int(self.label.min()), int(self.label.max())
            if low < IGNORE or high >= n_classes:
                raise DataError(
                    f"label value {low if low < IGNORE else high} is no class; known are 0 to "
                    f"{n_classes - 1}, and {IGNORE} for not annotated"
                )


def planes(values: NDArray[Any], *, axis: int) -> list[NDArray[Any]]:
    """Views of `ROWS` planes each, across the given axis."""
    n = values.shape[axis]
    index: list[slice] = [slice(None)] * values.ndim
    parts = []
    for start in range(0, n, ROWS):
        index[axis] = slice(start, start + ROWS)
        parts.append(values[tuple(index)])
    return parts


def from_case(case: Case) -> Scan:
    """A case that was read by the reader of a small data set."""
    label = None
    if case.label is not None:
        label = to_int8(case.label.numpy())
    return Scan(case.image.numpy(), label, case.spacing_mm, case.affine)


def to_int8(values: NDArray[Any], classes: dict[int, int] | None = None) -> NDArray[np.int8]:
    """Class numbers in one byte.

    Args:
        values: whole numbers of any type.
        classes: value in the file → class; None takes values as classes.

    Raises:
        DataError: a value that is no class, or not whole.
    """
    out = np.empty(values.shape, dtype=np.int8)
    for part, target in zip(planes(values, axis=-1), planes(out, axis=-1), strict=True):
        whole = np.rint(part) if part.dtype.kind == "f" else part
        if part.dtype.kind == "f" and not bool((np.abs(part - whole) <= 1e-3).all()):
            raise DataError("labels are not whole numbers; was the map resampled with interpolation?")
        found = np.unique(whole).astype(np.int64)
        for value in found.tolist():
            if value < IGNORE or (classes is None and value > 127) or (classes and value not in classes):
                known = "-1 to 127" if classes is None else ", ".join(map(str, sorted(classes)))
                raise DataError(f"label value {value} is no class; known are {known}")
        if classes is None:
            target[...] = whole
        else:
            table = np.array([classes[value] for value in found.tolist()], dtype=np.int8)
            target[...] = table[np.searchsorted(found, whole)]
    return out
