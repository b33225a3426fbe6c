"""Every method of the room on a small net, by name."""

from __future__ import annotations

import torch

from segkit.coarse_refined import (
    CoarseRefined,
    CoarseRefinedNet,
    ContourPatchSampler,
    GridPatchSampler,
    InterPatchRankedLoss,
    IntraPatchRankedLoss,
    RankedTerms,
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
from segkit.nets import UNet
from segkit.train import State, seed_everything


def unet(*, norm="group", dims=2, **options):
    return UNet(dims, 1, 2, (4, 6, 8), norm=norm, **options)


def pair(**options):
    return CoarseRefinedNet(options.pop("dims", 2), 1, 2, (4, 6, 8), embedding=8, **options)


def ranked(start=0.0):
    return RankedTerms(
        IntraPatchRankedLoss(sampler=ContourPatchSampler(8, patches=2, per_side=4)),
        InterPatchRankedLoss(2, embedding=8, sampler=GridPatchSampler(4, share=0.2), pixels=8, memory=32),
        start=start,
    )


METHODS = {
    "zero weight": lambda **o: ZeroWeight(unet(**o)),
    "mean teacher": lambda **o: MeanTeacher(unet(**o)),
    "mean teacher, strong view": lambda **o: MeanTeacher(unet(**o), view=StrongView()),
    "uncertainty-aware": lambda **o: UncertaintyAwareMeanTeacher(unet(**o), passes=2),
    "cross pseudo": lambda **o: CrossPseudoSupervision(unet(**o), unet(**o)),
    "pyramid": lambda **o: URPC(unet(**o), scales=2),
    "mutual": lambda **o: MCNetPlus([unet(up=up, **o) for up in ("transpose", "linear", "nearest")]),
    "entropy": lambda **o: EntropyMinimisation(unet(**o)),
    "fixmatch": lambda **o: WeakToStrong(unet(**o), views=1, feature_share=0.0, kappa=0.5),
    "unimatch": lambda **o: WeakToStrong(unet(**o), kappa=0.5),
    "copy-paste": lambda **o: CopyPaste(unet(**o), pretrain=0.0),
    "copy-paste, labelled only": lambda **o: CopyPaste(unet(**o), unlabelled=False),
    "coarse-refined": lambda **o: CoarseRefined(pair(**o)),
    "coarse-refined, same view": lambda **o: CoarseRefined(pair(**o), view=None),
    "CRII": lambda **o: CoarseRefined(pair(**o), ranked=ranked()),
    "copy-paste, CRII": lambda **o: CopyPaste(pair(**o), pretrain=0.0, ranked=ranked()),
}


def build(name, **options):
    seed_everything(0)
    return METHODS[name](**options)


def state(iteration=50, iterations=100, seed=0):
    return State(iteration, iterations, torch.Generator().manual_seed(seed))
