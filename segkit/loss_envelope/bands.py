"""The voxels near a labelled boundary."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.inputs import IGNORE


def boundary_band(labels: Tensor, width: float) -> Tensor:
    """Which voxels have another label within `width` voxels along every axis.

    The neighbourhood is a cube, not a ball: it needs one maximum per axis and no distance transform, and
    runs where the labels are. An ignored voxel makes no boundary and lies in no band.

    Args:
        labels: (B, *S), integers, IGNORE where a voxel does not count; one to three axes.
        width: in voxels, at least 1; its integer part counts.

    Returns:
        (B, *S), bool.

    Raises:
        ConfigError: the width is below 1, or there is no axis, as for gathered voxels.

    Cost: linear in the number of voxels; each axis has two running maxima of 2·width + 1 voxels.

    Example:
        >>> boundary_band(torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]]), 2).int()
        tensor([[0, 0, 1, 1, 1, 1, 0, 0]], dtype=torch.int32)
    """
    axes = labels.ndim - 1
    if not width >= 1:
        raise ConfigError(f"the band around a boundary must be at least 1 voxel wide, not {width}")
    if axes not in (1, 2, 3):
        raise ConfigError(f"a band needs images of one to three axes, not labels of {tuple(labels.shape)}")
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]
    counts, reach = labels != IGNORE, int(width)
    largest = labels.to(torch.float32)  # exact for labels below 2²⁴; an ignored one is below all others
    smallest = torch.where(counts, -largest, -torch.inf)
    for axis in range(axes):
        kernel = [2 * reach + 1 if each == axis else 1 for each in range(axes)]
        padding = [reach if each == axis else 0 for each in range(axes)]
        largest = pool(largest[:, None], kernel, 1, padding)[:, 0]
        smallest = pool(smallest[:, None], kernel, 1, padding)[:, 0]
    return (largest > -smallest) & counts
