"""Connected parts of a mask, on SciPy's labelling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Voxels = NDArray[np.bool_]


def largest_part(mask: Voxels, *, corners: bool = False) -> tuple[Voxels, int]:
    """The largest connected part of a mask, the first of several, and how many others there were.

    Args:
        mask: bool, any number of axes; an empty one stays empty.
        corners: whether voxels that share no more than a corner are connected; otherwise faces touch.

    Example:
        >>> kept, others = largest_part(np.array([True, False, True, True]))
        >>> kept.tolist(), others
        ([False, False, True, True], 1)
    """
    return parts_above(mask, 0, most=1, corners=corners)


def parts_above(
    mask: Voxels, voxels: float, *, most: int | None = None, corners: bool = False
) -> tuple[Voxels, int]:
    """The connected parts of more than `voxels` voxels, the `most` largest of them, and how many others
    there were.

    Args:
        mask: bool, any number of axes.
        voxels: what a part has to exceed.
        most: how many parts at most; None for all.
        corners: as in `largest_part`.
    """
    from scipy.ndimage import label

    found, n = label(mask, structure=np.ones((3,) * mask.ndim) if corners else None)
    if n == 0:
        return mask.copy(), 0
    sizes = _counts(found, n)
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")[: n if most is None else min(most, n)]
    keep = np.zeros(n + 1, bool)
    keep[order[sizes[order] > voxels]] = True
    return keep[found], int(n - keep.sum())


def _counts(found: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Voxels of each label, slice by slice: `bincount` makes a wide copy of what it is given."""
    total = np.zeros(n + 1, np.int64)
    for part in found:
        low, high = int(part.min()), int(part.max())
        total[low : high + 1] += np.bincount(part.ravel() - low, minlength=high - low + 1)
    return total
