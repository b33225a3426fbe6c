r"""Features of some voxels, as rows: gather, then project.

A head that looks at one voxel at a time gives the same rows whether it runs before or after the gathering. Of
a crop of 128³ voxels a dense map of 32 numbers takes 256 MiB before gradients; 512 gathered voxels take 64
KiB. What must not happen on the way is that channels and voxels change places: to select from `(B, C, *S)`
with a mask and to reshape to `(-1, C)` gives rows that are runs of one channel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.errors import DataError
from segkit.voxel_metric.sampling import VoxelSample


def gather_voxels(features: Tensor, sample: VoxelSample) -> Tensor:
    """The features of sampled voxels.

    Args:
        features: shape `(B, C, *S)`, in any memory format.
        sample: drawn on the grid S.

    Returns:
        shape `(M, C)`, in the dtype of the features; row j is `features[image[j], :, place of voxel[j]]`.
        The gradient has the memory format of the features, so that a network in channels-last does not turn
        its maps round for a few rows.

    Raises:
        DataError: a voxel lies outside of the grid: sample and features are of two grids.

    Example:
        >>> features = torch.arange(24.0).reshape(1, 2, 3, 4)
        >>> one = torch.tensor([0])
        >>> gather_voxels(features, VoxelSample(one, torch.tensor([5]), one))
        tensor([[ 5., 17.]])
    """
    cells = features[0, 0].numel() if len(features) and features.shape[1] else 0
    if len(sample) and (int(sample.voxel.max()) >= cells or int(sample.image.max()) >= len(features)):
        raise DataError(
            f"voxel {int(sample.voxel.max())} of image {int(sample.image.max())} does not lie in features of "
            f"shape {tuple(features.shape)}: sample on the grid of the tap (coarse_labels)"
        )
    rows: Tensor = _Gather.apply(features, sample.image, sample.voxel)
    return rows


class _Gather(torch.autograd.Function):
    """Advanced indexing whose gradient lies in memory as its input does."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, image: Tensor, voxel: Tensor) -> Tensor:
        ctx.save_for_backward(image, voxel)
        ctx.like = torch.empty_like(features, device="meta")
        return features.flatten(2)[image, :, voxel]

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = gradients
        image, voxel = ctx.saved_tensors
        out = torch.zeros_like(ctx.like, dtype=grad.dtype, device=grad.device)
        rows = out.movedim(1, -1)
        if rows.is_contiguous():  # channels last in memory: a voxel is a row
            cells = out[0, 0].numel()
            rows.view(-1, out.shape[1]).index_add_(0, image * cells + voxel, grad)
        else:
            every = torch.arange(out.shape[1], device=grad.device)
            flat = out.view(*out.shape[:2], -1)
            flat.index_put_((image[:, None], every, voxel[:, None]), grad, accumulate=True)
        return out, None, None
