"""What every loss asks of its inputs, and the layout in which the losses compute."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from segkit.errors import DataError

IGNORE = -1
"""Label of a voxel that counts nowhere."""


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor in float32, or in float64 if it has that; contiguous."""
    dtype = torch.promote_types(tensor.dtype, torch.float32)
    return tensor.to(dtype=dtype, memory_format=torch.contiguous_format)


class Rows(NamedTuple):
    """The inputs of a loss, the voxels of each image in a row.

    Attributes:
        logits: (B, K, N), contiguous, in at least float32.
        labels: (B, N), int64, IGNORE wherever the voxel does not count.
        counts: (B, N), bool, True where the voxel counts; None if all are known to. Filling masked voxels
            costs as much as the rest of a loss, so it pays to know; a GPU would have to wait for the answer
            and always has the mask.
    """

    logits: Tensor
    labels: Tensor
    counts: Tensor | None


def as_rows(logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Rows:
    """Check the inputs of a loss and lay the voxels of each image in a row.

    Args:
        logits: (B, K, *S) floating point, K ≥ 2. *S may be empty: then the B rows are gathered voxels.
        labels: (B, *S) integers in 0 … K−1, or IGNORE.
        valid: (B, *S) bool, True where the voxel counts; a voxel labelled IGNORE never does.

    Raises:
        DataError: shapes or dtypes do not fit, or, on a CPU, a label of a valid voxel is outside 0 … K−1.

    Example:
        >>> as_rows(torch.zeros(1, 2, 2, 2), torch.tensor([[[0, 1], [1, -1]]])).counts
        tensor([[ True,  True,  True, False]])
    """
    shape, size = tuple(logits.shape), tuple(logits.shape[2:])
    if logits.ndim < 2 or shape[1] < 2 or not logits.is_floating_point():
        raise DataError(
            f"logits must be floating point of shape (B, K, *S) with K ≥ 2, got {logits.dtype} of {shape}"
        )
    for name, tensor in (("labels", labels), ("valid", valid)):
        if tensor is not None and tuple(tensor.shape) != (shape[0], *size):
            raise DataError(
                f"{name} of shape {tuple(tensor.shape)} do not belong to logits of shape {shape}: "
                f"expected {(shape[0], *size)}"
            )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise DataError(f"labels must be integers, got {labels.dtype}")
    if valid is not None and valid.dtype != torch.bool:
        raise DataError(f"valid must be bool, got {valid.dtype}")

    labels = labels.long()
    if valid is not None:
        labels = labels.masked_fill(~valid, IGNORE)
    complete = False
    if labels.device.type == "cpu" and labels.numel():
        low, high = (int(value) for value in torch.aminmax(labels))
        if low < IGNORE or high >= shape[1]:
            wrong = low if low < IGNORE else high
            raise DataError(f"label {wrong} is neither one of the {shape[1]} classes nor IGNORE ({IGNORE})")
        complete = low > IGNORE
    logits = at_least_float32(logits)
    logits, labels = (logits.flatten(2), labels.flatten(1)) if size else (logits[..., None], labels[:, None])
    return Rows(logits, labels, None if complete else labels != IGNORE)
