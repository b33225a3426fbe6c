"""Stage 1: where a structure is, from a segmentation on a coarse grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.data.components import largest_part
from segkit.voxel_metric.boxes import centroid


@dataclass(frozen=True)
class Located:
    """Where stage 1 sees the structures.

    Attributes:
        point: in the space of the affine (mm), shape `(3,)`.
        found: False where stage 1 saw nothing and the mean place of the training cases is given instead.
    """

    point: NDArray[np.float64]
    found: bool

    def index(self, case: Case) -> tuple[float, ...]:
        """The same point as a voxel index of a case, on whatever grid it lies."""
        return tuple(to_index(self.point, case).tolist())


def to_point(index: Sequence[float], case: Case) -> NDArray[np.float64]:
    """A voxel index in the space of the affine."""
    dims = len(case.shape)
    return np.asarray(case.affine[:3, :dims] @ np.asarray(index, float) + case.affine[:3, 3])


def to_index(point: NDArray[np.float64], case: Case) -> NDArray[np.float64]:
    """A point in the space of the affine as a voxel index of a case."""
    dims = len(case.shape)
    return np.asarray(np.linalg.pinv(case.affine[:3, :dims]) @ (np.asarray(point) - case.affine[:3, 3]))


def largest_component(mask: Tensor) -> Tensor:
    """The largest connected part of a mask; voxels that share a corner are connected.

    Args:
        mask: bool, shape `(*S)`.

    Returns:
        bool, shape `(*S)`; all False if the mask is.

    Example:
        >>> largest_component(torch.tensor([True, False, True, True])).tolist()
        [False, False, True, True]
    """
    return torch.from_numpy(largest_part(mask.cpu().numpy(), corners=True)[0]).to(mask.device)


def locate(labels: Tensor, case: Case, centre_share: Sequence[float]) -> Located:
    """The centroid of what stage 1 predicts: of each class the largest component, of these the union.

    Args:
        labels: predicted classes on the grid of the case, `(*S)`.
        case: as stage 1 saw it.
        centre_share: where to look if nothing was predicted, as a share of the image along each axis.
    """
    kept = torch.zeros_like(labels)
    for k in labels.unique().tolist():
        if k > 0:
            kept[largest_component(labels == k)] = k
    index = centroid(kept)
    if index is None:
        middle = [share * n - 0.5 for share, n in zip(centre_share, case.shape, strict=True)]
        return Located(to_point(middle, case), False)
    return Located(to_point(index, case), True)
