"""Resampling in pieces: the result of `resample` and `resize`, with memory for a few planes only.

Both are separable, so some planes of the result need only some planes of the source. Linear interpolation has
two taps per axis (more where the grid gets coarser), and they are added up one by one: a dense matrix of
512 × 512 weights would do 256 times the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.data.prepared.scan import ROWS
from segkit.data.resampling import weights


@dataclass(frozen=True, eq=False)
class Taps:
    """Linear interpolation along one axis: sample `i` is the sum over t of `weight[i, t] * old[index[i, t]]`.

    Attributes:
        index: `(m, T)`, neighbouring old samples.
        weight: `(m, T)`, with sum 1 over T.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float32]

    @property
    def idle(self) -> bool:
        """Whether nothing changes along this axis."""
        return self.index.shape[1] == 1 and bool((self.index[:, 0] == np.arange(len(self.index))).all())

    def rows(self, start: int, stop: int) -> tuple[slice, Taps]:
        """What samples `start … stop` need of the source, and their taps counted from there."""
        index = self.index[start:stop]
        low, high = int(index.min()), int(index.max()) + 1
        return slice(low, high), Taps(index - low, self.weight[start:stop])

    def reach(self, low: int, high: int) -> tuple[int, int]:
        """First and last-plus-one of the samples that see anything of old samples `low … high`."""
        sees = np.flatnonzero(((self.index >= low) & (self.index < high) & (self.weight > 0)).any(1))
        return (int(sees[0]), int(sees[-1]) + 1) if len(sees) else (0, 0)

    def apply(self, values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        """Interpolate along an axis."""
        if self.idle and values.shape[axis] == len(self.index):
            return values
        tail = (1,) * (values.ndim - axis - 1)
        total: NDArray[np.float32] | None = None
        for index, weight in zip(self.index.T, self.weight.T, strict=True):
            part = values.take(index, axis)
            part *= weight.reshape(-1, *tail)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        return total


def taps(old: Sequence[int], new: Sequence[int], factors: Sequence[float]) -> list[Taps]:
    """Taps for every axis between two grids about the same centre."""
    return [_sparse(weights(n, m, f, "linear").numpy()) for n, m, f in zip(old, new, factors, strict=True)]


def _sparse(dense: NDArray[np.float32]) -> Taps:
    used = dense != 0
    first = used.argmax(1)
    last = dense.shape[1] - 1 - used[:, ::-1].argmax(1)
    index = first[:, None] + np.arange(int((last - first).max()) + 1)
    weight = np.take_along_axis(dense, index.clip(max=dense.shape[1] - 1), 1)
    weight[index > last[:, None]] = 0
    return Taps(index.clip(max=dense.shape[1] - 1), weight)


def image_planes(channel: NDArray[Any], grid: Sequence[Taps]) -> Iterator[NDArray[np.float32]]:
    """One channel `(*S)` on the new grid, `ROWS` planes across its first axis at a time."""
    for start in range(0, len(grid[0].index), ROWS):
        window, first = grid[0].rows(start, start + ROWS)
        part = np.asarray(channel[window], dtype=np.float32)
        for axis, one in enumerate((first, *grid[1:])):
            part = one.apply(part, axis)
        yield part


def label_planes(label: NDArray[np.int8], grid: Sequence[Taps]) -> Iterator[NDArray[np.int8]]:
    """The label on the new grid, in the same pieces: linear shares of the classes, the largest wins."""
    shape = tuple(len(one.index) for one in grid)
    for start in range(0, shape[0], ROWS):
        window, first = grid[0].rows(start, start + ROWS)
        if all(one.idle for one in grid):
            yield label[window]
            continue
        yield _vote(np.ascontiguousarray(label[window]), (first, *grid[1:]))


def _vote(label: NDArray[np.int8], grid: Sequence[Taps]) -> NDArray[np.int8]:
    shape = tuple(len(one.index) for one in grid)
    values = np.unique(label)
    winner = np.zeros(shape, dtype=np.int8)
    if len(values) == 1:
        winner[:] = values[0]
        return winner
    most = np.full(shape, -1, dtype=np.float32)
    for value in values:  # from the smallest on, so that of equal shares the smaller class wins
        there = label == value
        # Outside the box that the class reaches its share is zero, and zero never wins.
        spans = [one.reach(*_extent(there, axis)) for axis, one in enumerate(grid)]
        if any(a == b for a, b in spans):
            continue  # only planes that no tap has weight on hold this class
        box = tuple(slice(a, b) for a, b in spans)
        needed = [one.rows(a, b) for one, (a, b) in zip(grid, spans, strict=True)]
        share = there[tuple(window for window, _ in needed)].astype(np.float32)
        for axis, (_, local) in enumerate(needed):
            share = local.apply(share, axis)
        better = share > most[box] + 1e-6
        winner[box][better] = value
        np.maximum(most[box], share, out=most[box], where=better)
    return winner


def _extent(there: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    along = np.flatnonzero(there.any(tuple(a for a in range(there.ndim) if a != axis)))
    return int(along[0]), int(along[-1]) + 1
