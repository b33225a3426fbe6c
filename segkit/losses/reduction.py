"""The one place where values become a loss."""

from __future__ import annotations

import torch
from torch import Tensor

from segkit.errors import DataError


def reduce(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of the values that count; zero, with a gradient of zero, if none does.

    Args:
        values: per voxel, or per image and class; any shape. What does not count may hold anything, even NaN.
        valid: bool of the same shape, True where the value counts; by default all do.

    Returns:
        A scalar in the dtype of the values, summed in at least float32 and divided by the number of values
        that count.

    Raises:
        DataError: `valid` has another shape or is not bool.

    Example:
        >>> float(reduce(torch.tensor([1.0, 3.0, 8.0]), torch.tensor([True, True, False])))
        2.0
        >>> float(reduce(torch.tensor([1.0]), torch.tensor([False])))
        0.0
    """
    dtype = torch.promote_types(values.dtype, torch.float32)
    if valid is None:
        return (values.sum(dtype=dtype) / max(values.numel(), 1)).to(values.dtype)
    if valid.shape != values.shape or valid.dtype != torch.bool:
        raise DataError(
            f"valid must be bool of shape {tuple(values.shape)} like the values, "
            f"got {valid.dtype} of shape {tuple(valid.shape)}"
        )
    total = values.masked_fill(~valid, 0).sum(dtype=dtype)
    return (total / valid.sum().clamp(min=1)).to(values.dtype)
