"""The losses that chapter 4 compares, each built from its name and one number. All of them hold soft Dice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from segkit.errors import unknown_name
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
from segkit.losses import CrossEntropyLoss, SoftDiceLoss

Terms = dict[str, nn.Module]

START = (0.1, 0.2)
"""Shares of the training between which trimming sets in."""


def plain() -> Terms:
    """Cross-entropy."""
    return {"entropy": CrossEntropyLoss(), "dice": SoftDiceLoss()}


def weighted(knob: float, *, classes: int) -> Terms:
    """Cross-entropy in which every structure weighs `knob` times as much as the background."""
    return {"entropy": CrossEntropyLoss(class_weight=[1.0] + [knob] * (classes - 1)), "dice": SoftDiceLoss()}


def peer(knob: float, *, build: Callable[[float], nn.Module]) -> Terms:
    """Another loss per voxel in place of cross-entropy."""
    return {"entropy": build(knob), "dice": SoftDiceLoss()}


def envelope(knob: float, *, rule: str, smooth: bool = False, **options: Any) -> Terms:
    """The envelope, with soft Dice in it.

    Args:
        knob: the number of the rule; for "images" the share of the images that is kept.
        rule: one of `_SIGMA`; "images" drops no voxel, and "background" trims class 0 alone.
        smooth: logistic selection at both levels in place of the hard one.
        options: of `TopKSigmaLoss`.
    """
    if rule not in _SIGMA:
        raise unknown_name("rule", rule, _SIGMA)
    soft: dict[str, Any] = {"temperature_voxel": 0.1 * smooth, "temperature_image": "mad" if smooth else 0.0}
    chosen: dict[str, Any] = {"top_k": knob} if rule == "images" else {}
    loss = TopKSigmaLoss(
        sigma=_SIGMA[rule](knob), warmup=Warmup(*START), **{"dice_on": "kept", **soft, **chosen, **options}
    )
    return {"envelope": loss}


_SIGMA: dict[str, Callable[[float], Any]] = {
    "share": float,
    "background": lambda share: {0: float(share)},
    "equal": EqualCounts,
    "spread": Spread,
    "spread_background": lambda factor: {0: Spread(factor)},
    "images": lambda _: 0.0,
}

LOSSES: dict[str, tuple[str, Callable[..., Terms], tuple[float, float, float]]] = {
    "weighted": ("cross-entropy, structures weigh {} times as much", weighted, (2.0, 4.0, 8.0)),
    "focal": ("focal loss, γ = {}", partial(peer, build=lambda g: FocalLoss(gamma=g)), (1.0, 2.0, 4.0)),
    "ohem": ("OHEM, at least {} of the voxels", partial(peer, build=lambda s: OHEMLoss(keep=s)), (0.1, 0.2, 0.5)),
    "hardest": ("the hardest {} of the voxels", partial(peer, build=lambda s: TopKCrossEntropyLoss(share=s)), (0.1, 0.2, 0.5)),
    "gce": ("generalized cross-entropy, q = {}", partial(peer, build=lambda q: GeneralizedCELoss(q=q)), (0.3, 0.5, 0.7)),
    "sce": ("symmetric cross-entropy, β = {}", partial(peer, build=lambda b: SymmetricCELoss(alpha=1.0, beta=b)), (0.1, 0.3, 1.0)),
    "t_loss": ("T-loss, ν = {} at the start", partial(peer, build=lambda nu: TLoss(nu=nu)), (1.0, 10.0, 100.0)),
    "share": ("trimmed: {} of each class", partial(envelope, rule="share"), (0.02, 0.05, 0.1)),
    "background": ("trimmed: {} of the background", partial(envelope, rule="background"), (0.02, 0.05, 0.1)),
    "equal": ("trimmed: {} of the smallest class from each", partial(envelope, rule="equal"), (0.1, 0.2, 0.4)),
    "spread": ("trimmed: beyond {} sd of each class", partial(envelope, rule="spread"), (0.5, 1.0, 2.0)),
    "spread_background": ("trimmed: beyond {} sd of the background", partial(envelope, rule="spread_background"), (0.5, 1.0, 2.0)),
    "images": ("the {} of the images with the largest loss", partial(envelope, rule="images"), (0.25, 0.5, 0.75)),
}  # fmt: skip
"""Name → words with a gap for the knob, builder of the terms, and the three values of the knob to choose from."""
