"""The arms of chapter 6: networks and methods by name, one backbone for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from segkit.coarse_refined import (
    CoarseRefined,
    CoarseRefinedConsistency,
    CoarseRefinedNet,
    ContourPatchSampler,
    GridPatchSampler,
    InterPatchRankedLoss,
    IntraPatchRankedLoss,
    MixedCoarseRefined,
    PseudoLabelLoss,
    RampUp,
    RankedTerms,
    Ranking,
    StrongView,
)
from segkit.coarse_refined.baselines import (
    URPC,
    CopyPaste,
    CrossPseudoSupervision,
    EntropyMinimisation,
    MCNetPlus,
    MeanTeacher,
    UncertaintyAwareMeanTeacher,
    WeakToStrong,
    ZeroWeight,
)
from segkit.coarse_refined.baselines.teacher import PUBLISHED
from segkit.errors import unknown_name
from segkit.experiments.draw import Draw
from segkit.experiments.plans._coarse_refined_watch import Watched
from segkit.losses import DiceCELoss
from segkit.nets import UNet
from segkit.train import Method, Supervised

WIDTHS = (16, 32, 64, 64, 64)
"""Channels of the U-Net. In one draw of the validation part twice as wide was better than twice as long."""

BACKBONE: dict[str, Any] = {"channels": WIDTHS, "convs": 1}
"""Options of all networks."""

BENCHMARK = RampUp(0.1, length=1.0)
"""λ of the public benchmark for all but mean teachers."""


def unet(draw: Draw, *, purpose: str = "weights", up: str = "nearest", norm: str = "group") -> UNet:
    """The backbone. With the same purpose it starts alike in all arms."""
    build = partial(UNet, 2, 1, draw.n_classes, norm=norm, up=up, **BACKBONE)
    return draw.module(build, purpose)


def refined_net(draw: Draw, *, variant: str = "residual") -> CoarseRefinedNet:
    """The backbone with a second output and an embedding head; its U-Net starts as that of `unet`."""
    build = partial(CoarseRefinedNet, 2, 1, draw.n_classes, variant=variant, refiner_width=8, **BACKBONE)
    return draw.module(build)


def ranked(
    draw: Draw,
    *,
    which: str = "both",
    weight: float = 0.1,
    reading: str = "list",
    patches: int = 3,
    side: int = 32,
    zone: int = 3,
    centred: bool = True,
    cell: int = 8,
    share: float = 0.5,
    hard_share: float = 0.5,
    memory: int = 256,
    graded: bool = False,
    start: float = 0.1,
    ranking: Ranking | None = None,
) -> RankedTerms:
    """The ranked losses: "both", "intra" or "inter"; three patches of every structure, nine of an image."""
    intra = inter = None
    if which in ("both", "intra"):
        sampler = ContourPatchSampler(side, patches=patches, zone=zone, centred=centred)
        intra = IntraPatchRankedLoss(reading, sampler=sampler, ranking=ranking)
    if which in ("both", "inter"):
        grid = GridPatchSampler(cell, share=share, hard_share=hard_share, mixed=graded)
        inter = draw.module(
            partial(
                InterPatchRankedLoss,
                draw.n_classes,
                sampler=grid,
                ranking=ranking,
                memory=memory,
                graded=graded,
            ),
            "descriptors",
        )
    return RankedTerms(intra, inter, weights=(weight, weight), start=start)


def supervised(draw: Draw, *, norm: str = "group") -> Method:
    """Labelled images alone."""
    return Supervised(unet(draw, norm=norm), DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True))


def zero_weight(draw: Draw, *, norm: str = "group") -> Method:
    """Unlabelled images pass through the net."""
    return ZeroWeight(unet(draw, norm=norm))


def mean_teacher(
    draw: Draw, *, weight: float = 0.1, strong: bool = False, uncertain: bool = False, norm: str = "group"
) -> Method:
    """Mean teacher with noise, as published, or with a strong view for the student."""
    ramp, view = replace(PUBLISHED, weight=weight), StrongView() if strong else None
    kind = UncertaintyAwareMeanTeacher if uncertain else MeanTeacher
    return kind(unet(draw, norm=norm), ramp=ramp, view=view)


def cross_pseudo(draw: Draw, *, weight: float = 0.1) -> Method:
    """Two nets."""
    return CrossPseudoSupervision(
        unet(draw), unet(draw, purpose="second"), ramp=replace(BENCHMARK, weight=weight)
    )


def pyramid(draw: Draw, *, weight: float = 0.1) -> Method:
    """Four scales of one decoder."""
    return draw.module(lambda: URPC(unet(draw), ramp=replace(BENCHMARK, weight=weight)), "heads of scales")


def mutual(draw: Draw, *, weight: float = 0.1) -> Method:
    """Three decoders."""
    nets = [unet(draw, up=way) for way in ("transpose", "linear", "nearest")]
    loss = DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)
    return MCNetPlus(nets, ramp=replace(BENCHMARK, weight=weight), loss=loss)


def entropy(draw: Draw, *, weight: float = 0.1) -> Method:
    """Entropy minimisation."""
    return EntropyMinimisation(unet(draw), ramp=replace(BENCHMARK, weight=weight))


def weak_to_strong(draw: Draw, *, weight: float = 1.0, **options: Any) -> Method:
    """UniMatch without CutMix."""
    return WeakToStrong(unet(draw), ramp=RampUp(weight, length=0.0), **options)


def mixing(
    draw: Draw,
    *,
    head: bool = False,
    variant: str = "residual",
    strong: bool = True,
    clean: bool = True,
    losses: dict[str, Any] | None = None,
    **options: Any,
) -> Method:
    """Copy-paste, with one output or with two, with ranked losses or without."""
    net = refined_net(draw, variant=variant) if head or losses else unet(draw)
    return CopyPaste(
        net,
        view=StrongView() if strong else None,
        clean=clean,
        ranked=None if losses is None else ranked(draw, **losses),
        **options,
    )


def mixed(
    draw: Draw,
    *,
    weight: float = 1.0,
    variant: str = "residual",
    kind: str = "detached",
    losses: dict[str, Any] | None = None,
    **options: Any,
) -> Method:
    """Copy-paste and coarse-refined consistency, with ranked losses or without."""
    return MixedCoarseRefined(
        refined_net(draw, variant=variant),
        consistency=CoarseRefinedConsistency(kind),
        consistency_ramp=RampUp(weight, length=0.4),
        clean=True,
        ranked=None if losses is None else ranked(draw, **losses),
        **options,
    )


def coarse_refined(
    draw: Draw,
    *,
    weight: float = 0.1,
    ramp: float = 0.4,
    strong: bool = True,
    kind: str = "detached",
    variant: str = "residual",
    losses: dict[str, Any] | None = None,
    **options: Any,
) -> Method:
    """Coarse-refined consistency; a kind of "sure" learns from hard labels above a confidence of 0.9."""
    consistency = PseudoLabelLoss(0.9) if kind == "sure" else CoarseRefinedConsistency(kind)
    return CoarseRefined(
        refined_net(draw, variant=variant),
        view=StrongView() if strong else None,
        consistency=consistency,
        ramp=RampUp(weight, length=ramp),
        ranked=None if losses is None else ranked(draw, **losses),
        **options,
    )


FORMS: dict[str, Callable[..., Method]] = {
    "supervised": supervised,
    "zero weight": zero_weight,
    "mean teacher": mean_teacher,
    "CPS": cross_pseudo,
    "URPC": pyramid,
    "MC-Net+": mutual,
    "entropy": entropy,
    "weak to strong": weak_to_strong,
    "mixing": mixing,
    "coarse-refined": coarse_refined,
    "mixed": mixed,
}
"""Every method of the chapter by name."""


def method(draw: Draw, *, form: str, **options: Any) -> Watched:
    """One of `FORMS`, which predicts volumes slice by slice and is watched while it learns.

    Raises:
        ConfigError: an unknown form.
    """
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    return Watched(FORMS[form](draw, **options), draw)
