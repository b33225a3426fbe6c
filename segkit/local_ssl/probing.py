"""What frozen features hold: a linear probe at one level, and the retrieval of corresponding points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import DataError
from segkit.local_ssl.cells import cells_of
from segkit.local_ssl.consistency import EPS, check_rows
from segkit.local_ssl.cutting import along_axis, interpolation
from segkit.local_ssl.scene import Scene
from segkit.losses import DiceCELoss, cosine_similarities
from segkit.nets.blocks import Pointwise
from segkit.nets.segmenter import Segmenter
from segkit.train import Batch, Batches, Method, State, Trainer, full_precision, one_cycle


class LinearProbe(Method):
    """One linear map from the features of one tap to the classes; the network itself stays as it is.

    Features are brought to mean 0 and deviation 1 per channel (over the batch in training, by running
    statistics in prediction), mapped to logits, and these are interpolated to the image's voxels from the
    true centres of the features. Probe one level at a time: a finer level that was never trained helps every
    network alike.

    Args:
        net: a segmentation network of `segkit.nets`.
        tap: a name of `net.taps`.
        n_classes: classes K; by default those of the network.
        loss: maps logits and labels to a scalar; by default Dice and cross-entropy.

    Raises:
        ConfigError: the network has no such tap.
    """

    def __init__(
        self, net: Segmenter, tap: str, *, n_classes: int | None = None, loss: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.cells, self.tap = cells_of(net, tap), tap
        self.net = net
        channels, dims = net.taps[tap].channels, net.spatial_dims
        scale = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
        self.scale = scale(channels, affine=False)
        self.head = Pointwise(dims, channels, n_classes or net.n_classes)
        self.loss = DiceCELoss() if loss is None else loss

    def train(self, mode: bool = True) -> LinearProbe:
        """Switch the scaling; the network stays in evaluation mode."""
        super().train(mode)
        self.net.train(False)
        return self

    def logits(self, image: Tensor) -> Tensor:
        """Logits (B, K, *S) of images (B, C, *S), in at least float32."""
        with torch.no_grad():
            features = self.net.forward_features(image, [self.tap])[self.tap]
        with full_precision(features):
            exact = features.to(torch.promote_types(features.dtype, torch.float32))
            out: Tensor = self.head(self.scale(exact))
            for axis, n in enumerate(image.shape[2:]):
                where = torch.arange(n, device=out.device, dtype=torch.float32) - self.cells.centre[axis]
                matrix = interpolation(where[None] / self.cells.stride[axis], out.shape[2 + axis])
                out = along_axis(out, matrix.to(out.dtype).expand(len(out), -1, -1), 2 + axis)
            return out

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss of a batch with "image" and "label", and perhaps "valid"."""
        options: dict[str, Any] = {"valid": batch["valid"]} if "valid" in batch else {}
        return {"total": self.loss(self.logits(batch["image"]), batch["label"], **options)}

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S)."""
        return torch.softmax(self.logits(image), dim=1)


def linear_probe(
    net: Segmenter,
    tap: str,
    batches: Batches,
    *,
    iterations: int = 200,
    lr: float = 0.2,
    seed: int = 0,
    n_classes: int | None = None,
    loss: nn.Module | None = None,
    **options: Any,
) -> LinearProbe:
    """Train a linear probe and return it, in evaluation mode.

    Args:
        net, tap, n_classes, loss: see `LinearProbe`.
        batches: with "image" and "label".
        iterations: updates.
        lr: highest learning rate of one cycle of AdamW; high because the features are scaled and the map is
            linear. At a tenth of it 200 updates are too few, and weak features look weaker than they are.
        seed: of the head's weights.
        options: further ones of the `Trainer`.

    Example:
        >>> from segkit.data import PatchBatches, phantoms, z_score
        >>> from segkit.nets import UNet
        >>> cases = [z_score(case) for case in phantoms("hippocampus", 2)]
        >>> batches = PatchBatches(cases, patch=(16, 24, 16), batch_size=2, seed=0)
        >>> probe = linear_probe(UNet(3, 1, 3, (4, 8)), "decoder0", batches, iterations=3, progress=False)
        >>> probe.predict(cases[0].image[None]).shape
        torch.Size([1, 3, 36, 50, 36])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = LinearProbe(net, tap, n_classes=n_classes, loss=loss)
    settings: dict[str, Any] = {"schedule": one_cycle, "logger": None, "seed": seed, **options}
    Trainer(probe, iterations=iterations, lr=lr, **settings).fit(batches)
    return probe.eval()  # type: ignore[return-value]


