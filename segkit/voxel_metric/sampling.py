r"""Which voxels enter the metric loss: a bounded number per class and volume, drawn anew in every step.

With $\phi_k$ the signed distance to the contour of structure k, a voxel of class k lies in the band if
$|\phi_k| \le b$; a voxel of the background does if that holds for any structure. Where the paper's branch
draws its voxels is not known; three policies are offered, and "contour" is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError, unknown_name
from segkit.losses.inputs import IGNORE
from segkit.voxel_metric.contours import near_contour
from segkit.voxel_metric.drawing import draw_places, random_order

POLICIES = ("random", "contour", "error")


@dataclass(frozen=True)
class VoxelSample:
    """Drawn voxels of a batch.

    Attributes:
        image: int64, shape `(M,)`: row of the batch.
        voxel: int64, `(M,)`: place in the flattened grid of that image.
        labels: int64, `(M,)`: class, never IGNORE.
    """

    image: Tensor
    voxel: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class VoxelSampler:
    """Draws voxels of every class that is present in an image, in random order.

    Args:
        policy: "random": evenly from each class. "contour": a share from the band, the rest from what
            remains of the class. "error": half of them where the segmentation is wrong now, half where it is
            right, as the anchors of [wang2021pixelcontrast].
        per_class: voxels per class and volume; one number, or one for each class (0 never draws it).
        band_mm: b > 0, in the unit of the distances, below their `reach_mm`; see `band_width_mm`.
        band_share: share of the band under "contour", in [0, 1].

    Without replacement as far as a class has enough voxels, otherwise some come several times, so that every
    class that is present has exactly its number. If one of the two parts of a class is too small, the other
    gives more.

    Raises:
        ConfigError: an unknown policy, a number of voxels that leaves no pair, a width or share out of range.

    Example:
        >>> labels = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]])
        >>> sampler = VoxelSampler("random", per_class=2)
        >>> sample = sampler(labels, generator=torch.Generator().manual_seed(0))
        >>> sample.labels.sort().values
        tensor([0, 0, 1, 1])
    """

    policy: str = "contour"
    per_class: int | Sequence[int] = 64
    band_mm: float = 4.0
    band_share: float = 0.75

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise unknown_name("sampling policy", self.policy, POLICIES)
        numbers = self.per_class if isinstance(self.per_class, Sequence) else [self.per_class]
        whole = all(isinstance(n, int) for n in numbers)
        if not whole or not any(numbers) or any(n < 2 for n in numbers if n != 0):
            raise ConfigError(
                "a tuple needs two voxels of a class: per_class must be a whole number, 2 or more, or one "
                f"(or 0) for each class, got {self.per_class!r}"
            )
        if not (self.band_mm > 0 and 0 <= self.band_share <= 1):
            raise ConfigError(
                f"band_mm must be positive and band_share in [0, 1], got {self.band_mm} and {self.band_share}"
            )

    def __call__(
        self,
        labels: Tensor,
        *,
        generator: torch.Generator,
        distance_mm: Tensor | None = None,
        prediction: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> VoxelSample:
        """Draw from the labels of a batch.

        Args:
            labels: integers, shape `(B, *S)`; voxels labelled IGNORE = −1 are never drawn.
            generator: where every number is drawn from, on the device of the labels.
            distance_mm: signed distances, `(B, K − 1, *S)`; needed by "contour". See `with_distances`.
            prediction: classes that the segmentation says now, `(B, *S)`; needed by "error".
            valid: bool, `(B, *S)`; False is never drawn.

        Returns:
            The sample. A class that an image does not have gives no voxels of that image.

        Raises:
            DataError: what the policy needs is missing, or a shape does not fit.
        """
        b = len(labels)
        rows = labels.reshape(b, -1)
        if valid is not None:
            if valid.shape != labels.shape:
                raise DataError(
                    f"'valid' has shape {tuple(valid.shape)} but the labels have {tuple(labels.shape)}: both "
                    "must lie on one grid"
                )
            rows = rows.masked_fill(~valid.reshape(b, -1), IGNORE)
        # One small number per voxel, for its class and part; those of ignored voxels are 0 and 1.
        part = self._preferred(labels, rows, distance_mm, prediction)
        codes = rows.to(torch.int16, copy=True).sub_(IGNORE).mul_(2).add_(part)
        voxels, images, classes = [], [], []
        for i, own in enumerate(codes.cpu()):
            sizes = torch.bincount(own).tolist()
            parts = [
                (code, number)
                for k, n in self._budget(sizes)
                for code, number in self._parts(sizes, 2 * (k - IGNORE) + 1, 2 * (k - IGNORE), n)
            ]
            voxels += draw_places(own.numpy(), sizes, parts, generator)
            images += [i] * sum(number for _, number in parts)
            classes += [code // 2 + IGNORE for code, number in parts for _ in range(number)]
        if not voxels:
            nothing = torch.zeros(0, dtype=torch.int64, device=labels.device)
            return VoxelSample(nothing, nothing, nothing)
        order = random_order(len(images), generator)
        each = (np.array(images), np.concatenate(voxels), np.array(classes))
        return VoxelSample(*(torch.from_numpy(one[order]).to(labels.device) for one in each))

    def _budget(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        """Classes that are present, and how many voxels of each; from the sizes of their parts."""
        present = [k for k in range(len(sizes) // 2 + IGNORE + 1) if any(sizes[2 * (k - IGNORE) :][:2])]
        if isinstance(self.per_class, int):
            return [(k, self.per_class) for k in present]
        if present and present[-1] >= len(self.per_class):
            raise DataError(
                f"class {present[-1]} has no budget: per_class gives {len(self.per_class)} numbers, one for "
                "each class from 0 on"
            )
        return [(k, self.per_class[k]) for k in present if self.per_class[k]]

    def _parts(self, sizes: list[int], first: int, second: int, n: int) -> list[tuple[int, int]]:
        """How many of n voxels come from each part of a class, as far as it has them."""
        many, few = (sizes[code] if code < len(sizes) else 0 for code in (first, second))
        share = {"random": 1.0, "contour": self.band_share, "error": 0.5}[self.policy]
        wanted = min(round(share * n), many) if few else n
        wanted = max(wanted, n - few) if many else 0
        return [(code, number) for code, number in ((first, wanted), (second, n - wanted)) if number]

    def _preferred(
        self, labels: Tensor, rows: Tensor, distance_mm: Tensor | None, prediction: Tensor | None
    ) -> Tensor | int:
        """Voxels of the first part, `(B, N)`: those in the band, those that are wrong, or all."""
        if self.policy == "random":
            return 1
        if self.policy == "error":
            if prediction is None or prediction.shape != labels.shape:
                raise DataError(
                    f"the policy 'error' needs predicted classes of the shape {tuple(labels.shape)} of the "
                    f"labels, got {None if prediction is None else tuple(prediction.shape)}"
                )
            return prediction.reshape(rows.shape) != rows
        if distance_mm is None or distance_mm.shape[2:] != labels.shape[1:] or len(distance_mm) != len(rows):
            raise DataError(
                "the policy 'contour' needs 'distance_mm' of shape (B, K − 1, *S) for labels of shape "
                f"{tuple(labels.shape)}, got {None if distance_mm is None else tuple(distance_mm.shape)}: "
                "pass the cases through with_distances() and name 'distance_mm' among the keys of the batches"
            )
        return near_contour(distance_mm, self.band_mm).reshape(rows.shape)
