"""Chapter 3: what chance alone does to a comparison, and what too short a training does."""

from __future__ import annotations

from functools import partial

from segkit.experiments.plan import Arm, Plan
from segkit.experiments.plans._hippocampus import RATE, TRAINING, UPDATES, prepare, supervised, whole_volumes

_DICE_CE = partial(supervised, loss="dice_ce")
_OPTIONS = {**TRAINING, "lr": RATE}

PLANS = {
    "draws": Plan(
        slug="measuring",
        experiment="draws",
        question="How far apart do two runs lie that differ in initial weights and batch order alone?",
        dataset="hippocampus",
        prepare=prepare,
        arms={
            seed: Arm(f"soft Dice + cross-entropy, chance {seed}", _DICE_CE, salt=seed) for seed in ("a", "b")
        },
        baseline="a",
        batches=whole_volumes,
        updates=UPDATES,
        training=_OPTIONS,
        settings=({"n_labelled": 16},),
        draws=20,
        metrics=("dice", "hd95_mm"),
    ),
    "undertraining": Plan(
        slug="measuring",
        experiment="undertraining",
        question="Does a better start help, or does it only save updates that the baseline was denied?",
        dataset="hippocampus",
        prepare=prepare,
        arms={
            "plain": Arm("all classes equally likely at the start", _DICE_CE),
            "prior": Arm("class shares as the untrained net's prediction", partial(_DICE_CE, prior=True)),
        },
        baseline="plain",
        batches=whole_volumes,
        updates=UPDATES,
        training=_OPTIONS,
        settings=tuple({"n_labelled": 16, "updates": updates} for updates in (30, 60, 120, 240, 480)),
    ),
}
