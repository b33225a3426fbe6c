"""Terms to compare local consistency with: contrast of points, images and matched cells; PixPro; VICReg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from segkit.local_ssl.contrast import dense_contrast, local_info_nce, nt_xent
from segkit.local_ssl.monitors import spread
from segkit.local_ssl.propagation import near_pairs, pixel_consistency, propagate
from segkit.local_ssl.scene import Scene
from segkit.local_ssl.terms import HeadOptions, PointTerm, Seen, Term, halves, pooled
from segkit.local_ssl.variance import vicreg_terms
from segkit.losses import reduce
from segkit.nets.segmenter import Segmenter


class LocalInfoNCE(PointTerm):
    """Contrast at common points: keys of the target network, negatives from the same volume, no predictor.

    Args:
        net, tap, points, options: see `PointTerm`.
        temperature, pooled: see `local_info_nce`.
    """

    predicts = False

    def __init__(
        self,
        net: Segmenter,
        tap: str,
        *,
        points: Sequence[int],
        temperature: float = 0.1,
        pooled: bool = False,
        **options: Unpack[HeadOptions],
    ) -> None:
        super().__init__(net, tap, points=points, **options)
        self.temperature, self.pooled = temperature, pooled

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The symmetric loss and the spread of the keys."""
        points = scene.shared(self.points, self.cells)
        queries, keys = self.projected(seen, scene, points), self.targets(seen, scene, points)
        crossed = torch.cat(halves(keys)[::-1])
        # Each view's keys are those of the other views: the two directions are batches of their own.
        values = torch.cat(
            [
                local_info_nce(q, k, valid=v, temperature=self.temperature, pooled=self.pooled)
                for q, k, v in zip(halves(queries), halves(crossed), halves(points.valid), strict=True)
            ]
        )
        return {"loss": reduce(values, points.valid), "spread": spread(keys, points.valid)}


class LocalVICReg(PointTerm):
    """Invariance, variance and covariance at common points; one network, no predictor, weights 25, 25, 1."""

    uses_target = predicts = False

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The weighted sum and its three parts."""
        points = scene.shared(self.points, self.cells)
        first, second = halves(self.projected(seen, scene, points))
        terms = vicreg_terms(first, second, valid=points.valid.chunk(2)[0])
        total = 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]
        return {"loss": total, **{name: value.detach() for name, value in terms.items()}}


class DenseContrast(PointTerm):
    """DenseCL's dense half: cells are matched by the features of the network, not by their places.

    DenseCL adds `GlobalContrast` with the same weight. A batch needs two images or more.
    """

    predicts = False

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The symmetric loss and the spread of the keys."""
        points = scene.own(self.points, self.cells)
        queries, keys = self.projected(seen, scene, points), self.targets(seen, scene, points)
        features = scene.read(seen.online.detach(), points, self.cells)
        theirs = scene.read(seen.targets()[0], points, self.cells)
        sides = [halves(rows) for rows in (queries, keys, features, theirs)]
        (q1, q2), (k1, k2), (f1, f2), (g1, g2) = sides
        loss = 0.5 * (reduce(dense_contrast(q1, k2, f1, g2)) + reduce(dense_contrast(q2, k1, f2, g1)))
        return {"loss": loss, "spread": spread(keys)}


class PixelPropagation(PointTerm):
    """PixPro's consistency: propagated cells against the near cells of the other view, many to many."""

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The symmetric loss, the spread of the targets, and the share of cells with a near one."""
        points = scene.own(self.points, self.cells)
        projections, targets = self.projected(seen, scene, points), self.targets(seen, scene, points)
        first, second = halves(propagate(projections, self.predicted(projections, points.valid)))
        z1, z2 = halves(targets)
        near = near_pairs(scene.first, scene.second, halves(points.where), self.cells)
        valid1, valid2 = halves(points.valid)
        near = near & valid1[:, :, None] & valid2[:, None]
        one = reduce(pixel_consistency(first, z2, near), near.any(2))
        other = reduce(pixel_consistency(second, z1, near.mT), near.any(1))
        return {
            "loss": 0.5 * (one + other),
            "spread": spread(targets, points.valid),
            "points": near.any(2).float().mean(),
        }


class GlobalContrast(Term):
    """SimCLR: pooled vectors of the two views of an image against those of the other images; one network.

    Args:
        net, tap, options: see `Term`.
        temperature: see `nt_xent`.
    """

    uses_target = predicts = False

    def __init__(
        self, net: Segmenter, tap: str, *, temperature: float = 0.1, **options: Unpack[HeadOptions]
    ) -> None:
        super().__init__(net, tap, **options)
        self.temperature = temperature

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The loss and the spread of the projections."""
        rows = self.projector(pooled(seen.online))
        first, second = halves(rows[:, 0])
        values = nt_xent(first, second, temperature=self.temperature)
        return {"loss": reduce(values), "spread": spread(rows)}
