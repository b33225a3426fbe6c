"""What the semi-supervised methods share: two halves of a batch, a supervised loss, a ramp."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from segkit.coarse_refined.ramps import RampUp
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
            DataError: one is missing, or they differ in channels or size.
        """
        for key in ("image", "label", "unlabelled_image"):
            if key not in batch or not len(batch[key]):
                raise DataError(
                    "a semi-supervised step needs 'image', 'label' and 'unlabelled_image', but this batch "
                    f"has no {key!r}: make batches with semi_supervised_batches or TwoStreamBatches"
                )
        image, unlabelled, label = batch["image"], batch["unlabelled_image"], batch["label"]
        if image.shape[1:] != unlabelled.shape[1:]:
            raise DataError(
                f"labelled images of {tuple(image.shape[1:])} and unlabelled ones of "
                f"{tuple(unlabelled.shape[1:])} cannot pass a network together: give both streams one patch"
            )
        if "valid" in batch:
            label = label.masked_fill(~batch["valid"], IGNORE)
        return cls(image, label, unlabelled)

    @property
    def joined(self) -> Tensor:
        """All images, the labelled ones first."""
        return torch.cat([self.image, self.unlabelled])

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """What belongs to the labelled and to the unlabelled images."""
        return rows[: len(self.image)], rows[len(self.image) :]


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

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities (B, K, *S) of images (B, C, *S)."""
        return torch.softmax(self.net(image).float(), dim=1)
