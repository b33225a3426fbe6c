"""The experiment of chapter 1: what a split by slices instead of patients does to a test score."""

from __future__ import annotations

from functools import partial

from segkit.data import Case, Split, WholeBatches, load_split
from segkit.experiments.draw import Draw
from segkit.experiments.plan import Arm, Plan
from segkit.experiments.plans import _acdc as acdc
from segkit.losses import DiceCELoss
from segkit.nets import UNet

SEEN = "/seen"
"""Ending of the group that holds those slices of a test patient that one arm may train on."""


def prepare(name: str) -> list[Case]:
    """Volumes as the nets see them; those of test patients in two halves, every other slice in each."""
    test = set(load_split(name).test)
    found = []
    for case in acdc.prepare(name):
        if case.group in test:
            found.append(acdc.every_other(case, first=0, group=case.group))
            found.append(acdc.every_other(case, first=1, group=case.group + SEEN))
        else:
            found.append(case)
    return found


def with_seen_halves(name: str) -> Split:
    """The committed split, with the second halves of the test patients added to the training part."""
    split = load_split(name)
    seen = tuple(group + SEEN for group in split.test)
    return Split(split.train + seen, split.validation, split.test, split.seed)


def training_slices(draw: Draw, *, leaky: bool, batch_size: int = 8) -> WholeBatches:
    """Twice as many slices as the test patients' second halves have: of other patients, or half and half."""
    seen = acdc.slices_of([case for case in draw.train if case.group.endswith(SEEN)])
    others = acdc.slices_of([case for case in draw.train if not case.group.endswith(SEEN)])
    chosen = acdc.choose(others, 2 * len(seen), draw.generator("slices"))
    if leaky:
        chosen = chosen[: len(seen)] + seen
    return WholeBatches(chosen, batch_size=batch_size, seed=draw.seed("batches"))


def method(draw: Draw) -> acdc.SliceWise:
    """A 2-D U-Net under cross-entropy and soft Dice."""
    net = draw.module(partial(UNet, 2, 1, draw.n_classes, (12, 24, 48, 48), convs=2))
    return acdc.SliceWise(net, DiceCELoss())


OTHERS, LEAKY = (partial(training_slices, leaky=leaky) for leaky in (False, True))

PLANS = {
    "split": Plan(
        slug="physical_space",
        experiment="split",
        question="How far does a test score rise when other slices of the test patients are trained on?",
        dataset="acdc",
        prepare=prepare,
        split=with_seen_halves,
        arms={
            "patients": Arm(
                "training slices of other patients", method, partial(training_slices, leaky=False)
            ),
            "slices": Arm(
                "half of them from the test patients", method, partial(training_slices, leaky=True)
            ),
        },
        baseline="patients",
        batches=OTHERS,
        updates=400,
        training={"lr": 3e-3, **acdc.TRAINING},
        draws=10,
        metrics=("dice",),
    )
}
