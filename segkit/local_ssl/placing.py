r"""Where views lie in their volumes, and the one expression that leads from a volume into a view and back.

Extent coordinates: voxel $i$ of an axis occupies $[i, i+1]$, so that its centre is $i + ½$ and a volume of
$N$ voxels is $[0, N]$, whatever its resolution. A view with $n$ voxels per axis is made from the box
$[\ell, \ell+s)$ of the volume, mirrored where $f=-1$, its axes exchanged by the permutation $\pi$ of a
90° turn. A point $u$ of the volume lies in the view at
$$ x_a = \frac{n_a}{2}\,\Bigl(1 + f_a\,\bigl(2\,\frac{u_{\pi(a)}-\ell_{\pi(a)}}{s_{\pi(a)}}-1\bigr)\Bigr), $$
which takes account of crop, scale, mirroring and turn at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from segkit.errors import DataError

ROWS = ("low", "size", "axes", "flips", "extent")


@dataclass(frozen=True, eq=False)
class Placement:
    """The places of a batch of views, one per sample.

    Attributes:
        rows: (B, 5, D) float32, so that a batch can carry it to any device. Boxes are multiples of 1/256
            voxel, which float32 holds exactly up to 65,536 voxels; coordinates are computed in float64 where
            the device has it. The five rows are the properties below.
        shape: voxels n of a view along each of its axes.

    Example:
        >>> box = {"low": (2, 4), "size": (10, 20), "shape": (5, 10), "extent": (40, 40)}
        >>> place = Placement.of(**box, flips=(True, False))
        >>> place.to_view(torch.tensor([[[2.0, 4.0], [12.0, 4.0]]]))  # two corners of the box
        tensor([[[5., 0.],
                 [0., 0.]]], dtype=torch.float64)
    """

    rows: Tensor
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        wanted = (len(ROWS), len(self.shape))
        if self.rows.ndim != 3 or tuple(self.rows.shape[1:]) != wanted:
            raise DataError(
                f"places of views of shape {self.shape} are rows (B, {wanted[0]}, {wanted[1]}), got "
                f"{tuple(self.rows.shape)}"
            )

    @classmethod
    def of(
        cls,
        *,
        low: Sequence[float],
        size: Sequence[float],
        shape: Sequence[int],
        extent: Sequence[int],
        flips: Sequence[bool] | None = None,
        axes: Sequence[int] | None = None,
    ) -> Placement:
        """The place of one view, a batch of 1.

        Args:
            low: first corner of its box, in voxels of the volume.
            size: sides of the box along the axes of the volume.
            shape: voxels of the view along its own axes.
            extent: voxels of the volume.
            flips: axes of the view that run backwards; by default none.
            axes: axis of the volume along which each axis of the view runs; by default its own.
        """
        dims = len(shape)
        given = (low, size, range(dims) if axes is None else axes, flips or (False,) * dims, extent)
        table = [[float(value) for value in row] for row in given]
        return cls(torch.tensor(table, dtype=torch.float32)[None], tuple(shape))

    @classmethod
    def joined(cls, places: Sequence[Placement]) -> Placement:
        """Places of views of one shape as one batch."""
        return cls(torch.cat([place.rows for place in places]), places[0].shape)

    @cached_property
    def low(self) -> Tensor:
        """First corner of each box (B, D), in voxels of the volume."""
        return self._row(0)

    @cached_property
    def size(self) -> Tensor:
        """Sides of each box (B, D) along the axes of the volume, in voxels."""
        return self._row(1)

    @cached_property
    def axes(self) -> Tensor:
        """Axis of the volume along which each axis of the view runs (B, D), int64."""
        return self.rows[:, 2].long()

    @cached_property
    def flips(self) -> Tensor:
        """Whether each axis of the view runs backwards (B, D), bool."""
        return self.rows[:, 3] > 0.5

    @cached_property
    def extent(self) -> Tensor:
        """Voxels of each volume (B, D); what a box holds beyond them was padded."""
        return self._row(4)

    def _row(self, index: int) -> Tensor:
        row = self.rows[:, index]
        return row if row.device.type == "mps" else row.double()  # Apple's GPUs have no float64

    def to_view(self, points: Tensor) -> Tensor:
        """Points of the volume in the extent coordinates of the view.

        Args:
            points: (B, *M, D), in voxels of the volume.

        Returns:
            (B, *M, D), in voxels of the view: 0 … n inside its box, beyond elsewhere.
        """
        low, size, axes, flips = (
            self._along(row, points) for row in (self.low, self.size, self.axes, self.flips)
        )
        share = (points.gather(-1, axes.expand(points.shape)) - low.gather(-1, axes)) / size.gather(-1, axes)
        return torch.where(flips, 1 - share, share) * share.new_tensor(self.shape)

    def to_volume(self, points: Tensor) -> Tensor:
        """The inverse of `to_view`: points (B, *M, D) of the view in voxels of the volume."""
        low, size, axes, flips = (
            self._along(row, points) for row in (self.low, self.size, self.axes, self.flips)
        )
        share = points.to(size.dtype) / size.new_tensor(self.shape)
        share = torch.where(flips, 1 - share, share)
        back = axes.argsort(-1)
        return low + size * share.gather(-1, back.expand(share.shape))

    def centres(self) -> Tensor:
        """Centres of the voxels of the views, in voxels of the volume: (B, *n, D)."""
        steps = [torch.arange(n, device=self.rows.device, dtype=self.low.dtype) + 0.5 for n in self.shape]
        points = torch.stack(torch.meshgrid(*steps, indexing="ij"), -1)
        return self.to_volume(points.expand(len(self.rows), *points.shape))

    def in_volume(self, points: Tensor) -> Tensor:
        """Which points (B, *M, D) of the volume lie in it and not in its padding: bool (B, *M)."""
        return ((points >= 0) & (points <= self._along(self.extent, points))).all(-1)

    @staticmethod
    def _along(row: Tensor, points: Tensor) -> Tensor:
        """A row (B, D) as (B, 1, …, D), beside points (B, *M, D)."""
        return row.reshape(len(row), *(1 for _ in points.shape[1:-1]), -1)


def shared_box(first: Placement, second: Placement) -> tuple[Tensor, Tensor]:
    """What two views of each volume have in common.

    Returns:
        Its first and its last corner (B, D), in voxels of the volume. Where the boxes do not meet, the last
        lies before the first.
    """
    low = torch.maximum(first.low, second.low)
    return low, torch.minimum(first.low + first.size, second.low + second.size)
