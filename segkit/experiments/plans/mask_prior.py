"""Chapter 8: what a mask of the outline or of the parent structure adds to an image, and whose mask it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from segkit.experiments.plan import Arm, Plan, Setting
from segkit.experiments.plans import _acdc as acdc
from segkit.experiments.plans._mask_prior import (
    Setup,
    arm,
    training_batches,
    with_prior,
)
from segkit.experiments.plans._mask_prior_data import (
    FINE_GRID,
    HALVES,
    HEAD,
    HEART,
    ROUGH,
    changed_heads,
    fine_hearts,
    halves,
    heads,
    hearts,
)
from segkit.experiments.plans._mask_prior_found import FOUND
from segkit.experiments.plans._mask_prior_found import PREPARE as FOUND_HEARTS
from segkit.experiments.plans._mask_prior_population import (
    occurrence_batches,
    one_batch,
    template,
    with_occurrence,
)
from segkit.experiments.plans._mask_prior_stages import averaged, cascade_arm, self_trained

SIZES: tuple[Setting, ...] = ({"n_labelled": 1}, {"n_labelled": 2}, {"n_labelled": 4}, {"n_labelled": 8}, {})
"""Patients; the last setting takes all of the training part."""

HEART_UPDATES, HALVES_UPDATES, HEAD_UPDATES = 400, 150, 200
"""Of every arm; `plateau` and `plateau_head` show what more of them would change."""

HEART_RATE, HALVES_RATE, HEAD_RATE = 5e-3, 1e-2, 5e-3
"""Learning rates at the top of the cycle."""

METRICS = ("dice", "centroid_distance_mm", "hd95_mm")
"""Distances are in mm, or in voxels where a set has no spacing; the unit is in the record."""


def common(setup: Setup, dataset: str, prepare: Any, updates: int, rate: float) -> dict[str, Any]:
    """What all plans on a data set have in common."""
    return {
        "slug": "mask_prior",
        "dataset": dataset,
        "prepare": prepare,
        "baseline": "image",
        "batches": partial(training_batches, setup=setup),
        "updates": updates,
        "training": {"lr": rate, **acdc.TRAINING},
        "metrics": METRICS,
    }


ON_HEART = common(HEART, "acdc", hearts, HEART_UPDATES, HEART_RATE)
ON_HALVES = common(HALVES, "hippocampus", halves, HALVES_UPDATES, HALVES_RATE)
ON_HEAD = common(HEAD, "openkbp", heads, HEAD_UPDATES, HEAD_RATE)


def oracle(setup: Setup) -> dict[str, Arm]:
    """Image, mask, both; the mask is of the true label, at test time too."""
    return {
        "image": arm("the image alone", setup),
        "true mask only": arm("the mask of the true parent structure, no image", setup, ("true",), "mask"),
        "image + true mask": arm("image and mask of the true parent structure", setup, ("true",)),
    }


def controls(setup: Setup, mask: str) -> dict[str, Arm]:
    """What could explain a gain of the mask away, and other forms of it."""
    return {
        "image + constant": arm("a channel of ones", setup, ("constant",)),
        "image + stranger's mask": arm("the mask of another patient", setup, ("stranger",)),
        f"image + {mask} box": arm("the bounding box of the mask", setup, ("box",)),
        f"image + {mask} dilated": arm("the mask, two voxels larger on all sides", setup, ("dilated",)),
        f"image + {mask} distance": arm("the signed distance to the mask", setup, ("distance",)),
        f"image + {mask} coordinates": arm("position relative to the mask's box", setup, ("coordinates",)),
        "image + grid": arm("position in the array (CoordConv)", setup, ("grid",)),
    }


def population(setup: Setup) -> dict[str, Arm]:
    """What other patients know; two patients or more."""
    return {
        "image + occurrence": Arm(
            "image and occurrence maps of the other training patients",
            partial(with_occurrence, setup=setup),
            partial(occurrence_batches, setup=setup),
        ),
        "template": Arm(
            "the thresholded occurrence map, no learning",
            partial(template, setup=setup),
            partial(one_batch, setup=setup),
        ),
    }


def outline(setup: Setup) -> dict[str, Arm]:
    """Image, outline and bone, both; the masks come from thresholds, at test time too."""
    both = ("body", "bone")
    return {
        "image": arm("the image alone", setup),
        "masks only": arm("body outline and bone by thresholds, no image", setup, both, "mask"),
        "image + masks": arm("image, body outline and bone by thresholds", setup, both),
    }


TRAINING: dict[str, Any] = {"lr": HEART_RATE, **acdc.TRAINING}
"""Of first networks."""

JITTER = {"shift": 3, "grow": 2}
"""How far true masks are moved and grown, in voxels, for a second network that will see predicted ones."""


def without_oracle() -> dict[str, Arm]:
    """Masks that nobody has to draw for a new patient, and what the image alone makes of the same means."""
    budget: dict[str, Any] = {"updates": HEART_UPDATES, "training": TRAINING}
    return {
        "image": arm("the image alone", FOUND),
        "image + moving mask": arm(
            "where the phases differ, by threshold; mask and position relative to it",
            FOUND,
            ("moving", "moving coordinates"),
        ),
        "image + found mask": arm(
            "the same place as a network without labels finds it in one image", FOUND, ("found",)
        ),
        "image + stranger's mask": arm("the found mask of another patient", FOUND, ("stranger",)),
        "image + change": arm("the difference of the phases as it is", FOUND, ("change",)),
        "image + predicted mask": cascade_arm(
            "the parent that a network of the same few patients predicts; trained on jittered true masks",
            FOUND,
            stage=budget,
            jitter=JITTER,
        ),
        "image averaged": Arm("two networks, no mask", partial(averaged, setup=FOUND, **budget)),
        "image self-trained": Arm(
            "the unlabelled scans with labels from a first network, no mask",
            partial(with_prior, setup=FOUND),
            partial(self_trained, setup=FOUND, **budget),
        ),
    }


RATES = (2e-3, 5e-3, 1e-2)
"""Learning rates that every arm of a choice may have."""


def choices(arms: dict[str, Arm]) -> dict[str, Arm]:
    """Each arm under each learning rate: the same budget of tuning for all."""
    return {
        f"{name} {rate:g}": replace(each, training={"lr": rate})
        for name, each in arms.items()
        for rate in RATES
    }


def choosing(experiment: str, on: dict[str, Any], arms: dict[str, Arm], rate: float) -> Plan:
    """A plan that chooses the learning rate on validation cases, from draws that no table has."""
    return Plan(
        experiment=experiment,
        question="Which learning rate suits which arm? Three of each, validation part.",
        arms=choices(arms),
        settings=({"n_labelled": 2},),
        draws=range(100, 102),
        part="validation",
        **{**on, "baseline": f"image {rate:g}", "metrics": ("dice",)},
    )


WITH_POSITION = arm(
    "the mask of the true parent structure and position relative to its box, no image",
    HEART,
    ("true", "coordinates"),
    "mask",
)
"""All that an oracle of the whole heart knows."""

FORMS = ("image + stranger's mask", "image + body coordinates", "image + grid")
"""Controls where the frame varies: no information, position in the patient, position in the array."""

PLANS = {
    "choices": choosing("choices", ON_HEART, oracle(HEART), HEART_RATE),
    "choices_hippocampus": choosing("choices_hippocampus", ON_HALVES, oracle(HALVES), HALVES_RATE),
    "choices_head": choosing(
        "choices_head",
        ON_HEAD,
        outline(HEAD),
        HEAD_RATE,
    ),
    "plateau": Plan(
        experiment="plateau",
        question="From how many updates on does more training change nothing?",
        arms=oracle(HEART),
        settings=tuple({"n_labelled": 4, "updates": updates} for updates in (100, 200, 400, 800, 1600)),
        draws=3,
        **ON_HEART,
    ),
    "heart": Plan(
        experiment="heart",
        question="The whole heart is known: how well are its chambers found, and from how many patients?",
        arms=oracle(HEART),
        settings=SIZES,
        draws=7,
        **ON_HEART,
    ),
    "mask_only": Plan(
        experiment="mask_only",
        question="How much does a mask alone know, with all patients and four times the updates?",
        arms={**oracle(HEART), "true mask and position only": WITH_POSITION},
        settings=({"updates": 4 * HEART_UPDATES},),
        draws=3,
        **ON_HEART,
    ),
    "mask_only_fine": Plan(
        experiment="mask_only_fine",
        question="The same on a finer grid: is it the grid that bounds the Dice of a mask alone?",
        arms={
            "true mask only": oracle(HEART)["true mask only"],
            "true mask and position only": WITH_POSITION,
        },
        settings=({"updates": 4 * HEART_UPDATES},),
        draws=3,
        **{**ON_HEART, "prepare": partial(fine_hearts, grid=FINE_GRID), "baseline": "true mask only"},
    ),
    "controls": Plan(
        experiment="controls",
        question="Is it the mask? Other channels beside the image, from four patients.",
        arms={"image": oracle(HEART)["image"], **controls(HEART, "true"), **population(HEART)},
        settings=({"n_labelled": 4},),
        draws=5,
        **ON_HEART,
    ),
    "plateau_head": Plan(
        experiment="plateau_head",
        question="The same for seven organs in the CT of the head and neck.",
        arms={name: each for name, each in outline(HEAD).items() if name != "image + masks"},
        settings=tuple({"n_labelled": 4, "updates": updates} for updates in (50, 100, 200, 400, 800)),
        draws=2,
        **ON_HEAD,
    ),
    "plateau_hippocampus": Plan(
        experiment="plateau_hippocampus",
        question="The same for the two parts of the hippocampus.",
        arms=oracle(HALVES),
        settings=tuple({"n_labelled": 4, "updates": updates} for updates in (75, 150, 300, 600)),
        draws=3,
        **ON_HALVES,
    ),
    "hippocampus": Plan(
        experiment="hippocampus",
        question="The whole hippocampus is known: where does its anterior part end?",
        arms=oracle(HALVES),
        settings=SIZES,
        draws=7,
        **ON_HALVES,
    ),
    "hippocampus_controls": Plan(
        experiment="hippocampus_controls",
        question="Is it the mask? Other channels beside the image, from four cases.",
        arms={"image": oracle(HALVES)["image"], **controls(HALVES, "true"), **population(HALVES)},
        settings=({"n_labelled": 4},),
        draws=5,
        **ON_HALVES,
    ),
    "head": Plan(
        experiment="head",
        question="What do body outline and bone, by thresholds, tell of seven organs?",
        arms=outline(HEAD),
        settings=SIZES,
        draws=7,
        **ON_HEAD,
    ),
    "head_long": Plan(
        experiment="head_long",
        question="Is a gain of the masks left when every arm has four times the updates?",
        arms={name: each for name, each in outline(HEAD).items() if name != "masks only"},
        settings=tuple({"n_labelled": n, "updates": 4 * HEAD_UPDATES} for n in (1, 2, 4)),
        draws=7,
        **ON_HEAD,
    ),
    "head_controls": Plan(
        experiment="head_controls",
        question="Other channels beside the CT, from four patients.",
        arms={
            "image": outline(HEAD)["image"],
            "outline only": arm("body outline by threshold, no image", HEAD, ("body",), "mask"),
            "image + outline": arm("image and body outline by threshold", HEAD, ("body",)),
            **controls(HEAD, "body"),
            **population(HEAD),
        },
        settings=({"n_labelled": 4},),
        draws=5,
        **ON_HEAD,
    ),
    "no_oracle": Plan(
        experiment="no_oracle",
        question="What is gained by a mask that needs no label at test time?",
        arms=without_oracle(),
        settings=SIZES[:3],
        draws=10,
        **{**ON_HEART, "prepare": FOUND_HEARTS, "batches": partial(training_batches, setup=FOUND)},
    ),
    "robustness": Plan(
        experiment="robustness",
        question="Scans that change after training: do masks by thresholds help?",
        arms=outline(HEAD),
        settings=({"n_labelled": 8},),
        draws=5,
        **{**ON_HEAD, "prepare": changed_heads},
    ),
    "framing": Plan(
        experiment="framing",
        question="Does the outline matter where the frame varies from patient to patient?",
        arms={**outline(HEAD), **{name: controls(HEAD, "body")[name] for name in FORMS}},
        settings=({"n_labelled": 1}, {"n_labelled": 4}),
        draws=7,
        **{**ON_HEAD, "prepare": ROUGH},
    ),
}
