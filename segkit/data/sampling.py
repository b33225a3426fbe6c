"""Where patches are cut: anywhere, or with a voxel of a structure in the middle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

MOST = 4096
"""Voxels kept per class: enough for every place, little to store."""


class ForegroundIndex:
    """Voxels of every foreground class of a label map, found once, so that drawing one costs nothing.

    Args:
        label: integers, shape `(*S)`; 0 is background, below 0 is ignored.
    """

    def __init__(self, label: Tensor) -> None:
        values = label.numpy()
        self.shape = values.shape
        foreground = np.flatnonzero(values > 0)
        kinds = values.reshape(-1)[foreground]
        # A fixed thinning, evenly spread over the structure: the index is a function of the label alone.
        self.voxels: list[NDArray[np.int64]] = []
        for k in np.unique(kinds):
            of_class = foreground[kinds == k]
            self.voxels.append(of_class[:: max(1, -(-len(of_class) // MOST))])

    def draw(self, random: np.random.Generator) -> tuple[int, ...] | None:
        """A voxel of a class drawn evenly from those present; None if there is none."""
        if not self.voxels:
            return None
        of_class = self.voxels[int(random.integers(len(self.voxels)))]
        flat = int(of_class[int(random.integers(len(of_class)))])
        return tuple(int(i) for i in np.unravel_index(flat, self.shape))


def draw_start(
    shape: Sequence[int],
    patch: Sequence[int],
    random: np.random.Generator,
    *,
    index: ForegroundIndex | None,
    foreground: float,
) -> tuple[int, ...]:
    """First voxel of a patch that lies wholly inside an image of the given shape.

    With probability `foreground` the patch is centred on a voxel from `index`, as far as the image's border
    lets it; otherwise, and if there is no such voxel, every place is as likely as every other.
    """
    # Both are drawn in every case: what follows in the stream does not depend on the outcome.
    by_structure = random.random() < foreground
    places = random.random(len(shape))
    middle = index.draw(random) if by_structure and index is not None else None
    room = [n - p for n, p in zip(shape, patch, strict=True)]
    if middle is None:
        return tuple(int(u * (r + 1)) for u, r in zip(places, room, strict=True))
    return tuple(min(max(m - p // 2, 0), r) for m, p, r in zip(middle, patch, room, strict=True))
