"""Labels and distances on the grid of a coarse feature map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.inputs import IGNORE


def coarse_labels(labels: Tensor, stride: Sequence[int], n_classes: int, *, purity: float = 0.75) -> Tensor:
    """The class of each coarse cell, IGNORE where no class has most of it.

    Args:
        labels: integers, shape `(B, *S)`, IGNORE = −1 included.
        stride: voxels per cell along each axis.
        n_classes: classes K.
        purity: share of the cell's voxels that a class needs, in (0.5, 1]; voxels that are ignored count for
            no class, and what lies beyond the image for none of the cell.

    Returns:
        int64, shape `(B, *⌈S / stride⌉)`: the grid of a tap with that stride.

    Raises:
        ConfigError: the purity is out of range.

    Example:
        >>> import torch
        >>> coarse_labels(torch.tensor([[0, 0, 0, 1, 1, 1, 1]]), (2,), 2)
        tensor([[ 0, -1,  1,  1]])
    """
    if not 0.5 < purity <= 1:
        raise ConfigError(f"the purity of a coarse cell must be in (0.5, 1], got {purity}")
    if set(stride) == {1}:
        return labels.long()
    # Class after class: a one-hot map of all would be as large as K int64 images.
    shares = [coarse_mean((labels == k).float()[:, None], stride) for k in range(n_classes)]
    largest = torch.cat(shares, 1).max(1)
    return largest.indices.masked_fill(largest.values < purity - 1e-6, IGNORE)


def coarse_mean(maps: Tensor, stride: Sequence[int]) -> Tensor:
    """The mean of each cell.

    Args:
        maps: shape `(B, C, *S)` with one to three axes S.
        stride: voxels per cell along each axis.

    Returns:
        shape `(B, C, *⌈S / stride⌉)`; cells at the border are means of what lies in the image.
    """
    if set(stride) == {1}:
        return maps
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[maps.ndim - 3]
    size = tuple(stride)
    return pool(maps, size, size, ceil_mode=True)
