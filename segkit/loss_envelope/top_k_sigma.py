"""The envelope around a loss per voxel: drop voxels, then select images."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from segkit.errors import unknown_name
from segkit.loss_envelope.groups import Scope
from segkit.loss_envelope.image_level import TopImages
from segkit.loss_envelope.image_losses import ImageLoss, VoxelLoss
from segkit.loss_envelope.reporting import SelectionReport, selection_report
from segkit.loss_envelope.rules import Sigma, Spread
from segkit.loss_envelope.voxel_level import TrimmedVoxels
from segkit.loss_envelope.warming import Warmup
from segkit.losses.inputs import Rows, as_rows

TWO_SPREADS = Spread(2.0)
"""What is dropped by default."""


class Weights(NamedTuple):
    """The derivative of the envelope by the loss of voxel i in image b is `images[b] · voxels[b, i]`.

    Attributes:
        voxels: (B, *S), sums to one in each image that has a valid voxel.
        images: (B,), sums to one, if any image has a valid voxel.
    """

    voxels: Tensor
    images: Tensor


class TopKSigmaLoss(nn.Module):
    r"""Small where most voxels of each image, and above all of the worst images, are probably right.

    $$\mathcal L=\mathrm{Top}_{k,T_I}(L_1,\dots,L_B),\qquad
    L_b=\mathrm{Bot}_{\text{all but }\sigma,\,T_P}(\ell_{b,1},\dots,\ell_{b,N})+\lambda\,\mathrm{Dice}_b$$

    Of each image the voxels with the largest losses are dropped: their labels are suspect. Of the batch the
    images with the largest losses are kept: each is right as a whole, and there is most to learn from it.
    The order of the two levels and their names are those of [lapi2025topk]; its equations could not be read,
    and all that follows is our own.

    Args:
        top_k: how many images: a share κ in (0, 1], k = max(1, ⌈κB⌉), or their number. 1.0 takes the mean
            of all. The paper's value is not known.
        sigma: what is dropped: a share in [0, 1), a count (int), a rule (`Share`, `Count`, `EqualCounts`,
            `Spread`), or one of these for each class. By default what lies two standard deviations above
            the mean of its class, which cost nothing on right labels (`loss_envelope/noise`). The paper's
            value is not known.
        base: the loss of a voxel: "cross_entropy", "focal", "generalized_cross_entropy",
            "symmetric_cross_entropy", or a function `(logits, labels, *, valid=None)` → (B, *S).
        scope: among which voxels: "class", those of each labelled class; "image", all; "band", those of each
            class within `band_width` of a labelled boundary. With "image" a σ as large as the foreground
            drops the whole foreground: a warning says so, once.
        temperature_image: T_I in the unit of the losses, 0 for a hard selection, or "mad" (see `TopImages`).
        temperature_voxel: T_P, in the unit of the losses (0.1 suits cross-entropy); 0 is hard.
        dice_weight: λ ≥ 0, of the soft Dice of each image as `DiceCELoss` has it.
        dice_on: "all" voxels, or the "kept" ones, whose weights are then held fixed.
        warmup: when trimming starts; `Warmup(0.1, 0.2)` by default.
        band_width: in voxels; see `boundary_band`.
        selection: in training with several processes, "device" selects among the images of each: the
            gradient is the mean of theirs. "gathered" selects among the images of all: value and gradient
            are those of one process with the whole batch.

    Value:
        0 for a perfect prediction (a little below with T_P > 0: the smooth mean lies below the hard one). L_b
        is a mean over kept voxels, each of weight 1/Σm, and 𝓛 one over k images. With σ = 0 and k = B it is,
        bit for bit on a CPU where all voxels count, `DiceCELoss` or `CrossEntropyLoss`; with ignored voxels
        it is the mean of their values for each image.

    Empty and ignored:
        Ignored voxels might as well not be there. Images without a valid voxel take no part; without any the
        loss is 0, connected to the logits. A class keeps its last voxel (unless the scope is "image").

    Cost:
        Linear in the number of voxels. For the gradient of cross-entropy alone, the probabilities and one
        map of weights; with Dice, one map of weights more than `DiceCELoss`. Differentiable once. A GPU is
        waited for once in each call, for the losses of the images (and more often with T_P > 0, or while
        scope="image" has not warned).

    Raises:
        ConfigError: an option makes no sense, or `top_k` is larger than the batch.
        DataError: as `cross_entropy`; or the loss of an image is not finite.

    Example:
        >>> logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [-9.0, -9.0, -9.0, 9.0]]])
        >>> labels = torch.tensor([[0, 0, 0, 0]])  # the last one contradicts a confident prediction
        >>> round(float(TopKSigmaLoss(sigma=0.25, dice_weight=0.0)(logits, labels)), 4)
        0.0001
    """

    def __init__(
        self,
        *,
        top_k: float | int = 1.0,
        sigma: Sigma = TWO_SPREADS,
        base: str | VoxelLoss = "cross_entropy",
        scope: Scope = "class",
        temperature_image: float | Literal["mad"] = "mad",
        temperature_voxel: float = 0.0,
        dice_weight: float = 1.0,
        dice_on: Literal["all", "kept"] = "kept",
        warmup: Warmup | None = None,
        band_width: float = 3.0,
        selection: Literal["device", "gathered"] = "device",
    ) -> None:
        super().__init__()
        if selection not in ("device", "gathered"):
            raise unknown_name("selection", selection, ("device", "gathered"))
        voxels = TrimmedVoxels(sigma, scope=scope, band_width=band_width, temperature=temperature_voxel)
        self.image_loss = ImageLoss(base, voxels, dice_weight=dice_weight, dice_on=dice_on)
        self.top_images = TopImages(top_k, temperature_image, selection == "gathered")
        self.warmup = Warmup() if warmup is None else warmup

    def forward(
        self, logits: Tensor, labels: Tensor, valid: Tensor | None = None, *, progress: float = 1.0
    ) -> Tensor:
        """The loss of a batch, a scalar in the dtype of the logits.

        Args:
            logits: (B, K, *S), any floating dtype, K ≥ 2.
            labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
            valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
            progress: share of the training that is done, in [0, 1]; `Supervised` passes it.
        """
        rows, size, ramp = self._inputs(logits, labels, valid, progress)
        trims = self.image_loss.voxels.trims(ramp)
        if rows.counts is None and not trims and self.top_images.takes_all(len(labels)):
            plain = self.image_loss.plain(rows, size)
            if plain.isfinite():  # if not, what follows names the image
                return plain.to(logits.dtype)
        losses, chosen = self.image_loss(rows, size, ramp=ramp)
        return self.top_images(losses, chosen.kept > 0).to(logits.dtype)

    @torch.no_grad()
    def weights(
        self, logits: Tensor, labels: Tensor, valid: Tensor | None = None, *, progress: float = 1.0
    ) -> Weights:
        """How much each voxel and each image counts; arguments as for `forward`."""
        rows, size, ramp = self._inputs(logits, labels, valid, progress)
        losses, (keep, kept, _) = self.image_loss(rows, size, ramp=ramp)
        voxels = keep / kept.clamp(min=1)[:, None]
        return Weights(voxels.view(labels.shape), self.top_images.weights(losses, kept > 0))

    @torch.no_grad()
    def report(
        self, logits: Tensor, labels: Tensor, valid: Tensor | None = None, *, progress: float = 1.0
    ) -> SelectionReport:
        """What is dropped and which images count, for the log; arguments as for `forward`."""
        rows, size, ramp = self._inputs(logits, labels, valid, progress)
        losses, (keep, kept, _) = self.image_loss(rows, size, ramp=ramp)
        images = self.top_images.weights(losses, kept > 0)
        shape = labels.shape
        return selection_report(keep.view(shape), rows.labels.view(shape), images, logits.shape[1])

    def _inputs(
        self, logits: Tensor, labels: Tensor, valid: Tensor | None, progress: float
    ) -> tuple[Rows, tuple[int, ...], float]:
        rows = as_rows(logits, labels, valid)
        return rows, tuple(labels.shape[1:]), self.warmup.ramp(progress)
