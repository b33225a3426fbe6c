"""Chapter 2: what the loss does when 95 % of the voxels are background."""

from __future__ import annotations

from functools import partial

from segkit.experiments.plan import Arm, Plan
from segkit.experiments.plans._hippocampus import (
    LOSSES,
    RATE,
    TRAINING,
    UPDATES,
    prepare,
    supervised,
    whole_volumes,
)

METRICS = ("dice", "hd95_mm", "sensitivity", "ppv")

RATES = (RATE / 3, RATE, 3 * RATE)
"""The learning rates among which every loss may choose."""

CHOSEN: dict[str, float] = {
    "cross_entropy": RATE,
    "weighted": RATE,
    "weighted_sqrt": RATE,
    "dice": 3 * RATE,
    "dice_ce": 3 * RATE,
}
"""Learning rate of each loss: the best of `RATES` in the validation Dice of `unet/choices`."""

PLANS = {
    "choices": Plan(
        slug="unet",
        experiment="choices",
        question="Which learning rate suits which loss? Three rates and two draws for each, validation part.",
        dataset="hippocampus",
        prepare=prepare,
        arms={
            f"{loss} {rate:.2g}": Arm(
                f"{words}, learning rate {rate:.2g}", partial(supervised, loss=loss), training={"lr": rate}
            )
            for loss, words in LOSSES.items()
            for rate in RATES
        },
        baseline=f"cross_entropy {RATE:.2g}",
        batches=whole_volumes,
        updates=UPDATES,
        training=TRAINING,
        settings=({"n_labelled": 16},),
        draws=range(100, 102),
        part="validation",
        watched=8,
    ),
    "losses": Plan(
        slug="unet",
        experiment="losses",
        question="Do Dice or class weights repair what imbalance does to cross-entropy, early and late?",
        dataset="hippocampus",
        prepare=prepare,
        arms={
            loss: Arm(words, partial(supervised, loss=loss), training={"lr": CHOSEN[loss]})
            for loss, words in LOSSES.items()
        },
        baseline="cross_entropy",
        batches=whole_volumes,
        updates=UPDATES,
        training=TRAINING,
        settings=({"n_labelled": 16, "updates": UPDATES}, {"n_labelled": 16, "updates": UPDATES // 4}),
        metrics=METRICS,
    ),
}
