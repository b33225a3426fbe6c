"""Where two views of a volume are cut: two boxes with a guaranteed overlap, mirrored and turned at random."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from segkit.errors import ConfigError, DataError
from segkit.local_ssl.placing import Placement

STEP = 1 / 256
"""Boxes are multiples of this part of a voxel, which float32 holds without rounding."""

Range = tuple[float, float]


class TwoBoxes:
    r"""Draws the places of two views of one volume.

    The boxes have sides $s_v$ = scale × the view's voxels. Both lie in a parent box that is drawn first. Two
    boxes in a parent of side $P$ share at least $s_1+s_2-P$ along an axis, so a parent of
    $P = s_1+s_2-\rho\min(s_1,s_2)$ secures the share $\rho$ of the smaller one. The two are exchangeable:
    both are drawn alike in the parent.

    Args:
        shape: voxels of a view, two or three numbers.
        scale: side of a box in voxels of the volume, over the view's voxels; one range (low, high), or one
            per axis. Drawn apart for each view and axis. A re-implementation of the paper has 1.1 … 1.4 in
            the plane and 1 along the depth.
        overlap: ρ in [0, 1], the share of the smaller box that both have, along every axis.
        min_iou: a bound on the shared volume over the joined volume; raises ρ where the two sizes need it.
            The same re-implementation has 0.1, in the plane.
        flip_axes: axes of a view that are mirrored, each with probability ½.
        turns: pairs of axes of the view in whose plane it is turned by 0, 90, 180 or 270°, each as often.
        together: mirror and turn both views alike, as if the volume had been mirrored before they were cut.
            Single views that are mirrored ask a network to see no difference between left and right.
        pad: let a box reach beyond a volume that is too small for it; if False, that is an error.

    Raises:
        ConfigError: a number outside its range, an axis that does not exist, a turn between axes of different
            length, or a bound that two boxes of such scales cannot always meet.

    Example:
        >>> boxes = TwoBoxes((16, 32, 32), scale=[(1, 1), (1.1, 1.4), (1.1, 1.4)], overlap=0.5)
        >>> first, second = boxes.draw((20, 64, 64), np.random.default_rng(0))
        >>> first.size.tolist()
        [[16.0, 37.78..., 35.59...]]
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        scale: Range | Sequence[Range] = (1.1, 1.4),
        overlap: float = 0.1,
        min_iou: float = 0.0,
        flip_axes: Sequence[int] = (),
        turns: Sequence[tuple[int, int]] = (),
        together: bool = False,
        pad: bool = True,
    ) -> None:
        self.shape = tuple(int(n) for n in shape)
        dims = len(self.shape)
        ranges = [scale] * dims if np.ndim(scale[0]) == 0 else list(scale)
        self.scale = np.asarray(ranges, float)
        if dims not in (2, 3) or min(self.shape) < 1 or self.scale.shape != (dims, 2):
            raise ConfigError(
                "a view needs two or three axes of 1 or more voxels, and one range of scales or one per "
                f"axis, got shape {self.shape} and scale {scale}"
            )
        if not (self.scale[:, 0] > 0).all() or not (self.scale[:, 0] <= self.scale[:, 1]).all():
            raise ConfigError(
                f"a range of scales runs from a positive number to one not below it, got {scale}"
            )
        if not (0 <= overlap <= 1 and 0 <= min_iou <= 1):
            raise ConfigError(f"overlap and min_iou are shares in [0, 1], got {overlap} and {min_iou}")
        smaller = float(prod(self.scale[:, 0] / self.scale[:, 1]))
        if min_iou > smaller:
            raise ConfigError(
                f"min_iou = {min_iou} cannot be met: with these scales one box may be {smaller:.3g} of the "
                "other and share no more than that with it; narrow the scales or lower the bound"
            )
        for axis in (*flip_axes, *(axis for plane in turns for axis in plane)):
            if axis not in range(dims):
                raise ConfigError(f"axis {axis} does not exist in a view of shape {self.shape}")
        for a, b in turns:
            if a == b or self.shape[a] != self.shape[b]:
                raise ConfigError(
                    f"a view of shape {self.shape} cannot be turned in the plane of the axes {a} and {b}: "
                    "they must be two axes of one length"
                )
        self.overlap, self.min_iou, self.pad = overlap, min_iou, pad
        self.flip_axes, self.turns, self.together = tuple(flip_axes), tuple(turns), together

    def draw(self, extent: Sequence[int], random: np.random.Generator) -> tuple[Placement, Placement]:
        """The places of two views of one volume, each a batch of 1.

        Args:
            extent: voxels of the volume along each axis.
            random: where every number is drawn from.

        Raises:
            DataError: the volume has other axes, or is too small and `pad` is False.
        """
        dims = len(self.shape)
        if len(extent) != dims:
            raise DataError(
                f"views of shape {self.shape} cannot be cut from a volume of shape {tuple(extent)}"
            )
        voxels = np.asarray(extent, float)
        sizes = self._sizes(random)
        if not self.pad and (sizes > voxels).any():
            raise DataError(
                f"a volume of shape {tuple(extent)} is smaller than the box "
                f"{np.round(sizes.max(0), 1).tolist()} of a view: choose a smaller view or scale, or let it "
                "be padded (pad=True)"
            )
        lows = self._lows(voxels, sizes, random)
        orientations = [self._orientation(random), self._orientation(random)]
        if self.together:
            orientations[1] = orientations[0]
        first, second = (
            Placement.of(low=low, size=size, shape=self.shape, extent=extent, axes=axes, flips=flips)
            for low, size, (axes, flips) in zip(lows, sizes, orientations, strict=True)
        )
        return first, second

    def _sizes(self, random: np.random.Generator) -> NDArray[np.float64]:
        low, high = self.scale.T
        drawn = low + random.random((2, len(self.shape))) * (high - low)
        sizes = np.rint(drawn * self.shape / STEP) * STEP
        return np.maximum(sizes, STEP)

    def _lows(
        self, voxels: NDArray[np.float64], sizes: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        """First corners of both boxes, (2, D)."""
        smaller = sizes.min(0)
        share = self.overlap
        if self.min_iou > 0:
            needed = self.min_iou / (1 + self.min_iou) * sizes.prod(1).sum() / smaller.prod()
            share = min(1.0, max(share, needed ** (1 / len(voxels))))
        secured = np.ceil(share * smaller / STEP) * STEP
        room = np.maximum(voxels, sizes.max(0))
        parent = np.minimum(room, sizes.sum(0) - np.minimum(secured, smaller))
        # A volume that is too small lies somewhere in the room that its views need.
        start = _between(voxels - room, 0 * voxels, random) + _between(0 * voxels, room - parent, random)
        lows = np.stack([start + _between(0 * size, parent - size, random) for size in sizes])
        # Boxes that find place in the volume stay in it; of the others each holds the whole volume.
        spare = voxels - sizes
        return np.clip(lows, np.minimum(spare, 0), np.maximum(spare, 0))

    def _orientation(self, random: np.random.Generator) -> tuple[list[int], list[bool]]:
        """Axes and mirrored axes of one view: all numbers are drawn whatever is done with them."""
        axes, flips = list(range(len(self.shape))), [False] * len(self.shape)
        for axis in self.flip_axes:
            flips[axis] ^= bool(random.random() < 0.5)
        for a, b in self.turns:
            for _ in range(int(random.integers(4))):
                axes[a], axes[b] = axes[b], axes[a]
                flips[a], flips[b] = not flips[b], flips[a]
        return axes, flips


def _between(
    low: NDArray[np.float64], high: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Evenly drawn multiples of the step from low to high, both included."""
    steps = np.rint((high - low) / STEP)
    return low + np.minimum(np.floor(random.random(len(low)) * (steps + 1)), steps) * STEP
