"""NIfTI volumes with as little memory as their files allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segkit.data.dataset import Source
from segkit.data.nifti import check_grid, opened, told_damage
from segkit.data.prepared.scan import ROWS, Scan, to_int8
from segkit.errors import DataError


def read_volume(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Voxels `(x, y, z, channel)` and the affine.

    Small whole numbers keep their type; everything else becomes float32, some planes at a time, so that a
    file of float64 is never in memory as a whole.

    Raises:
        DataError: the file is missing, damaged, or holds something else than one number per voxel.
    """
    file = opened(path, keep_file_open=True)  # one pass through a compressed file, not one per piece
    proxy: Any = file.dataobj
    plain = (proxy.slope, proxy.inter) == (1, 0) and proxy.dtype.kind in "iu" and proxy.dtype.itemsize <= 2
    shape = (*file.shape[:3], int(np.prod(file.shape[3:])))
    out = np.empty(shape, dtype=proxy.dtype.newbyteorder("=") if plain else np.float32, order="F")
    with told_damage(path), np.errstate(over="ignore"):
        if len(file.shape) > 4:
            proxy = np.asanyarray(proxy).reshape(shape)
        for channel in range(shape[3]):
            for start in range(0, shape[2], ROWS):
                planes = slice(start, start + ROWS)
                index = (..., planes) if len(file.shape) == 3 else (..., planes, channel)
                out[:, :, planes, channel] = proxy[index]
    return out, np.asarray(file.affine, dtype=np.float64)


def read_pair(source: Source, *, classes: dict[int, int] | None = None) -> Scan:
    """An image and its label map, the first two paths of a source; without a second one, the image alone.

    Args:
        source: where they lie.
        classes: value in the label file → class; None takes values as classes.

    Raises:
        DataError: a file is missing or damaged, the grids differ, a label value is not known.
    """
    image_path = source.paths[0]
    image, affine = read_volume(image_path)
    spacing = tuple(round(float(size), 6) for size in nib.affines.voxel_sizes(affine))
    if len(source.paths) == 1:
        return Scan(np.moveaxis(image, 3, 0), None, spacing, affine)
    label_path = source.paths[1]
    values, label_affine = read_volume(label_path)
    shape = values.shape[:3] if values.shape[3] == 1 else values.shape
    check_grid(label_path, (shape, label_affine), image_path, (image.shape[:3], affine))
    try:
        label = to_int8(values[..., 0], classes)
    except DataError as error:
        raise DataError(f"{label_path}: {error}") from error
    return Scan(np.moveaxis(image, 3, 0), label, spacing, affine)
