"""Every loss of the room, with what the battery needs to know of it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from segkit.loss_envelope import (
    FocalLoss,
    GeneralizedCELoss,
    OHEMLoss,
    Spread,
    SymmetricCELoss,
    TLoss,
    TopKCrossEntropyLoss,
    TopKSigmaLoss,
    focal,
    generalized_cross_entropy,
    ohem,
    symmetric_cross_entropy,
    t_loss,
    top_k_cross_entropy,
)
from tests.loss_envelope import oracles
from tests.losses.registry import PERFECT, Entry, certain, uniform, volume

RANKED = {"shards_average_to_batch": "the hardest voxels of a batch are not those of its halves"}

PEERS = (
    Entry(
        name="focal",
        function=focal,
        module=FocalLoss,
        oracle=oracles.focal,
        closed_forms=(
            PERFECT,
            (uniform(4, 3), volume(0, 3, 1), 9 / 16 * math.log(4)),
            (certain(0, 1), volume(1, 1), 50.0),
        ),
        maps=1.7,
        voxel_values=focal,
    ),
    Entry(
        name="focal_power_below_one",
        function=focal,
        module=partial(FocalLoss, gamma=0.5),
        oracle=partial(oracles.focal, gamma=0.5),
        closed_forms=(PERFECT, (uniform(4, 3), volume(0, 3, 1), math.sqrt(3) / 2 * math.log(4))),
        maps=1.7,
        compiled=False,
    ),
    Entry(
        name="generalized_cross_entropy",
        function=generalized_cross_entropy,
        module=GeneralizedCELoss,
        oracle=oracles.generalized_cross_entropy,
        closed_forms=(
            PERFECT,
            (uniform(2, 3), volume(0, 1, 1), (1 - 0.5**0.7) / 0.7),
            (certain(0, 1), volume(1, 1), 0.5 / 0.7),
        ),
        maps=1.3,
        voxel_values=generalized_cross_entropy,
    ),
    Entry(
        name="mean_absolute_error",
        function=generalized_cross_entropy,
        module=partial(GeneralizedCELoss, q=1.0),
        oracle=partial(oracles.generalized_cross_entropy, q=1.0),
        closed_forms=(PERFECT, (uniform(4, 3), volume(0, 3, 1), 3 / 4)),
        maps=1.3,
        compiled=False,
    ),
    Entry(
        name="symmetric_cross_entropy",
        function=symmetric_cross_entropy,
        module=SymmetricCELoss,
        oracle=oracles.symmetric_cross_entropy,
        closed_forms=(
            PERFECT,
            (uniform(2, 3), volume(0, 1, 1), 0.1 * math.log(2) + 2),
            (certain(0, 1), volume(1, 1), (10 + 4) / 2),
        ),
        maps=1.3,
        voxel_values=symmetric_cross_entropy,
    ),
    Entry(
        name="symmetric_cross_entropy_other_weights",
        function=symmetric_cross_entropy,
        module=partial(SymmetricCELoss, alpha=6.0, beta=0.1, log_zero=math.log(1e-4)),
        oracle=partial(oracles.symmetric_cross_entropy, alpha=6.0, beta=0.1, log_zero=math.log(1e-4)),
        closed_forms=(PERFECT,),
        maps=1.3,
        compiled=False,
    ),
    Entry(
        name="top_k_cross_entropy",
        function=top_k_cross_entropy,
        module=partial(TopKCrossEntropyLoss, share=0.4),
        oracle=partial(oracles.top_k_cross_entropy, share=0.4),
        closed_forms=(
            PERFECT,
            (uniform(4, 3), volume(0, 3, 1), math.log(4)),
            # ⌊0.4 · 5⌋ = 2 of five voxels, of which one is wrong
            (certain(0, 1, 2, 0, 1), volume(1, 1, 2, 0, 1), 50.0),
        ),
        maps=1.5,
        not_claimed=RANKED,
    ),
    Entry(
        name="top_k_cross_entropy_of_nnunet",
        function=top_k_cross_entropy,
        module=TopKCrossEntropyLoss,
        oracle=oracles.top_k_cross_entropy,
        closed_forms=(PERFECT, (certain(0, 1, 2), volume(1, 1, 2), 100.0)),
        maps=1.5,
        not_claimed=RANKED,
        compiled=False,
    ),
    Entry(
        name="ohem",
        function=ohem,
        module=partial(OHEMLoss, threshold=0.3, keep=0.4),
        oracle=partial(oracles.ohem, threshold=0.3, keep=0.4),
        closed_forms=(
            PERFECT,
            (uniform(4, 3), volume(0, 3, 1), math.log(4)),
            (certain(0, 1, 2, 0, 1), volume(1, 1, 2, 0, 1), 50.0),
        ),
        maps=1.5,
        not_claimed=RANKED,
    ),
    Entry(
        name="ohem_of_its_users",
        function=ohem,
        module=OHEMLoss,
        oracle=oracles.ohem,
        closed_forms=(PERFECT, (certain(0, 1, 2), volume(1, 0, 2), 100.0)),
        maps=1.5,
        not_claimed=RANKED,
        compiled=False,
    ),
    Entry(
        name="t_loss",
        function=t_loss,
        module=TLoss,
        oracle=oracles.t_loss,
        closed_forms=(
            # Cauchy in one dimension: log π + log(1 + δ²)
            (uniform(2, 1), volume(1), math.log(math.pi) + math.log(1.25)),
            (certain(1, classes=2), volume(1), math.log(math.pi)),
            (certain(0, classes=2), volume(1), math.log(math.pi) + math.log(2)),
            # K = 3 is a plane: Γ(3/2) / (Γ(1/2) π) = 1 / 2π
            (certain(1), volume(1), math.log(2 * math.pi) / 2),
        ),
        maps=1.4,
    ),
    Entry(
        name="t_loss_near_normal",
        function=t_loss,
        module=partial(TLoss, nu=30.0),
        oracle=partial(oracles.t_loss, nu=float(torch.tensor(math.log(30.0)).exp())),
        closed_forms=(),
        maps=1.4,
        compiled=False,
    ),
)

BATCHWISE = {"shards_average_to_batch": "the worst images of a batch are not those of its halves"}
PLACED = {
    "ignores_order_of_voxels": "a band is made of neighbours",
    "ignoring_equals_removing_voxels": "without a voxel its neighbours move together",
}
HELD = {
    name: "the temperature is that of the losses of the batch, and held fixed in the gradient"
    for name in ("gradient_is_right", "gradient_is_right_beside_ignored")
}


def envelope(
    name: str,
    *,
    closed_forms: tuple[tuple[Tensor, Tensor, float], ...] = (PERFECT,),
    maps: float = 1.6,
    not_claimed: dict[str, str] | None = None,
    compiled: bool = False,
    oracle: dict[str, Any] | None = None,
    **options: Any,
) -> Entry:
    """An entry of the envelope; `oracle` holds the options of its loop where they differ."""
    return Entry(
        name=name,
        function=TopKSigmaLoss,
        module=partial(TopKSigmaLoss, **options),
        oracle=partial(oracles.envelope, **{**options, **(oracle or {})}),
        closed_forms=closed_forms,
        maps=maps,
        not_claimed=not_claimed or {},
        compiled=compiled,
    )


# The examples of the battery have a few voxels of each class: a large σ, so that some are dropped.
ENVELOPES = (
    envelope("envelope_as_it_comes", maps=2.5),
    envelope("envelope_of_spread", sigma=Spread(0.5), maps=2.5),
    envelope("envelope_of_count", sigma=2, dice_weight=0.0),
    envelope(
        "envelope_by_class",
        sigma=0.5,
        dice_weight=0.0,
        # of each class the wrong half is dropped, but a class keeps its last voxel
        closed_forms=(
            PERFECT,
            (certain(0, 1, 2, 1), volume(0, 0, 1, 1), 0.0),
            (certain(0, 1, 2, 1), volume(0, 0, 0, 2), 200 / 3),
        ),
        compiled=True,
    ),
    envelope("envelope_of_image", sigma=0.3, scope="image", dice_weight=0.0),
    envelope(
        "envelope_of_band", sigma=0.5, scope="band", band_width=1.0, dice_weight=0.0, not_claimed=PLACED
    ),
    envelope(
        "envelope_smooth_voxels",
        sigma=0.5,
        temperature_voxel=0.4,
        dice_weight=0.0,
        # two equal losses of which one is to be kept: 2 T log 2 below their sum, over three kept voxels
        closed_forms=((certain(0, 1, 2, 1), volume(0, 1, 2, 1), -0.8 * math.log(2) / 3),),
    ),
    envelope(
        "envelope_hard_images",
        top_k=0.5,
        sigma=0.5,
        temperature_image=0.0,
        dice_weight=0.0,
        not_claimed=BATCHWISE,
    ),
    envelope(
        "envelope_smooth_images",
        top_k=1,
        sigma=0.5,
        temperature_image=0.5,
        dice_on="all",
        not_claimed=BATCHWISE,
        compiled=True,
    ),
    envelope("envelope_with_dice", sigma=0.5, dice_weight=0.7, dice_on="all"),
    envelope("envelope_with_dice_on_kept", sigma=0.5, dice_on="kept", maps=2.5),
    envelope(
        "envelope_smooth_all_over",
        top_k=0.5,
        sigma=0.4,
        temperature_image=0.3,
        temperature_voxel=0.2,
        dice_on="all",
        not_claimed=BATCHWISE,
    ),
    envelope(
        "envelope_mad",
        top_k=0.5,
        temperature_image="mad",
        dice_on="all",
        not_claimed={**BATCHWISE, **HELD},
    ),
    envelope(
        "envelope_of_focal",
        sigma=0.5,
        base="focal",
        dice_weight=0.0,
        maps=2.5,
        oracle={"change": lambda p: -((1 - p) ** 2) * math.log(p)},
    ),
)

REGISTRY = (*PEERS, *ENVELOPES)


def entry(name: str) -> Entry:
    return next(each for each in REGISTRY if each.name == name)
