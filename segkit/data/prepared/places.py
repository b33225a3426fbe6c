"""Places to centre patches on, found once, so that no label map is scanned when a run starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segkit.data.prepared.scan import planes
from segkit.data.sampling import MOST, ForegroundIndex


def places(label: NDArray[np.int8]) -> NDArray[np.int64]:
    """Class and flat index of at most `MOST` voxels of every foreground class: those of `ForegroundIndex`.

    Returns:
        int64, `(n, 2)`, by class.
    """
    size = int(np.prod(label.shape[1:]))
    counts = np.zeros(128, dtype=np.int64)
    for piece in planes(label, axis=0):
        counts += np.bincount(piece[piece > 0], minlength=128)
    rows = []
    for value in np.flatnonzero(counts):
        step, seen, start, kept = max(1, -(-int(counts[value]) // MOST)), 0, 0, []
        for piece in planes(label, axis=0):
            found = np.flatnonzero(piece == value)
            kept.append(start + found[-seen % step :: step])
            seen, start = seen + len(found), start + len(piece) * size
        flat = np.concatenate(kept)
        rows.append(np.stack([np.full(len(flat), value), flat], axis=1))
    return np.concatenate(rows).astype(np.int64) if rows else np.empty((0, 2), dtype=np.int64)


class StoredIndex(ForegroundIndex):
    """A `ForegroundIndex` from stored places, moved along with a label that is padded.

    Args:
        stored: what `places` found.
        shape: of the label.
        before: voxels padded in front of every axis.
        padded: shape of the padded label.
    """

    def __init__(
        self,
        stored: NDArray[np.int64],
        shape: tuple[int, ...],
        *,
        before: tuple[int, ...],
        padded: tuple[int, ...],
    ) -> None:
        self.shape = padded
        self.voxels = []
        for value in np.unique(stored[:, 0]):
            at = np.unravel_index(stored[stored[:, 0] == value, 1], shape)
            moved = tuple(axis + b for axis, b in zip(at, before, strict=True))
            self.voxels.append(np.ravel_multi_index(moved, padded).astype(np.int64))
