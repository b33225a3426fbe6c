"""The loss of each image: the mean over its kept voxels, and its Dice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

from segkit.errors import ConfigError, unknown_name
from segkit.loss_envelope.kept_dice import kept_entropy_and_dice
from segkit.loss_envelope.kept_means import kept_entropy, kept_mean
from segkit.loss_envelope.peers import focal, generalized_cross_entropy, symmetric_cross_entropy
from segkit.loss_envelope.selection import Selection
from segkit.loss_envelope.voxel_level import TrimmedVoxels
from segkit.losses import DiceCELoss, cross_entropy, reduce
from segkit.losses.inputs import Rows, at_least_float32
from segkit.losses.region import dice_from_terms
from segkit.losses.softmax import softmax_terms

VoxelLoss = Callable[..., Tensor]
"""`loss(logits, labels, valid=valid)` → (B, *S); labels are IGNORE = −1 where a voxel does not count."""

BASES: dict[str, VoxelLoss] = {
    "cross_entropy": cross_entropy,
    "focal": focal,
    "generalized_cross_entropy": generalized_cross_entropy,
    "symmetric_cross_entropy": symmetric_cross_entropy,
}


class ImageLosses(NamedTuple):
    """What the voxels of a batch hand to the level of images: a loss (B,) each, and what was kept."""

    values: Tensor
    chosen: Selection


class ImageLoss:
    """The loss of each image from logits and labels. Arguments as for `TopKSigmaLoss`."""

    def __init__(
        self,
        base: str | VoxelLoss,
        voxels: TrimmedVoxels,
        *,
        dice_weight: float,
        dice_on: Literal["all", "kept"],
    ) -> None:
        if isinstance(base, str) and base not in BASES:
            raise unknown_name("base loss", base, BASES)
        if dice_on not in ("all", "kept"):
            raise unknown_name("option of dice_on", dice_on, ("all", "kept"))
        if not dice_weight >= 0:
            raise ConfigError(f"dice_weight must not be negative, got {dice_weight}")
        self.base = BASES[base] if isinstance(base, str) else base
        self.voxels, self.dice_weight, self.dice_on = voxels, dice_weight, dice_on

    def __call__(self, rows: Rows, size: tuple[int, ...], *, ramp: float) -> ImageLosses:
        """The losses of a batch.

        Args:
            rows: of `as_rows`.
            size: of an image, *S.
            ramp: in [0, 1], the part of the rule's number that is dropped.
        """
        select = self.voxels.selector(rows, size, ramp=ramp)
        entropic = self.base is cross_entropy
        if not self.dice_weight:
            chosen = kept_entropy(rows, select) if entropic else kept_mean(self._voxels(rows, size), select)
            return ImageLosses(chosen.value, chosen)
        if self.dice_on == "all":
            terms = softmax_terms(rows)
            chosen = kept_mean(terms.nll if entropic else self._voxels(rows, size), select)
            dice = dice_from_terms(terms, smooth=1.0, background=False, pooled=False)
        elif entropic:
            chosen, dice = kept_entropy_and_dice(rows, select)
        else:
            chosen = kept_mean(self._voxels(rows, size), select)
            fixed = Selection(*(each.detach() for each in chosen))
            _, dice = kept_entropy_and_dice(rows, lambda _: fixed)
        return ImageLosses(chosen.value + self.dice_weight * dice.mean(1), chosen)

    def plain(self, rows: Rows, size: tuple[int, ...]) -> Tensor:
        """The loss of the batch when nothing is dropped and all images count alike, a scalar."""
        dice_ce = DiceCELoss(dice_weight=self.dice_weight, ce_weight=1.0)
        if self.base is cross_entropy and self.dice_weight:
            return dice_ce(rows.logits, rows.labels)
        mean = reduce(self._voxels(rows, size), rows.counts)
        return mean + self.dice_weight * dice_ce.mean_dice(softmax_terms(rows)) if self.dice_weight else mean

    def _voxels(self, rows: Rows, size: tuple[int, ...]) -> Tensor:
        logits, labels, counts = rows
        shape = (len(labels), *size)
        valid = None if counts is None else counts.view(shape)
        values = self.base(logits.view(*logits.shape[:2], *size), labels.view(shape), valid=valid)
        if tuple(values.shape) != shape:
            raise ConfigError(
                f"the base loss must give one value per voxel, {shape}, and gave {tuple(values.shape)}"
            )
        values = at_least_float32(values).view(labels.shape)
        return values if counts is None else values.masked_fill(~counts, 0)
