"""The voxels near a labelled boundary."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.inputs import IGNORE


def boundary_band(labels: Tensor, width: float) -> Tensor:
    """Which voxels have another label within `width` voxels along every axis.

    The neighbourhood is a cube, not a ball: it needs no distance transform and runs where the labels are. An
    ignored voxel makes no boundary and lies in no band.

    Args:
        labels: (B, *S) with at least one axis besides the batch; signed integers above their type's least,
            IGNORE = −1 where a voxel does not count. Short integers are faster.
        width: in voxels, at least 1; its integer part counts.

    Returns:
        (B, *S), bool.

    Raises:
        ConfigError: the width is below 1, or there is no axis, as for gathered voxels.

    Cost: linear in the number of voxels; in `width`, logarithmic.

    Example:
        >>> boundary_band(torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]]), 2).int()
        tensor([[0, 0, 1, 1, 1, 1, 0, 0]], dtype=torch.int32)
    """
    if not width >= 1:
        raise ConfigError(f"the band around a boundary must be at least 1 voxel wide, not {width}")
    if labels.ndim < 2:
        raise ConfigError("a band needs images with at least one axis; these are single voxels")
    counts = labels != IGNORE
    neutral = torch.iinfo(labels.dtype).min
    largest, smallest = (
        _running_maximum(each.masked_fill(~counts, neutral), int(width), neutral)
        for each in (labels, -labels)
    )
    return (largest > -smallest) & counts


def _running_maximum(values: Tensor, reach: int, neutral: int) -> Tensor:
    """The largest value within `reach` along every axis but the first; windows grow by doubling."""
    values = F.pad(values, (reach, reach) * (values.ndim - 1), value=neutral)
    for axis in range(1, values.ndim):
        covered, window = 1, 2 * reach + 1
        while covered < window:
            step = min(covered, window - covered)
            rest = values.shape[axis] - step
            values = torch.maximum(values.narrow(axis, 0, rest), values.narrow(axis, step, rest))
            covered += step
    return values
