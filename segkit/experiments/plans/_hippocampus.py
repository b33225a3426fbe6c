"""What the experiments on the hippocampus share: the frame, the net, the batches, the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from segkit.data import Case, WholeBatches, crop_or_pad, load, z_score
from segkit.errors import DataError, unknown_name
from segkit.experiments.draw import Draw
from segkit.losses import CrossEntropyLoss, DiceCELoss, SoftDiceLoss
from segkit.nets import UNet
from segkit.train import Supervised, one_cycle

FRAME = (36, 56, 40)
"""Voxels of 1 mm. It holds every labelled voxel of the set, and the net's strides divide it."""

LOSSES = {
    "cross_entropy": "cross-entropy",
    "weighted": "cross-entropy, every class of the same total weight",
    "weighted_sqrt": "cross-entropy, weights between those two",
    "dice": "soft Dice",
    "dice_ce": "soft Dice + cross-entropy",
}
"""What `supervised` can minimise, and what a legend calls it."""

RATE = 1e-2
"""Learning rate at the top of the cycle."""

UPDATES = 240
"""Where the Dice of validation cases has stopped rising, with 16 labelled cases."""

TRAINING: dict[str, Any] = {"schedule": one_cycle, "clip": 12.0}
"""Options of the Trainer common to all experiments on this set; AdamW is its default."""


def prepare(name: str) -> list[Case]:
    """Whole volumes of a named set, each framed by `into_frame`."""
    return [into_frame(case) for case in load(name)]


def into_frame(case: Case) -> Case:
    """The z-scored image in `FRAME` around its middle; what is padded is background.

    Raises:
        DataError: a labelled voxel lies outside of the frame, and could not be measured.
    """
    framed = crop_or_pad(z_score(case), FRAME, pad_label=0)
    if case.label is not None and framed.label is not None:
        lost = int((case.label > 0).sum() - (framed.label > 0).sum())
        if lost:
            raise DataError(
                f"{lost} labelled voxels of case {case.id} lie outside of the frame {FRAME}: enlarge it"
            )
    return framed


def whole_volumes(draw: Draw, batch_size: int = 2) -> WholeBatches:
    """Whole volumes in an order that the draw decides; two at a time, because one alone is slow on a CPU."""
    return WholeBatches(draw.train, batch_size=batch_size, seed=draw.seed("batches"))


def supervised(
    draw: Draw, *, loss: str, channels: Sequence[int] = (8, 16, 32), prior: bool = False
) -> Supervised:
    """A 3-D U-Net and one loss.

    Args:
        draw: decides the initial weights; its labels give class weights and prior.
        loss: one of `LOSSES`. "weighted" is cross-entropy with weights 1/(K f_k) for classes of share f_k,
            which gives every class the same total weight; "weighted_sqrt" has the square roots, scaled to
            mean 1.
        channels: of the levels of the net.
        prior: let the untrained net predict the class shares instead of equal chances.
    """
    shares = class_shares(draw.train, draw.n_classes)
    build = partial(
        UNet, 3, 1, draw.n_classes, channels, convs=1, class_prior=shares.tolist() if prior else None
    )
    net = draw.module(build)
    if loss in ("weighted", "weighted_sqrt"):
        weight = shares ** (-1.0 if loss == "weighted" else -0.5)
        weight = weight / (weight * shares).sum()
        return Supervised(net, CrossEntropyLoss(class_weight=weight.tolist()))
    losses = {"cross_entropy": CrossEntropyLoss, "dice": SoftDiceLoss, "dice_ce": DiceCELoss}
    if loss not in losses:
        raise unknown_name("loss", loss, LOSSES)
    return Supervised(net, losses[loss]())


def class_shares(cases: Sequence[Case], n_classes: int) -> torch.Tensor:
    """Share of each class among the labelled voxels, shape `(K,)`, float64."""
    counts = torch.zeros(n_classes, dtype=torch.float64)
    for case in cases:
        if case.label is not None:
            counts += torch.bincount(case.label[case.label >= 0], minlength=n_classes)
    return counts / counts.sum()
