"""Strides, padding and receptive fields: where a feature lies in the image that it was computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError, DataError

Stride = tuple[int, ...]


@dataclass(frozen=True)
class Tap:
    """A place in a network where features can be read.

    Attributes:
        channels: channels C of the feature map (B, C, *S').
        stride: image voxels per feature voxel along each axis; the feature at index j sees the image voxels
            j·stride … j·stride + stride − 1 at its centre, and S' = ⌈S / stride⌉.
    """

    channels: int
    stride: Stride


def as_strides(strides: Sequence[int | Sequence[int]] | None, levels: int, spatial_dims: int) -> list[Stride]:
    """One stride per level and axis; by default 1 at the first level and 2 at every further one.

    Raises:
        ConfigError: their number is not that of the levels, or one is not a positive integer per axis.
    """
    given = [1] + [2] * (levels - 1) if strides is None else list(strides)
    if len(given) != levels:
        raise ConfigError(
            f"{len(given)} strides for {levels} levels: give one stride (or one per axis) for each level"
        )
    full = [(s,) * spatial_dims if isinstance(s, int) else tuple(s) for s in given]
    for level, stride in enumerate(full):
        if len(stride) != spatial_dims or any(s < 1 for s in stride):
            raise ConfigError(f"stride {stride} of level {level} is not {spatial_dims} positive integers")
    return full


def cumulated(strides: Sequence[Stride]) -> list[Stride]:
    """Stride of each level with respect to the image."""
    return [tuple(prod(axis) for axis in zip(*strides[: i + 1], strict=True)) for i in range(len(strides))]


def pad_to_multiple(image: Tensor, multiple: Stride) -> Tensor:
    """Image (B, C, *S) with zeros appended behind each axis until its size is a multiple of `multiple`."""
    missing = [-size % m for size, m in zip(image.shape[2:], multiple, strict=True)]
    return F.pad(image, [n for m in reversed(missing) for n in (0, m)]) if any(missing) else image


def crop_to(features: Tensor, size: Sequence[int], stride: Stride) -> Tensor:
    """The part of features (B, C, *S') that belongs to the unpadded image of size S: ⌈S / stride⌉ along
    each axis.
    """
    want = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    for axis, n in enumerate(want, start=2):
        if features.shape[axis] != n:
            features = features.narrow(axis, 0, n)
    return features


def check_image(image: Tensor, in_channels: int, spatial_dims: int, net: str) -> None:
    """Raise a DataError unless the image is (B, in_channels, *S) with `spatial_dims` axes of at least one
    voxel.
    """
    shape = tuple(image.shape)
    if image.ndim != spatial_dims + 2 or image.shape[1] != in_channels or image.numel() == 0:
        axes = ", ".join(("height", "width") if spatial_dims == 2 else ("depth", "height", "width"))
        raise DataError(
            f"{net} expects an image (batch, {in_channels}, {axes}) without empty axes, got shape {shape}"
        )


def window_before_upsampling(width: int, stride: int, *, linear: bool) -> int:
    """Most coarse voxels that a window of `width` fine voxels depends on."""
    return -(-(width - 1) // stride) + 1 + (linear and stride > 1)


def is_channels_last(x: Tensor) -> bool:
    """Whether (B, C, *S) lies in memory as (B, *S, C) and not, at the same time, as it is written."""
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
    return layout is not None and not x.is_contiguous() and x.is_contiguous(memory_format=layout)
