"""Losses that see a voxel's prediction only through its cross-entropy, that is, through p of its label."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from segkit.losses import reduce
from segkit.losses.entropy import entropy_of_rows
from segkit.losses.inputs import as_rows

Change = Callable[[Tensor], Tensor]
"""What is made of the cross-entropies, value by value; 0 must stay 0, since an ignored voxel has that."""


def voxel_values(change: Change, logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
    """The changed cross-entropies, (B, *S) in the dtype of the logits; 0 where a voxel does not count."""
    values = change(entropy_of_rows(as_rows(logits, labels, valid), None))
    return values.view(labels.shape).to(logits.dtype)


def voxel_mean(change: Change, logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of the changed cross-entropies over the voxels that count, a scalar in the dtype of the logits."""
    rows = as_rows(logits, labels, valid)
    return reduce(change(entropy_of_rows(rows, None)), rows.counts).to(logits.dtype)
