"""The losses that chapter 4 compares, each built from its name and one number. All of them hold soft Dice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from segkit.loss_envelope import (
    EqualCounts,
    FocalLoss,
    GeneralizedCELoss,
    OHEMLoss,
    Spread,
    SymmetricCELoss,
    TLoss,
    TopKCrossEntropyLoss,
    TopKSigmaLoss,
    Warmup,
)
from segkit.loss_envelope.rules import Sigma
from segkit.losses import CrossEntropyLoss, SoftDiceLoss, cross_entropy

DiceOn = Literal["all", "kept"]

Terms = dict[str, nn.Module]
"""Named losses; `Supervised` minimises their sum."""


def plain() -> Terms:
    """Cross-entropy and soft Dice."""
    return peer(CrossEntropyLoss())


def peer(loss: nn.Module) -> Terms:
    """Another loss per voxel in place of cross-entropy."""
    return {"entropy": loss, "dice": SoftDiceLoss()}


def envelope(
    sigma: Sigma,
    *,
    top_k: float = 1.0,
    smooth: bool = False,
    dice_on: DiceOn = "kept",
    start: tuple[float, float] = (0.1, 0.2),
    weight: float = 1.0,
    classes: int = 0,
) -> Terms:
    """The envelope, hard or with a logistic selection at both levels; soft Dice is in it.

    Args:
        sigma: what is dropped.
        top_k: share of the images that is kept.
        smooth: logistic selection, of voxels (T = 0.1) and of images.
        dice_on: which voxels soft Dice sees.
        start: shares of the training between which trimming sets in.
        weight: of the cross-entropy of a structure, that of the background being 1; needs `classes`.
        classes: how many there are, the background included.
    """
    base = "cross_entropy" if weight == 1 else partial(cross_entropy, class_weight=_weights(weight, classes))
    loss = TopKSigmaLoss(
        base=base,
        sigma=sigma,
        top_k=top_k,
        temperature_voxel=0.1 if smooth else 0.0,
        temperature_image="mad" if smooth else 0.0,
        dice_on=dice_on,
        warmup=Warmup(*start),
    )
    return {"envelope": loss}


def _weights(of_structures: float, classes: int) -> Tensor:
    return torch.tensor([1.0] + [of_structures] * (classes - 1))


class Candidate(NamedTuple):
    """A loss with one number to choose.

    Attributes:
        words: what a legend calls it, with a gap for the number.
        build: its terms, from that number (and options that only some have).
        knobs: the three values that the number may have.
    """

    words: str
    build: Callable[..., Terms]
    knobs: tuple[float, float, float]


SHARES, SPREADS = (0.02, 0.05, 0.1), (0.5, 1.0, 2.0)

LOSSES: dict[str, Candidate] = {
    "weighted": Candidate(
        "cross-entropy, structures weigh {} times as much",
        lambda weight, *, classes: peer(CrossEntropyLoss(class_weight=_weights(weight, classes).tolist())),
        (2.0, 4.0, 8.0),
    ),
    "focal": Candidate("focal loss, γ = {}", lambda gamma: peer(FocalLoss(gamma=gamma)), (1.0, 2.0, 4.0)),
    "ohem": Candidate(
        "OHEM, {} of the voxels or more", lambda share: peer(OHEMLoss(keep=share)), (0.1, 0.2, 0.5)
    ),
    "hardest": Candidate(
        "the hardest {} of the voxels", lambda share: peer(TopKCrossEntropyLoss(share=share)), (0.1, 0.2, 0.5)
    ),
    "gce": Candidate(
        "generalized cross-entropy, q = {}", lambda q: peer(GeneralizedCELoss(q=q)), (0.3, 0.5, 0.7)
    ),
    "sce": Candidate(
        "symmetric cross-entropy, β = {}",
        lambda beta: peer(SymmetricCELoss(alpha=1.0, beta=beta)),
        (0.1, 0.3, 1.0),
    ),
    "t_loss": Candidate("T-loss, ν = {} at the start", lambda nu: peer(TLoss(nu=nu)), (1.0, 10.0, 100.0)),
    "share": Candidate("trimmed: {} of each class", envelope, SHARES),
    "background": Candidate(
        "trimmed: {} of the background", lambda share, **more: envelope({0: share}, **more), SHARES
    ),
    "equal": Candidate(
        "trimmed: {} of the smallest class from each",
        lambda share, **more: envelope(EqualCounts(share), **more),
        (0.1, 0.2, 0.4),
    ),
    "spread": Candidate(
        "trimmed: beyond {} sd of each class", lambda c, **more: envelope(Spread(c), **more), SPREADS
    ),
    "spread_background": Candidate(
        "trimmed: beyond {} sd of the background",
        lambda c, **more: envelope({0: Spread(c)}, **more),
        SPREADS,
    ),
    "images": Candidate(
        "the {} of the images with the largest loss",
        lambda share, **more: envelope(0.0, top_k=share, **more),
        (0.25, 0.5, 0.75),
    ),
}
