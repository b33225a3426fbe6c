"""Sampled voxels as rows on the unit sphere, sorted by class: positives are then one run of rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from segkit.errors import DataError
from segkit.losses.inputs import IGNORE

EPS = 1e-6
"""Smallest norm that is divided by, and smallest squared distance that a root is taken of."""


@dataclass(frozen=True)
class ClassRows:
    """Rows that count, class after class.

    Attributes:
        z: shape `(M, d)`, of unit length, in at least float32, connected to what they were made of.
        norm: shape `(M, 1)`: what each row was divided by, `EPS` or more.
        order: shape `(M,)`, int64: where each stood before.
        own: shape `(M,)`, int64: number of its class among those that are present.
        sizes: shape `(K,)`, int64: rows of each class that is present.
        bounds: first row of each class, and the row behind its last.
    """

    z: Tensor
    norm: Tensor
    order: Tensor
    own: Tensor
    sizes: Tensor
    bounds: tuple[tuple[int, int], ...]

    @property
    def positive_pairs(self) -> int:
        """Pairs i < j of one class."""
        return sum((end - start) * (end - start - 1) // 2 for start, end in self.bounds)

    @property
    def negative_pairs(self) -> int:
        """Pairs i < j of two classes."""
        m = len(self.z)
        return m * (m - 1) // 2 - self.positive_pairs

    @property
    def triplets(self) -> int:
        """Triplets (a, p, n): a and p ≠ a of one class, n of another."""
        m = len(self.z)
        return sum((e - s) * (e - s - 1) * (m - (e - s)) for s, e in self.bounds)


def class_rows(embeddings: Tensor, labels: Tensor) -> ClassRows:
    """Drop the rows that are ignored, sort the others by class, and divide each by its length.

    Rows of one class keep their order.

    Args:
        embeddings: float, shape `(M, d)`, any length.
        labels: integers, shape `(M,)`; rows labelled IGNORE = −1 are dropped.

    Raises:
        DataError: shapes or dtypes do not fit.
    """
    fits = embeddings.ndim == 2 and labels.shape == embeddings.shape[:1]
    if not fits or not embeddings.is_floating_point() or labels.is_floating_point():
        raise DataError(
            "embeddings must be floating point of shape (M, d) and labels integers of shape (M,), got "
            f"{embeddings.dtype} {tuple(embeddings.shape)} and {labels.dtype} {tuple(labels.shape)}"
        )
    ordered, order = labels.sort(stable=True)
    skipped = int((ordered == IGNORE).sum()) if len(ordered) and int(ordered[0]) == IGNORE else 0
    _, own, sizes = torch.unique_consecutive(ordered[skipped:], return_inverse=True, return_counts=True)
    order = order[skipped:]
    z = embeddings.index_select(0, order)
    z = z.to(torch.promote_types(z.dtype, torch.float32))
    norm = torch.linalg.vector_norm(z, dim=1, keepdim=True).clamp(min=EPS)
    ends = accumulate(sizes.tolist(), initial=0)
    return ClassRows(z / norm, norm, order, own, sizes, tuple(pairwise(ends)))
