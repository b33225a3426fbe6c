"""Among which voxels the largest losses are dropped: those of a class, of a band, or of the whole image."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from segkit.errors import unknown_name
from segkit.loss_envelope.bands import boundary_band

Scope = Literal["class", "image", "band"]


def require_scope(scope: str) -> None:
    """Raise a ConfigError unless the scope exists."""
    if scope not in get_args(Scope):
        raise unknown_name("scope", scope, get_args(Scope))


def group_voxels(labels: Tensor, n_classes: int, *, scope: Scope, band_width: float) -> tuple[Tensor, int]:
    """The group of each voxel.

    Args:
        labels: (B, *S), integers in 0 … K−1, IGNORE = −1 where a voxel does not count.
        n_classes: K.
        scope: "class": a group for each labelled class; "image": one group; "band": a group for each class,
            of its voxels within `band_width` of a labelled boundary.
        band_width: in voxels, see `boundary_band`.

    Returns:
        (B, N), integers: the group, or −1 for a voxel that is never dropped; and the number of groups. The
        integers are as short as they can be: they are compared once for each group.

    Example:
        >>> group_voxels(torch.tensor([[0, 2, -1]]), 3, scope="image", band_width=3)
        (tensor([[ 0,  0, -1]], dtype=torch.int8), 1)
    """
    short = labels.to(torch.int8 if n_classes <= 127 else torch.int32)
    if scope == "band":
        short = short.masked_fill(~boundary_band(short, band_width), -1)
    short = short.view(len(labels), -1)
    return (short.clamp(max=0), 1) if scope == "image" else (short, n_classes)


def group_sizes(groups: Tensor, n_groups: int) -> Tensor:
    """Voxels of each group in each image, (B, G), int64; arguments as `group_voxels` returns them."""
    if groups.device.type != "cpu":
        return torch.stack([(groups == g).sum(1) for g in range(n_groups)], dim=1)
    members = groups.numpy()
    return torch.tensor(
        [[int(np.count_nonzero(row == g)) for g in range(n_groups)] for row in members], dtype=torch.int64
    ).view(len(groups), n_groups)
