"""The loss terms of a pre-training, each at one level of the network, with heads of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.local_ssl.aligning import Points
from segkit.local_ssl.cells import cells_of
from segkit.local_ssl.consistency import NORMS, Norm, symmetric_consistency
from segkit.local_ssl.heads import RowHead
from segkit.local_ssl.monitors import spread
from segkit.local_ssl.scene import Scene
from segkit.nets.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class Seen:
    """What both networks make of both views at one level.

    Attributes:
        online: features (2B, C, *F), first views and then second.
        target: those of the target network, without gradient; None if no term asked for it.
        projector: the target network's projector for this term.
    """

    online: Tensor
    target: Tensor | None
    projector: nn.Module | None

    def targets(self) -> tuple[Tensor, nn.Module]:
        """Features and projector of the target network."""
        assert self.target is not None and self.projector is not None, "the method runs no target network"
        return self.target, self.projector


class HeadOptions(TypedDict, total=False):
    """Options of every term, see `Term`."""

    hidden: int
    out: int
    norm: str
    corrected: bool


class Term(nn.Module):
    """A loss at one tap of a network. Subclasses define `forward`.

    Args:
        net: the network that is trained; it is looked at, not kept.
        tap: where features are read, a name of `net.taps`. A tap of the encoder trains the encoder alone, one
            of the decoder also what lies between.
        hidden: channels inside the heads.
        out: channels of the projections.
        norm: of the heads, "batch" or "layer".
        corrected: False takes the features' centres for even whatever the network does, see `cells_of`.

    Attributes:
        uses_target: whether the term compares with a slowly moving copy of the network.
        predicts: whether it has a predictor.

    Raises:
        ConfigError: the network has no such tap, or an unknown norm.
    """

    uses_target = True
    predicts = True

    def __init__(
        self,
        net: Segmenter,
        tap: str,
        *,
        hidden: int = 256,
        out: int = 128,
        norm: str = "batch",
        corrected: bool = True,
    ) -> None:
        super().__init__()
        self.cells = cells_of(net, tap, corrected=corrected)
        self.tap = tap
        self.projector = RowHead(net.taps[tap].channels, hidden, out, norm=norm)
        self.predictor = RowHead(out, hidden, out, norm=norm) if self.predicts else None

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The loss under the name "loss", and what is to be watched."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def predicted(self, projections: Tensor, valid: Tensor | None = None) -> Tensor:
        """What the predictor makes of projections (2B, Q, D)."""
        assert self.predictor is not None, "a term without a predictor"
        rows: Tensor = self.predictor(projections, valid)
        return rows


class PointTerm(Term):
    """A term over a grid of points per view.

    Features are read at the points and then projected: the heads work on points and never on dense maps.

    Args:
        net, tap: see `Term`.
        points: per axis; about as many as the shared box has features.
        options: of the heads, see `Term`.

    Raises:
        ConfigError: as `Term`, and counts that do not fit the axes.
    """

    def __init__(
        self, net: Segmenter, tap: str, *, points: Sequence[int], **options: Unpack[HeadOptions]
    ) -> None:
        super().__init__(net, tap, **options)
        if len(points) != net.spatial_dims or min(points) < 1:
            raise ConfigError(
                f"a network in {net.spatial_dims} dimensions needs {net.spatial_dims} counts of points, got "
                f"{tuple(points)}"
            )
        self.points = tuple(points)

    def projected(self, seen: Seen, scene: Scene, points: Points) -> Tensor:
        """Projections of the online network at the points: (2B, Q, D)."""
        rows: Tensor = self.projector(scene.read(seen.online, points, self.cells), points.valid)
        return rows

    def targets(self, seen: Seen, scene: Scene, points: Points) -> Tensor:
        """Projections of the target network at the points, without gradient: (2B, Q, D)."""
        features, projector = seen.targets()
        with torch.no_grad():
            rows: Tensor = projector(scene.read(features, points, self.cells), points.valid)
        return rows


class LocalConsistency(PointTerm):
    """PGL: the online network predicts, at each common point, what the target network sees in the other view.

    Args:
        net, tap, points, options: see `PointTerm`.
        over: "voxel" or "map", see `local_consistency`.
        aligned: False compares the same place of the two views instead of the same place of the volume: the
            prior taken away.

    Example:
        >>> from segkit.nets import UNet
        >>> term = LocalConsistency(UNet(2, 1, 2, (4, 8)), "bottom", points=(3, 3), hidden=8, out=4)
        >>> term.cells.stride
        (2, 2)
    """

    def __init__(
        self,
        net: Segmenter,
        tap: str,
        *,
        points: Sequence[int],
        over: Norm = "voxel",
        aligned: bool = True,
        **options: Unpack[HeadOptions],
    ) -> None:
        super().__init__(net, tap, points=points, **options)
        if over not in NORMS:
            raise unknown_name("norm", over, NORMS)
        self.over, self.aligned = over, aligned

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The symmetric loss, the spread of the targets, and the share of points that count."""
        points = (scene.shared if self.aligned else scene.own)(self.points, self.cells)
        predictions = self.predicted(self.projected(seen, scene, points), points.valid)
        targets = self.targets(seen, scene, points)
        valid = points.valid.chunk(2)[0]
        loss = symmetric_consistency(halves(predictions), halves(targets), valid=valid, norm=self.over)
        return {"loss": loss, "spread": spread(targets, points.valid), "points": valid.float().mean()}


class GlobalConsistency(Term):
    """BYOL: the same comparison of one vector per view, the mean of its features; options as of `Term`.

    With batch norm in the heads the statistics are those of 2B vectors: small batches are a handicap.
    """

    def forward(self, seen: Seen, scene: Scene) -> dict[str, Tensor]:
        """The symmetric loss and the spread of the targets."""
        predictions = self.predicted(self.projector(pooled(seen.online)))
        features, projector = seen.targets()
        with torch.no_grad():
            targets = projector(pooled(features))
        return {
            "loss": symmetric_consistency(halves(predictions), halves(targets)),
            "spread": spread(targets),
        }


def pooled(features: Tensor) -> Tensor:
    """The mean of maps (2B, C, *F) over their cells: (2B, 1, C), in at least float32."""
    return features.flatten(2).mean(2, dtype=torch.promote_types(features.dtype, torch.float32))[:, None]


def halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the first views and of the second."""
    first, second = rows.chunk(2)
    return first, second


def flat_terms(name: str, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{"loss": …, "spread": …} of a term called `name` as {name: …, name_spread: …}."""
    return {name if key == "loss" else f"{name}_{key}": value for key, value in found.items()}
