"""Chapter 4: does trimming voxels, or selecting images, help against labels that are wrong on purpose?"""

from __future__ import annotations

from functools import partial
from typing import Any

from segkit.data import Augment, WholeBatches
from segkit.experiments.draw import Draw
from segkit.experiments.plan import Arm, Plan
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans._envelope import LOSSES, plain
from segkit.nets import UNet, ViTSegmenter

PATIENTS, SLICES = 12, 60
"""Few images, as the paper has it: of so many patients, so many slices."""

UPDATES = 400
RATE = 5e-3
"""Learning rate of the U-Net at the top of the cycle."""


def training_slices(draw: Draw, *, slices: int = SLICES, batch_size: int = 8) -> WholeBatches:
    """Some slices of the training patients, turned and scaled a little each time."""
    chosen = acdc.choose(acdc.slices_of(draw.train), slices, draw.generator("slices"))
    augment = Augment(rotate_deg=20, scale=0.15)
    return WholeBatches(chosen, batch_size=batch_size, seed=draw.seed("batches"), augment=augment)


def method(
    draw: Draw, *, loss: str = "plain", knob: float = 0.0, net: str = "unet", **options: Any
) -> acdc.SliceWise:
    """A 2-D net under one of the losses."""
    build = {
        "unet": partial(UNet, 2, 1, draw.n_classes, (8, 16, 32, 64), convs=1),
        "vit": partial(ViTSegmenter, 2, 1, draw.n_classes, acdc.HEART_GRID, feature_size=4),
    }[net]
    if loss == "plain":
        terms = plain()
    else:
        more = {"classes": draw.n_classes} if loss == "weighted" else options
        terms = LOSSES[loss].build(knob, **more)
    return acdc.SliceWise(draw.module(build), terms)


def arm(loss: str, knob: float, **options: Any) -> Arm:
    """An arm in the words of `LOSSES`."""
    return Arm(LOSSES[loss].words.format(f"{knob:g}"), partial(method, loss=loss, knob=knob, **options))


PLAIN = Arm("cross-entropy", method)

COMMON: dict[str, Any] = {
    "slug": "loss_envelope",
    "dataset": "acdc",
    "prepare": acdc.around_heart,
    "baseline": "plain",
    "batches": training_slices,
    "updates": UPDATES,
    "training": {"lr": RATE, **acdc.TRAINING},
    "noise": acdc.noisy_slices,
}


def labels(noise: str, rate: float = 0.0) -> dict[str, Any]:
    """A setting: so many patients, and what is wrong with their labels."""
    return {"n_labelled": PATIENTS, "noise": noise, "rate": rate}


FORMS: dict[str, dict[str, Any]] = {
    "Dice on all": {"dice_on": "all"},
    "early": {"start": (0.0, 0.1)},
    "late": {"start": (0.3, 0.4)},
    "κ = 0.5": {"top_k": 0.5},
    "κ = 0.75": {"top_k": 0.75},
    "smooth": {"smooth": True},
    "smooth, κ = 0.5": {"smooth": True, "top_k": 0.5},
}
"""Changes to an arm that trims, one at a time."""

PLANS = {
    "choices": Plan(
        experiment="choices",
        question="Which value suits which loss? Three of each, two draws, validation part.",
        arms={
            "plain": PLAIN,
            **{
                f"{loss} {knob:g}": arm(loss, knob)
                for loss, (_, _, knobs) in LOSSES.items()
                for knob in knobs
            },
        },
        settings=(labels("drop", 0.8), labels("none")),
        draws=range(100, 102),
        part="validation",
        **COMMON,
    ),
    "forms": Plan(
        experiment="forms",
        question="Which form of the envelope? Start, scope of Dice, both levels; and the control with heavier weights.",
        arms={
            "plain": PLAIN,
            **{f"weighted {weight:g}": arm("weighted", weight) for weight in (6.0, 12.0, 16.0, 24.0, 32.0)},
            **{f"gce {q:g}": arm("gce", q) for q in (0.8, 0.9)},
            **{
                f"{loss} {knob:g}, {name}": arm(loss, knob, **options)
                for loss, knob in (("background", 0.05), ("spread_background", 1.0))
                for name, options in FORMS.items()
            },
        },
        settings=(labels("drop", 0.8), labels("none")),
        draws=range(100, 102),
        part="validation",
        **COMMON,
    ),
}
