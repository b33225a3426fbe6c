"""What a loss term may know of a batch of pairs of views: where they lie, and what is air."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.errors import DataError
from segkit.local_ssl.aligning import Points, align, common_points, own_points, true_at
from segkit.local_ssl.cells import Cells
from segkit.local_ssl.placing import Placement
from segkit.train import full_precision


@dataclass(frozen=True, eq=False)
class Scene:
    """Two views of each volume of a batch.

    Attributes:
        first, second: their places.
        tissue: of both views, bool (B, *n) each; None if nothing is known of air.
    """

    first: Placement
    second: Placement
    tissue: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> Scene:
        """From a batch of `ViewBatches`.

        Raises:
            DataError: it holds no pairs of views.
        """
        for key in ("view1", "view2", "place1", "place2"):
            if key not in batch:
                raise DataError(
                    f"a batch of pairs of views needs {key!r}, but has {sorted(batch)}: see ViewBatches"
                )
        shape = tuple(batch["view1"].shape[2:])
        first, second = (Placement(batch[key], shape) for key in ("place1", "place2"))
        tissue = (batch["tissue1"], batch["tissue2"]) if "tissue1" in batch else None
        return cls(first, second, tissue)

    @property
    def both(self) -> Placement:
        """The places of the first views, then of the second."""
        return Placement.joined([self.first, self.second])

    def shared(self, counts: Sequence[int], cells: Cells) -> Points:
        """Points of what both views show, for the first views and again for the second: (2B, Q).

        Points in the air of either view do not count.
        """
        points = common_points(self.first, self.second, counts, cells=cells)
        if self.tissue is not None:
            for mask, place in zip(self.tissue, (self.first, self.second), strict=True):
                points = points.only(true_at(mask, place, points.where))
        return Points(points.where.repeat(2, 1, 1), points.valid.repeat(2, 1))

    def own(self, counts: Sequence[int], cells: Cells) -> Points:
        """Points over each view on its own, first views and then second: (2B, Q).

        The q-th points of two views have one place in their views. Such a pair counts only if both do.
        """
        points = own_points(self.both, counts, cells=cells)
        if self.tissue is not None:
            points = points.only(true_at(torch.cat(self.tissue), self.both, points.where))
        half = len(points.valid) // 2
        return points.only((points.valid[:half] & points.valid[half:]).repeat(2, 1))

    def read(self, features: Tensor, points: Points, cells: Cells) -> Tensor:
        """Features (2B, C, *F) of both views at their points: (2B, Q, C), in at least float32."""
        with full_precision(features):
            exact = features.to(torch.promote_types(features.dtype, torch.float32))
            return align(exact, self.both, points.where, cells)
