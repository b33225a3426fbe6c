r"""Features of two views, read at the same points of the volume.

A regular grid of points is laid into what both views show. `Placement.to_view` takes a point to a place $x$
in each view and so undoes crop, scale, mirroring and turn. In a feature map with stride $S$ whose first
feature is centred on voxel $o$ that is the index $j(x) = (x - ½ - o)/S$ (half-pixel convention), where the
map is read linearly between its neighbours. One expression serves every level. RoIAlign [he2017maskrcnn]
reads several such points per bin and averages them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.local_ssl.cells import Cells
from segkit.local_ssl.placing import Placement, shared_box


@dataclass(frozen=True, eq=False)
class Points:
    """Points of each volume of a batch.

    Attributes:
        where: (B, Q, D), in voxels of the volume (extent coordinates).
        valid: bool (B, Q), False where a point must not count.
    """

    where: Tensor
    valid: Tensor

    def only(self, also: Tensor) -> Points:
        """The same points, of which only those count that are True in `also` (B, Q) as well."""
        return Points(self.where, self.valid & also)


def common_points(
    first: Placement, second: Placement, counts: Sequence[int], *, cells: Cells | None = None
) -> Points:
    """A regular grid of points in what two views of each volume both show, apart from padding.

    Args:
        first: places of the first views.
        second: places of the second views of the same volumes.
        counts: points per axis of the volume. About as many as the shared box has features: more of them only
            read the same features again.
        cells: keep to the part where both views have features on all sides of a point, so that nothing is
            read beyond the outermost features' centres. None takes the whole of the shared box.

    Returns:
        Q = ∏ counts points, those of the last axis next to each other. Where two views have nothing in
        common, none of their points is valid.

    Raises:
        ConfigError: `counts` does not fit the axes.
        DataError: a view holds no whole cell.

    Example:
        >>> boxes = [{"low": (low,), "size": (8,), "shape": (8,), "extent": (12,)} for low in (0, 4)]
        >>> common_points(*(Placement.of(**box) for box in boxes), (4,)).where.flatten().tolist()
        [4.5, 5.5, 6.5, 7.5]
    """
    low, high = shared_box(first, second)
    low, high = low.clamp(min=0), torch.minimum(high, first.extent)
    if cells is not None:
        for place in (first, second):
            begin, end = _inner_box(place, cells)
            low, high = torch.maximum(low, begin), torch.minimum(high, end)
    return _grid(low, high, counts)


def own_points(place: Placement, counts: Sequence[int], *, cells: Cells | None = None) -> Points:
    """A regular grid of points over each view on its own, in the order of the view's axes.

    The q-th points of two views have the same place in their views and show different anatomy: this is
    alignment switched off.

    Args:
        place: places of the views.
        counts: points per axis of the view.
        cells: as in `common_points`.

    Raises:
        ConfigError: `counts` does not fit the axes.
        DataError: a view holds no whole cell.
    """
    low = place.low.new_zeros(place.low.shape)
    high = low + low.new_tensor(place.shape)
    if cells is not None:
        low, high = (end.expand_as(low) for end in _inner_ends(place, cells))
    found = _grid(low, high, counts)
    where = place.to_volume(found.where)
    return Points(where, found.valid & place.in_volume(where))


def align(features: Tensor, place: Placement, where: Tensor, cells: Cells) -> Tensor:
    """The features of views at points of their volumes. Differentiable with respect to the features.

    Args:
        features: (B, C, *F), a feature map of the views.
        place: where the views lie.
        where: (B, Q, D), `Points.where`.
        cells: of the level, see `cells_of`.

    Returns:
        (B, Q, C) in the dtype of the features. Beyond the outermost features these are continued.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> place = Placement.of(low=(4, 0), size=(8, 4), shape=(8, 4), extent=(20, 4))
        >>> blocks = torch.tensor([5.0, 7.0, 9.0, 11.0]).reshape(1, 1, 4, 1).expand(1, 1, 4, 2)
        >>> where = torch.tensor([[[6.0, 2.0], [9.0, 2.0]]])  # between the centres of blocks
        >>> align(blocks, place, where, Cells.even((2, 2))).flatten()
        tensor([6., 9.])
    """
    dims = len(place.shape)
    if features.ndim != dims + 2 or where.ndim != 3 or not len(features) == len(where) == len(place.rows):
        raise DataError(
            f"features {tuple(features.shape)} and points {tuple(where.shape)} do not fit {len(place.rows)} "
            f"views of shape {place.shape}"
        )
    size = where.new_tensor(features.shape[2:])
    feature = (place.to_view(where) - 0.5 - where.new_tensor(cells.centre)) / where.new_tensor(cells.stride)
    # grid_sample counts −1 … 1 from edge to edge, the last axis first.
    grid = ((2 * feature + 1) / size - 1).flip(-1).to(features.dtype)
    grid = grid.reshape(*grid.shape[:2], *(1 for _ in range(dims - 1)), dims)
    read = F.grid_sample(features, grid, "bilinear", "border", align_corners=False)
    return read.flatten(2).movedim(1, 2)


def true_at(masks: Tensor, place: Placement, where: Tensor) -> Tensor:
    """A mask of the views at points of their volumes: that of the voxel in which each point lies.

    Args:
        masks: bool (B, *n), such as True where a view shows tissue and not air.
        place: where the views lie.
        where: (B, Q, D), `Points.where`.

    Returns:
        bool (B, Q); False outside of the view.
    """
    there = place.to_view(where)
    size = there.new_tensor(place.shape)
    inside = ((there >= 0) & (there <= size)).all(-1)
    voxel = there.floor().clamp(min=0).minimum(size - 1).long()
    steps = [torch.Size(place.shape[axis + 1 :]).numel() for axis in range(len(place.shape))]
    flat = (voxel * torch.tensor(steps, device=voxel.device)).sum(-1)
    return masks.flatten(1).gather(1, flat) & inside


def _inner_ends(place: Placement, cells: Cells) -> tuple[Tensor, Tensor]:
    """Centres of the first and of the last whole cell of a view, in its extent coordinates: (D,) each."""
    count = place.low.new_tensor(cells.count(place.shape))
    begin = place.low.new_tensor(cells.centre) + 0.5
    return begin, begin + (count - 1) * begin.new_tensor(cells.stride)


def _inner_box(place: Placement, cells: Cells) -> tuple[Tensor, Tensor]:
    """The box between those centres, in voxels of the volume: two corners (B, D)."""
    ends = torch.stack(_inner_ends(place, cells)).expand(len(place.rows), 2, -1)
    corners = place.to_volume(ends)
    return corners.amin(1), corners.amax(1)


def _grid(low: Tensor, high: Tensor, counts: Sequence[int]) -> Points:
    """The middles of ∏ counts equal parts of each box."""
    if len(counts) != low.shape[1] or min(counts) < 1:
        raise ConfigError(
            f"points need {low.shape[1]} counts of 1 or more, one per axis, got {tuple(counts)}"
        )
    steps = [(torch.arange(m, device=low.device, dtype=low.dtype) + 0.5) / m for m in counts]
    share = torch.stack(torch.meshgrid(*steps, indexing="ij"), -1).flatten(0, -2)
    where = low[:, None] + share * (high - low)[:, None]
    # A box without a thickness still holds its middle; one that is inside out holds nothing.
    valid = (high >= low).all(-1, keepdim=True).expand(where.shape[:2])
    return Points(where, valid)
