"""Patch and strides for the images of a data set: cubes in mm, halved where voxels are fine and many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from segkit.errors import ConfigError

SMALLEST = 4
"""A level is not halved to fewer voxels than this, as in nnU-Net [isensee2021nnunet]."""


THICK = 4.0
"""How many pixels a slice is taken to be thick where a set has lost its spacing."""


class Geometry(NamedTuple):
    """What the grid of the images decides.

    Attributes:
        patch: voxels along each axis, multiples of the total stride; a little more than the image where all
            of it is seen.
        strides: of each level of a U-Net along each axis, the first being all ones.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]


def fit_geometry(
    shape: Sequence[int], spacing: Sequence[float] | None, *, voxels: int, levels: int
) -> Geometry:
    """A patch of at most about `voxels` voxels and the strides of a U-Net for it.

    The rule is that of nnU-Net, without its estimate of memory: along each axis the patch is as long in mm,
    but no longer than the image; a level halves the axes whose voxels are at most twice as long as the
    shortest, while more than `SMALLEST` voxels stay.

    Args:
        shape: of a typical image.
        spacing: size of its voxels in any unit; None takes `likely_spacing`.
        voxels: how many a patch should have.
        levels: most levels of the network.

    Raises:
        ConfigError: a number below 1.

    Example:
        >>> fit_geometry((256, 256, 30), (1.0, 1.0, 8.0), voxels=2**16, levels=4)
        Geometry(patch=(80, 80, 10), strides=((1, 1, 1), (2, 2, 1), (2, 2, 1), (2, 2, 2)))
    """
    if min(*shape, voxels, levels) < 1:
        raise ConfigError(
            f"a patch needs an image, voxels and levels, got {tuple(shape)}, {voxels}, {levels}"
        )
    step = tuple(spacing) if spacing is not None else likely_spacing(shape)

    def sides(length: float) -> list[float]:
        return [max(1.0, min(float(n), length / s)) for n, s in zip(shape, step, strict=True)]

    low, high = 0.0, max(n * s for n, s in zip(shape, step, strict=True))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.prod(sides(middle)) <= voxels else (low, middle)
    size, edge = sides(high), list(step)
    strides = [(1,) * len(shape)]
    total = [1] * len(shape)
    left = list(size)
    while len(strides) < levels:
        able = [i for i, n in enumerate(left) if n >= 2 * SMALLEST]
        fine = min((edge[i] for i in able), default=0.0)
        halved = [i in able and edge[i] <= 2 * fine for i in range(len(shape))]
        if not any(halved):
            break
        strides.append(tuple(2 if h else 1 for h in halved))
        for i, h in enumerate(halved):
            if h:
                left[i], edge[i], total[i] = left[i] / 2, edge[i] * 2, total[i] * 2
    patch = tuple(
        # An axis that is seen whole is seen to its end.
        (math.ceil(n / t) if n > whole - 0.5 else max(1, round(n / t))) * t
        for n, t, whole in zip(size, total, shape, strict=True)
    )
    return Geometry(patch, tuple(strides))


def likely_spacing(shape: Sequence[float]) -> tuple[float, ...]:
    """Relative voxel size of an image that has lost its spacing.

    An axis with less than a quarter of the voxels of the longest one is taken for a stack of slices, each
    `THICK` times as thick as a pixel is wide: halving it at once, or turning it like the others, would mix
    slices that lie far apart.

    Args:
        shape: of a typical image.

    Example:
        >>> likely_spacing((256, 216, 9)), likely_spacing((40, 56, 40))
        ((1.0, 1.0, 4.0), (1.0, 1.0, 1.0))
    """
    return tuple(THICK if 4 * n < max(shape) else 1.0 for n in shape)