@dataclass(frozen=True)
class Retrieval:
    """How well features find a point of one view in the other.

    Attributes:
        hits: share of points whose nearest feature in the other view is that of the same point.
        error: mean distance between the point that was found and the right one: mm with a spacing, else
            voxels.
        chance: share of hits of features that know nothing.
        points: how many were looked for.
    """

    hits: float
    error: float
    chance: float
    points: int


def retrieve(
    first: Tensor,
    second: Tensor,
    where: Tensor,
    *,
    valid: Tensor | None = None,
    spacing_mm: Tensor | None = None,
) -> Retrieval:
    """Look for every point of the first views among the points of the second, by the cosine of the features.

    Args:
        first: (B, Q, C), features of the first views at common points.
        second: (B, Q, C), of the second views at the same points.
        where: (B, Q, D), the points, in voxels of the volume.
        valid: bool (B, Q), True where a point counts; by default all do.
        spacing_mm: (B, D) or (D,), size of a voxel.

    Raises:
        DataError: shapes do not fit, or no point counts.

    Example:
        >>> points = torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])
        >>> retrieve(torch.eye(2)[None], torch.eye(2).flip(0)[None], points)
        Retrieval(hits=0.0, error=5.0, chance=0.5, points=2)
    """
    valid = check_rows(first, second, valid)
    if where.shape[:2] != valid.shape or not bool(valid.any()):
        raise DataError(
            f"points {tuple(where.shape)} do not fit features {tuple(first.shape)}, or none of them counts"
        )
    similar = cosine_similarities(first, second, eps=EPS).masked_fill(~valid[:, None], -torch.inf)
    found = similar.argmax(-1)
    right = torch.arange(found.shape[1], device=found.device)
    step = where.new_ones(where.shape[-1]) if spacing_mm is None else spacing_mm.to(where)
    place = where * (step[:, None] if step.ndim == 2 else step)
    error = (place.gather(1, found[..., None].expand_as(place)) - place).norm(dim=-1)
    chance = (1 / valid.sum(1).clamp(min=1)).expand(valid.shape[1], -1).mT[valid]
    return Retrieval(
        hits=float((found == right)[valid].double().mean()),
        error=float(error[valid].mean()),
        chance=float(chance.double().mean()),
        points=int(valid.sum()),
    )


@torch.no_grad()
def features_at_common_points(
    net: Segmenter, tap: str, batch: Mapping[str, Tensor], points: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features of both views of a batch of `ViewBatches` at common points, for `retrieve` and the monitors.

    The network is used in evaluation mode and left in the mode in which it was.

    Args:
        net: a segmentation network.
        tap: a name of `net.taps`.
        batch: pairs of views.
        points: per axis.

    Returns:
        Features of the first and of the second views (B, Q, C), the points (B, Q, D) in voxels of the volume,
        and which of them count, bool (B, Q).
    """
    scene, cells = Scene.of(batch), cells_of(net, tap)
    was = net.training
    net.eval()
    features = net.forward_features(torch.cat([batch["view1"], batch["view2"]]), [tap])[tap]
    net.train(was)
    shared = scene.shared(points, cells)
    first, second = scene.read(features, shared, cells).chunk(2)
    return first, second, shared.where.chunk(2)[0], shared.valid.chunk(2)[0]
