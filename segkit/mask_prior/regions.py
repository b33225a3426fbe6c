"""Connected parts of a mask and the holes in its slices, on SciPy's labelling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Voxels = NDArray[np.bool_]


def largest_part(mask: Voxels) -> tuple[Voxels, int]:
    """The largest connected part (faces touch), and how many others there were."""
    return parts_above(mask, 0, most=1)


def parts_above(mask: Voxels, voxels: float, *, most: int | None = None) -> tuple[Voxels, int]:
    """The connected parts of more than `voxels` voxels, the `most` largest of them, and how many others
    there were.
    """
    from scipy.ndimage import label

    found, n = label(mask)
    if n == 0:
        return mask.copy(), 0
    sizes = _counts(found, n)
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")[: n if most is None else min(most, n)]
    keep = np.zeros(n + 1, bool)
    keep[order[sizes[order] > voxels]] = True
    return keep[found], int(n - keep.sum())


def fill_slices(mask: Voxels, axis: int | None) -> Voxels:
    """The mask with its holes filled: background that no path within its slice leads out of.

    Args:
        mask: bool.
        axis: the axis across which the slices lie; None takes the whole image as one.
    """
    from scipy.ndimage import generate_binary_structure, label

    links = generate_binary_structure(mask.ndim, 1)
    if axis is not None:
        across: list[Any] = [slice(None)] * mask.ndim
        across[axis] = [0, 2]
        links[tuple(across)] = False
    found, n = label(~mask, links)
    outside = np.zeros(n + 1, bool)
    for other in range(mask.ndim):
        if other != axis:
            for end in (0, -1):
                outside[np.unique(found.take(end, axis=other))] = True
    outside[0] = False  # the mask itself
    return ~outside[found]


def _counts(found: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Voxels of each label, slice by slice: `bincount` makes a wide copy of what it is given."""
    total = np.zeros(n + 1, np.int64)
    for part in found:
        low, high = int(part.min()), int(part.max())
        total[low : high + 1] += np.bincount(part.ravel() - low, minlength=high - low + 1)
    return total
