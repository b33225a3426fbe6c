"""Images spoilt on purpose, to be restored: hidden blocks, shuffled blocks, bent intensities."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError

CURVE = 65
"""Points at which a curve of intensities is computed; between them it is straight."""


def hidden_blocks(views: Tensor, block: Sequence[int], share: float, generator: torch.Generator) -> Tensor:
    """A mask of blocks that are hidden: in each view as many, wherever chance puts them.

    Args:
        views: (B, C, *n); shape and device count.
        block: voxels of a block along each axis; the last ones may be cut.
        share: of the blocks, in (0, 1); at least one is hidden and one is not.
        generator: on the device of the views.

    Returns:
        bool (B, *n), True where hidden.

    Raises:
        ConfigError: a share or a block outside its range.
        DataError: the views have fewer than two blocks.

    Example:
        >>> hidden = hidden_blocks(torch.zeros(1, 1, 8, 8), (4, 4), 0.5, torch.Generator().manual_seed(0))
        >>> hidden.float().mean()
        tensor(0.5000)
    """
    shape = views.shape[2:]
    if len(block) != len(shape) or min(block) < 1 or not 0 < share < 1:
        raise ConfigError(
            f"hidden blocks need {len(shape)} positive sides and a share between 0 and 1, got {tuple(block)} "
            f"and {share}"
        )
    cells = [-(-n // side) for n, side in zip(shape, block, strict=True)]
    total = prod(cells)
    if total < 2:
        raise DataError(f"views of shape {tuple(shape)} are one block of {tuple(block)}: take smaller blocks")
    count = min(max(1, round(share * total)), total - 1)
    drawn = torch.rand(len(views), total, generator=generator, device=views.device)
    hidden = torch.zeros_like(drawn, dtype=torch.bool).scatter(1, drawn.topk(count).indices, True)
    hidden = hidden.reshape(-1, *cells)
    for axis, (n, side) in enumerate(zip(shape, block, strict=True), start=1):
        hidden = hidden.repeat_interleave(side, axis).narrow(axis, 0, n)
    return hidden


def shuffled_inside(views: Tensor, block: Sequence[int], generator: torch.Generator) -> Tensor:
    """Views whose voxels change places inside blocks: the texture goes, the outlines of large things stay.

    Every block has the same new order. What is left of an axis behind the last whole block stays as it is.

    Args:
        views: (B, C, *n).
        block: voxels of a block along each axis.
        generator: on the device of the views.

    Raises:
        ConfigError: the block does not fit the axes.
    """
    shape = views.shape[2:]
    if len(block) != len(shape) or min(block) < 1:
        raise ConfigError(
            f"blocks in {len(shape)} dimensions need as many positive sides, got {tuple(block)}"
        )
    out = views.clone()
    inner = out
    for axis, (n, side) in enumerate(zip(shape, block, strict=True), start=2):
        inner = inner.narrow(axis, 0, n // side * side)
    index = torch.arange(prod(inner.shape[2:]), device=views.device).reshape(inner.shape[2:])
    # The flat index of every voxel, blocks first: one order for the places inside, then back.
    folded = index
    for axis, side in enumerate(block):
        folded = folded.unflatten(2 * axis, (-1, side))
    dims = len(block)
    folded = folded.permute(*range(0, 2 * dims, 2), *range(1, 2 * dims, 2)).reshape(-1, prod(block))
    order = torch.randperm(prod(block), generator=generator, device=views.device)
    source = torch.empty_like(index.flatten())
    source[folded.flatten()] = folded[:, order].flatten()
    inner.copy_(inner.flatten(2)[..., source].reshape(inner.shape))
    return out


def bent(views: Tensor, generator: torch.Generator) -> Tensor:
    """Views seen through curves: each view's intensities, from lowest to highest, by a random monotone map.

    The map is a cubic Bézier curve between the ends with two random points in between, as in
    [zhou2021genesis]; half of the curves fall. A view without contrast stays as it is.

    Args:
        views: (B, C, *n).
        generator: on the device of the views.
    """
    number = len(views)
    middle = torch.rand(2, number, 2, generator=generator, device=views.device).sort(-1).values
    falls = torch.rand(number, generator=generator, device=views.device) < 0.5
    t = torch.linspace(0, 1, CURVE, device=views.device)
    one, two, three = 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    x, y = middle[:, :, :1] * one + middle[:, :, 1:] * two + three
    y = torch.where(falls[:, None], 1 - y, y)
    flat = views.flatten(1)
    low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    width = high - low
    share = ((flat - low) / width).nan_to_num().to(x.dtype)
    right = torch.searchsorted(x.contiguous(), share.contiguous()).clamp(1, CURVE - 1)
    x0, x1, y0, y1 = (c.gather(1, i) for c in (x, y) for i in (right - 1, right))
    curved = y0 + (y1 - y0) * ((share - x0) / (x1 - x0).clamp(min=1e-6)).clamp(0, 1)
    return torch.where(width > 0, low + width * curved, flat).to(views.dtype).reshape(views.shape)
