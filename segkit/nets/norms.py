"""Normalisation over the voxels of one image, at the speed of batch normalisation in channels-last memory.

PyTorch's instance and group norm want the channel axis outermost. Given a channels-last tensor on a CPU
they copy it, or walk it with a stride: one normalisation then costs as much as the convolution before it.
The batch-norm kernels of ATen do read channels-last memory, so `GroupNorm` feeds them the statistics of the
groups, image by image.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, unknown_name
from segkit.nets.grid import is_channels_last

NORMS = ("instance", "group", "batch")


def _affine(x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """(x − mean)/√(variance + eps)·weight + bias for one image x (1, C, *S) and statistics (C,), in x's
    memory format.
    """
    return torch.native_batch_norm(x, weight, bias, mean, variance, False, 0.0, eps)[0]


class _ChannelsLastGroupNorm(torch.autograd.Function):
    """Group norm of a channels-last tensor on a CPU. Statistics and sums are float32 (float64 for float64
    input).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        batch, channels = x.shape[:2]
        out = torch.empty_like(x)
        mean, inverse = (torch.empty(batch, channels, dtype=weight.dtype) for _ in range(2))
        for i in range(batch):
            torch.ops.aten.native_batch_norm.out(
                x[i : i + 1], weight, bias, None, None, True, 0.0, eps,
                out=out[i : i + 1], save_mean=mean[i], save_invstd=inverse[i],
            )  # fmt: skip
        variance = inverse**-2 - eps
        if groups != channels:  # what was written is instance norm; its statistics give those of the groups
            size = (batch, groups, channels // groups)
            between, centre = torch.var_mean(mean.view(size), -1, correction=0, keepdim=True)
            variance = (
                (variance.view(size).mean(-1, keepdim=True) + between).expand(size).reshape(batch, channels)
            )
            mean = centre.expand(size).reshape(batch, channels)
            for i in range(batch):
                out[i : i + 1] = _affine(x[i : i + 1], mean[i], variance[i], weight, bias, eps)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.groups, ctx.eps = groups, eps
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = gradients
        x, weight, mean, variance = ctx.saved_tensors
        batch, channels = x.shape[:2]
        parts = [
            torch.ops.aten.native_batch_norm_backward(
                grad[i : i + 1],
                x[i : i + 1],
                weight,
                mean[i],
                variance[i],
                None,
                None,
                False,
                ctx.eps,
                [True] * 3,
            )
            for i in range(batch)
        ]
        grad_weight = torch.stack([part[1] for part in parts])
        grad_bias = torch.stack([part[2] for part in parts])

        # The mean and the variance depend on x too: subtract the group means of w·g and of w·g·x̂ times x̂.
        size = (batch, ctx.groups, channels // ctx.groups)
        share = -torch.rsqrt(variance + ctx.eps) / (x[0, 0].numel() * size[-1])
        slope, offset = (
            share * (weight * total).view(size).sum(-1, keepdim=True).expand(size).reshape(batch, channels)
            for total in (grad_weight, grad_bias)
        )
        grad_x = torch.empty_like(x)
        for i, part in enumerate(parts):
            through_statistics = _affine(x[i : i + 1], mean[i], variance[i], slope[i], offset[i], ctx.eps)
            torch.add(part[0], through_statistics, out=grad_x[i : i + 1])
        return grad_x, grad_weight.sum(0), grad_bias.sum(0), None, None


class GroupNorm(nn.Module):
    """Group norm, equal to `torch.nn.GroupNorm`, that is as fast in channels-last memory as in the default
    one.

    With one channel per group it is instance norm. On other devices and layouts
    `torch.nn.functional.group_norm` runs.

    Args:
        groups: number of groups; must divide `channels`.
        channels: number of channels C of the input (B, C, *S).
        eps: added to the variance.
    """

    def __init__(self, groups: int, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        if channels % groups:
            raise ConfigError(f"group norm: {groups} groups do not divide {channels} channels")
        self.groups, self.channels, self.eps = groups, channels, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised x (B, C, *S), in its dtype and memory format."""
        if x[0].numel() == self.groups:
            raise DataError(
                f"a feature map of {tuple(x.shape)} has one number per group, which normalises to 0 whatever "
                "it is: use larger images, fewer levels, or fewer groups"
            )
        if x.device.type == "cpu" and is_channels_last(x):
            return _ChannelsLastGroupNorm.apply(x, self.weight, self.bias, self.groups, self.eps)
        return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"{self.groups}, {self.channels}"


def make_norm(name: str, channels: int, spatial_dims: int) -> nn.Module:
    """The normalisation called `name` for `channels` channels.

    Args:
        name: "instance" (each image and channel), "group" (each image and group of channels: the largest of
            8, 4, 2, 1 groups that divides `channels` and leaves at least two channels in each), or "batch"
            (each channel, over the batch; its statistics are those of the training batches at prediction).
        channels: number of channels.
        spatial_dims: 2 or 3.

    Raises:
        ConfigError: the name is unknown.
    """
    if name not in NORMS:
        raise unknown_name("norm", name, NORMS)
    if name == "batch":
        return nn.BatchNorm3d(channels) if spatial_dims == 3 else nn.BatchNorm2d(channels)
    if name == "instance":
        return GroupNorm(channels, channels)
    groups = next(n for n in (8, 4, 2, 1) if channels % n == 0 and (n == 1 or channels // n >= 2))
    return GroupNorm(groups, channels)
