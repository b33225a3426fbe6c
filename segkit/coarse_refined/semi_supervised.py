"""What the semi-supervised methods share: two halves of a batch, a supervised loss, a ramp."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from segkit.coarse_refined.ramps import RampUp
from segkit.data.slicing import in_slices
from segkit.errors import DataError
from segkit.losses import DiceCELoss
from segkit.losses.inputs import IGNORE
from segkit.train import Batch, Method, State, full_precision


class Halves(NamedTuple):
    """A batch of two streams.

    Attributes:
        image: labelled images, (B, C, *S).
        label: their labels, (B, *S), IGNORE where they are not valid.
        unlabelled: (U, C, *S).
    """

    image: Tensor
    label: Tensor
    unlabelled: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Halves:
        """The halves of a batch from `TwoStreamBatches`.

        Raises:
            DataError: one is missing, they differ in channels or size, or, on a CPU, a voxel is not finite.
        """
        for key in ("image", "label", "unlabelled_image"):
            if not isinstance(batch.get(key), Tensor) or not len(batch[key]):
                raise DataError(
                    "a semi-supervised step needs 'image', 'label' and 'unlabelled_image', but this batch "
                    f"has no {key!r}: make batches with semi_supervised_batches or TwoStreamBatches"
                )
        image, unlabelled, label = batch["image"], batch["unlabelled_image"], batch["label"]
        for key in ("image", "unlabelled_image"):
            _check_image(key, batch[key])
        for key, wanted in (("label", "integers"), ("valid", "bool")):
            if key in batch and batch[key].shape != (len(image), *image.shape[2:]):
                raise DataError(
                    f"{key!r} of shape {tuple(batch[key].shape)} does not belong to images of "
                    f"{tuple(image.shape)}: give {wanted} of {(len(image), *image.shape[2:])}"
                )
        if image.shape[1:] != unlabelled.shape[1:]:
            raise DataError(
                f"labelled images of {tuple(image.shape[1:])} and unlabelled ones of "
                f"{tuple(unlabelled.shape[1:])} cannot pass a network together: give both streams one patch"
            )
        if label.is_floating_point() or label.dtype == torch.bool:
            raise DataError(f"'label' must be integers, got {label.dtype}")
        label = label.long()
        if "valid" in batch:
            if batch["valid"].dtype != torch.bool:
                raise DataError(f"'valid' must be bool, got {batch['valid'].dtype}")
            label = label.masked_fill(~batch["valid"], IGNORE)
        return cls(image, label, unlabelled)

    @property
    def joined(self) -> Tensor:
        """All images, the labelled ones first."""
        return torch.cat([self.image, self.unlabelled])

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """What belongs to the labelled and to the unlabelled images."""
        return rows[: len(self.image)], rows[len(self.image) :]


def _check_image(name: str, image: Tensor) -> None:
    if not image.is_floating_point():
        raise DataError(f"{name!r} must be floating point, got {image.dtype}")
    # A GPU would have to wait for the answer; there the Trainer finds the loss not finite.
    dtype = torch.promote_types(image.dtype, torch.float32)
    if image.device.type == "cpu" and not image.sum(dtype=dtype).isfinite():
        raise DataError(
            f"{int((~image.isfinite()).sum())} voxels of {name!r} are NaN or infinite, and would spoil the "
            "weights: replace them before the images are used"
        )


class SemiSupervised(Method):
    r"""Minimises $\mathcal L_{sup} + \lambda(t)\,\mathcal L_{unl}$; a subclass says what the two are.

    Args:
        net: maps images (B, C, *S) to logits (B, K, *S).
        ramp: λ(t).
        loss: of labelled images, `loss(logits, labels)`; by default half cross-entropy, half soft Dice, the
            latter over the batch, since many slices show no structure.
    """

    def __init__(self, net: nn.Module, *, ramp: RampUp, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.ramp = net, ramp
        self.loss = loss or DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch: "supervised", "unlabelled", monitors, and "total".

        Args:
            batch: `image`, `label`, `unlabelled_image`, and perhaps `valid` (B, *S).
            state: where the run stands.

        Raises:
            DataError: a part of the batch is missing.
        """
        halves = Halves.of(batch)
        terms = self.terms(halves, state)
        weight = self.ramp(state)
        return {**terms, "total": terms["supervised"] + weight * terms["unlabelled"]}

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """ "supervised" and "unlabelled", scalars, and monitors without gradient."""
        raise NotImplementedError(f"{type(self).__name__} does not define terms()")

    def supervised(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of labelled images, in float32."""
        with full_precision(logits):
            value: Tensor = self.loss(logits.float(), labels)
            return value

    def probabilities(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, *S) with as many axes as those of the training."""
        return torch.softmax(self.net(image).float(), dim=1)

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, *S).

        A 2-D network, trained on slices, predicts volumes (B, C, D, H, W) slice by slice.
        """
        if image.ndim == 5 and getattr(self.net, "spatial_dims", None) == 2:
            return in_slices(self.probabilities, image)
        return self.probabilities(image)
