"""Dilation, erosion, opening and closing with balls whose radius is given in mm.

A ball is a stack of rows: for every offset across the last axis it holds one run of voxels along it. So a
mask is widened along its rows once per length of a run, packed to one bit per voxel, and shifted copies are
joined. On a CT volume of 512 × 512 × 150 that is many times faster than a distance transform, whose three
index maps alone need three times the volume's memory; the result is the same, and a test compares the two.

What lies beyond the image counts neither as mask nor as background, as if its edge values went on: an outline
does not retract at the first and the last slice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segkit.errors import ConfigError

Voxels = NDArray[np.bool_]


def dilated(mask: Voxels, radius_mm: float, spacing_mm: Sequence[float]) -> Voxels:
    """Every voxel whose centre is at most `radius_mm` from the centre of a voxel of the mask.

    Args:
        mask: bool, any number of axes.
        radius_mm: 0 or more.
        spacing_mm: voxel size along each axis.

    Raises:
        ConfigError: if the radius is negative or the spacing does not fit.

    Example:
        >>> dilated(np.array([[0, 0, 0, 1, 0, 0]], bool), 4.0, (1.0, 2.0)).astype(int).tolist()
        [[0, 1, 1, 1, 1, 1]]
    """
    runs = _runs(mask.shape, radius_mm, spacing_mm)
    if max(runs) == 0 and len(runs[0]) == 1:
        return mask.copy()
    wide = mask.copy()
    out = np.zeros_like(np.packbits(mask[..., :0] if mask.size == 0 else mask, axis=-1))
    length = mask.shape[-1]
    for reach in range(max(runs) + 1):
        if 0 < reach < length:
            wide[..., reach:] |= mask[..., :-reach]
            wide[..., :-reach] |= mask[..., reach:]
        if reach not in runs:
            continue
        packed = np.packbits(wide, axis=-1)
        for offset in runs[reach]:
            target, source = _shifted(offset, mask.shape)
            out[target] |= packed[source]
    return np.unpackbits(out, axis=-1, count=length).view(bool)


def eroded(mask: Voxels, radius_mm: float, spacing_mm: Sequence[float]) -> Voxels:
    """Every voxel of the mask with no background within `radius_mm`; otherwise as `dilated`."""
    return ~dilated(~mask, radius_mm, spacing_mm)


def opened(mask: Voxels, radius_mm: float, spacing_mm: Sequence[float]) -> Voxels:
    """What balls inside the mask cover: parts thinner than twice the radius go. Otherwise as `dilated`."""
    return dilated(eroded(mask, radius_mm, spacing_mm), radius_mm, spacing_mm)


def closed(mask: Voxels, radius_mm: float, spacing_mm: Sequence[float]) -> Voxels:
    """All but what balls in the background cover: narrow gaps are filled. Otherwise as `dilated`."""
    return eroded(dilated(mask, radius_mm, spacing_mm), radius_mm, spacing_mm)


def _runs(
    shape: tuple[int, ...], radius_mm: float, spacing_mm: Sequence[float]
) -> dict[int, list[tuple[int, ...]]]:
    """Half length of a run along the last axis → the offsets along the other axes that have it."""
    step = tuple(float(s) for s in spacing_mm)
    if len(step) != len(shape) or not all(s > 0 for s in step) or not 0 <= radius_mm < np.inf:
        raise ConfigError(
            f"a ball needs a radius of 0 mm or more and one positive spacing for each of {len(shape)} axes, "
            f"got {radius_mm} and {step}"
        )
    radius = radius_mm * (1 + 1e-6)
    # An offset beyond the image moves nothing into it.
    reach = [min(int(radius / s), n - 1) for s, n in zip(step, shape, strict=True)]
    runs: dict[int, list[tuple[int, ...]]] = {}
    for place in np.ndindex(*(2 * r + 1 for r in reach[:-1])):
        offset = tuple(p - r for p, r in zip(place, reach, strict=False))
        left = radius**2 - sum((o * s) ** 2 for o, s in zip(offset, step, strict=False))
        if left >= 0:
            runs.setdefault(min(int(np.sqrt(left) / step[-1]), shape[-1] - 1), []).append(offset)
    return runs


def _shifted(offset: Sequence[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a copy moved by `offset` lands, and what of the original lands there."""
    pairs = list(zip(offset, shape, strict=False))
    target = tuple(slice(max(0, o), n + min(0, o)) for o, n in pairs)
    source = tuple(slice(max(0, -o), n - max(0, o)) for o, n in pairs)
    return target, source
