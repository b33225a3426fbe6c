"""What stands beside the U-Net in chapter 5: branches on sampled voxels, their controls and their peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from segkit.errors import unknown_name
from segkit.experiments.draw import Draw
from segkit.losses import CrossEntropyLoss, DiceCELoss, SoftDiceLoss
from segkit.nets import UNet
from segkit.nets.segmenter import Segmenter
from segkit.train import Method, Supervised
from segkit.train.supervised import Loss
from segkit.voxel_metric import (
    Branch,
    ContourBranch,
    MetricBranch,
    MetricUNet,
    SameVoxelCE,
    TripletPairLoss,
    VoxelSampler,
    circle,
    info_nce,
    lifted_structure,
    multi_similarity,
    named_loss,
    sup_con,
)
from segkit.voxel_metric.branch import EmbeddingLoss

WIDTHS = (8, 16, 32)
"""Channels of the U-Net, one convolution per level, skips added."""

IMAGE_LEVEL: dict[str, tuple[str, Callable[[], Loss]]] = {
    "ce": ("cross-entropy", CrossEntropyLoss),
    "dice": ("soft Dice", SoftDiceLoss),
    "plain": ("soft Dice + cross-entropy", DiceCELoss),
}
"""Nets without a branch."""


class Asked(NamedTuple):
    """What is asked of the sampled voxels.

    Attributes:
        words: as a legend says it.
        build: the loss, from options.
        terms: those with a weight.
    """

    words: str
    build: Callable[..., EmbeddingLoss]
    terms: tuple[str, ...]


def peer(loss: Callable[..., Tensor], **options: Any) -> EmbeddingLoss:
    """A loss that is one number as the term "peer"."""
    return named_loss("peer", partial(loss, **options))


ASKED: dict[str, Asked] = {
    "both": Asked("triplets and pairs", TripletPairLoss, ("triplet", "pair")),
    "triplet": Asked("triplets", TripletPairLoss, ("triplet",)),
    "pair": Asked("pairs", TripletPairLoss, ("pair",)),
    "contrast": Asked("pixel contrast", partial(peer, info_nce, per_anchor=True), ("peer",)),
    "sup_con": Asked("SupCon", partial(peer, sup_con), ("peer",)),
    "info_nce": Asked("InfoNCE", partial(peer, info_nce), ("peer",)),
    "circle": Asked("circle loss", partial(peer, circle), ("peer",)),
    "lifted": Asked("lifted structure", partial(peer, lifted_structure), ("peer",)),
    "multi": Asked("multi-similarity", partial(peer, multi_similarity), ("peer",)),
    "tap_ce": Asked("cross-entropy of a head at the taps", partial(peer, F.cross_entropy), ("peer",)),
}
"""What a branch with a head at the taps can minimise; the last is a control."""


def branch(
    draw: Draw,
    net: Segmenter,
    *,
    form: str,
    weight: float,
    taps: Sequence[str] = ("decoder0",),
    policy: str = "contour",
    per_class: int = 64,
    band_mm: float = 2.0,
    band_share: float = 0.75,
    dim: int = 32,
    memory: int = 0,
    across_images: bool = True,
    **options: Any,
) -> Branch:
    """One branch, its head with the initial weights of the draw.

    Args:
        draw: decides the weights of the head.
        net: what the branch looks at.
        form: "contour", "same_voxels", or one of `ASKED`.
        weight: λ of each of its terms.
        taps: feature maps.
        policy, per_class, band_mm, band_share: of the sampler.
        dim, memory, across_images: of the branch.
        options: of the loss: margins, mining, a temperature.
    """
    sampler = VoxelSampler(policy, per_class=per_class, band_mm=band_mm, band_share=band_share)
    if form == "same_voxels":
        return SameVoxelCE(sampler, weight=weight)
    if form == "contour":
        return draw.module(partial(ContourBranch, net, band_mm=band_mm, weight=weight), "contour")
    if form not in ASKED:
        raise unknown_name("form", form, [*IMAGE_LEVEL, "contour", "same_voxels", *ASKED])
    asked = ASKED[form]
    build = partial(
        MetricBranch,
        net,
        taps=tuple(taps),
        dim=draw.n_classes if form == "tap_ce" else dim,
        sampler=sampler,
        loss=asked.build(**options),
        weights=dict.fromkeys(asked.terms, weight),
        across_images=across_images,
        memory=memory,
    )
    return draw.module(build, "branch")


def method(
    draw: Draw, *, form: str = "plain", weight: float = 0.0, warm_up: float = 0.1, **options: Any
) -> Method:
    """A 3-D U-Net under soft Dice + cross-entropy, alone or with one branch; or under one of the two.

    Args:
        draw: decides the initial weights, those of the net alike in every form.
        form: one of `IMAGE_LEVEL`, "contour", "same_voxels", or one of `ASKED`.
        weight: λ of the branch.
        warm_up: share of the updates over which it comes in.
        options: of `branch`.
    """
    net = draw.module(partial(UNet, 3, 1, draw.n_classes, WIDTHS, convs=1, skip="add"))
    if form in IMAGE_LEVEL:
        return Supervised(net, IMAGE_LEVEL[form][1]())
    return MetricUNet(net, branch(draw, net, form=form, weight=weight, **options), warm_up=warm_up)


def words(form: str, options: Mapping[str, Any]) -> str:
    """What a legend calls an arm."""
    if form in IMAGE_LEVEL:
        return IMAGE_LEVEL[form][0]
    what = {"contour": "contour head", "same_voxels": "cross-entropy of the same voxels"}
    name = what[form] if form in what else ASKED[form].words
    return "; ".join([name, *(f"{key} {value}" for key, value in options.items())])
