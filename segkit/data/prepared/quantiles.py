"""Percentiles of intensities, of one image and of many, without holding the voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVELS = np.linspace(0, 1, 201)
"""What is kept of every image: a percentile every half per cent."""


class Counter:
    """Counts every value that 16-bit floating point can have: 65536 numbers, whatever the image's size.

    Example:
        >>> counter = Counter()
        >>> counter.add(np.arange(101, dtype=np.float16))
        >>> counter.quantiles()[[0, 100, 200]].tolist()
        [0.0, 50.0, 100.0]
    """

    def __init__(self) -> None:
        self.counts = np.zeros(1 << 16, dtype=np.int64)

    def add(self, values: NDArray[np.float16]) -> None:
        """Count some more values."""
        self.counts += np.bincount(
            np.ascontiguousarray(values).view(np.uint16).reshape(-1), minlength=1 << 16
        )

    def quantiles(self) -> NDArray[np.float64]:
        """The exact quantiles at `LEVELS`, or an empty array if nothing was counted.

        The level p of n values lies at place (n - 1) p among the sorted ones; between two places the lower
        value is taken.
        """
        total = int(self.counts.sum())
        if total == 0:
            return np.empty(0)
        values = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
        order = np.argsort(values, kind="stable")
        upto = np.cumsum(self.counts[order])
        return values[order][np.searchsorted(upto, np.floor(LEVELS * (total - 1)) + 1)]


def pooled(quantiles: Sequence[ArrayLike], counts: Sequence[float], levels: Sequence[float]) -> list[float]:
    """Quantiles of several images together, from those of each.

    Every image counts with its number of voxels; between its kept quantiles its distribution is taken as
    even.

    Args:
        quantiles: of each image, at `LEVELS`.
        counts: voxels of each image.
        levels: what is wanted, in [0, 1].

    Example:
        >>> pooled([np.linspace(0, 10, 201), np.linspace(10, 20, 201)], [1, 1], [0.25, 0.75])
        [5.0, 15.0]
    """
    used = [(np.asarray(q, dtype=np.float64), n) for q, n in zip(quantiles, counts, strict=True) if n > 0]
    if not used:
        return []
    points = np.unique(np.concatenate([q for q, _ in used]))
    below = np.zeros(len(points))
    for q, n in used:
        # Of equal quantiles the last one counts: so much of the image is not above the value.
        last = np.append(q[1:] != q[:-1], True)
        below += n * np.interp(points, q[last], LEVELS[last], left=0.0)
    below /= sum(n for _, n in used)
    return [float(np.interp(level, below, points)) for level in levels]
