"""The holes in the slices of a mask, and its connected parts, on SciPy's labelling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.components import largest_part, parts_above

__all__ = ["fill_slices", "largest_part", "parts_above"]

Voxels = NDArray[np.bool_]


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
