"""Chapter 5: does a metric branch on sampled voxels make features better, and masks?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from segkit.data.splitting import Split, k_shot, load_split
from segkit.experiments.plan import Arm, Plan, Setting
from segkit.experiments.plans import _organs as organs
from segkit.experiments.plans import _voxel_metric_stages as stages
from segkit.experiments.plans._voxel_metric import ASKED, method, words
from segkit.experiments.plans._voxel_metric_extra import parts_and_holes, separation
from segkit.train import one_cycle

UPDATES = {"hippocampus": 400, "openkbp": 200}
"""Where the Dice of validation cases has nearly stopped rising; see `plateau` and `plateau_ct`."""

SEARCH_UPDATES = 200
"""Of `choices` and `forms`: half of what the hippocampus needs, to try more."""

TRAINING: dict[str, Any] = {"schedule": one_cycle, "clip": 12.0, "lr": 1e-2}
"""Of all arms: AdamW in one cycle, with the learning rate of chapter 2."""

METRICS = ("dice", "assd_mm", "hd95_mm", "sensitivity", "ppv", "band_dice")

BAND_MM = {"hippocampus": 2.0, "openkbp": 6.0}
"""Reach of the contour band to each side: two voxels of the hippocampus, somewhat more than one of the CT."""

COMMON: dict[str, dict[str, Any]] = {
    name: {
        "slug": "voxel_metric",
        "dataset": name,
        "prepare": prepare,
        "batches": partial(organs.whole_frames, batch_size=size),
        "baseline": "plain",
        "updates": UPDATES[name],
        "training": TRAINING,
        "metrics": METRICS,
        "band_mm": BAND_MM[name],
        "predict_batch": 8,
    }
    for name, prepare, size in (
        ("hippocampus", organs.hippocampi, 2),
        ("openkbp", organs.parotids, 4),
    )
}


class Choice(NamedTuple):
    """A form with its weight and options."""

    form: str
    weight: float = 0.0
    options: Mapping[str, Any] = {}

    def arm(self, dataset: str, **changes: Any) -> Arm:
        """As an arm on a data set, with some options changed."""
        options = {**self.options, **changes}
        weight = options.pop("weight", self.weight)
        told = {"λ": weight, **options} if weight else options
        if weight:
            options = {"weight": weight, "band_mm": BAND_MM[dataset], **options}
        return Arm(words(self.form, told), partial(method, form=self.form, **options))


LAST, BOTTOM, SEVERAL = ("decoder0",), ("bottom",), ("bottom", "decoder1", "decoder0")
"""Features that become logits; coarse ones; those of every level of the decoder."""

TAPS: dict[str, tuple[str, ...]] = {"hippocampus": LAST, "openkbp": BOTTOM}
"""Where the head of a branch looks. On CT the coarse features were ahead over six draws of the validation
part, four patients; over more patients they were not, and `FEW` looks at every level (`forms_ct`)."""

CHOSEN: dict[str, Choice] = {
    "CE": Choice("ce"),
    "Dice": Choice("dice"),
    "plain": Choice("plain"),
    "contour head": Choice("contour", 0.3),
    "same voxels": Choice("same_voxels", 1.0),
    "CE at tap": Choice("tap_ce", 1.0),
    "pair": Choice("pair", 0.3),
    "triplet": Choice("triplet", 0.3),
    "both": Choice("both", 0.3),
    "pixel contrast": Choice("contrast", 0.3),
    "SupCon": Choice("sup_con", 0.3),
    "circle": Choice("circle", 0.03),
}
"""Every form with the weight of validation (`choices`, `choices_ct`, `forms`, `forms_ct`)."""

CORE = ("plain", "same voxels", "CE at tap", "both")
"""The branch, the net without it, and the two controls: cross-entropy of the same voxels, in the last layer
and by a head where the branch has its own."""


def arm(dataset: str, name: str, **changes: Any) -> Arm:
    """One of the chosen forms on a data set, with some options changed."""
    choice = CHOSEN[name]
    taps = {"taps": TAPS[dataset]} if choice.form in ASKED else {}
    return choice.arm(dataset, **{**taps, **changes})


def arms(dataset: str, names: Sequence[str]) -> dict[str, Arm]:
    """Some of the chosen forms on a data set."""
    return {name: arm(dataset, name) for name in names}


def labelled(*numbers: int | None, **more: Any) -> tuple[Setting, ...]:
    """Settings with so many labelled patients; None for all."""
    return tuple({**({} if n is None else {"n_labelled": n}), **more} for n in numbers)


def features(dataset: str) -> partial[Any]:
    """Measures how well the features are told apart."""
    return partial(separation, updates=UPDATES[dataset], training=TRAINING, band_mm=BAND_MM[dataset])


def second(name: str) -> dict[str, Any]:
    """Options of stage 2 for one of the chosen forms."""
    return dict(arm("openkbp", name).method.keywords)  # type: ignore[attr-defined]


WEIGHTS = (0.1, 0.3, 1.0)

SEARCHED: dict[str, Choice] = {
    f"{name} {weight:g}": CHOSEN[name]._replace(weight=weight)
    for name in ("contour head", "same voxels", "pair", "triplet", "both")
    for weight in WEIGHTS
}
"""What `choices` tries, at the features of the last layer."""

FORMS: dict[str, Choice] = {
    "both 0.3": Choice("both", 0.3),
    "both bottom 0.3": Choice("both", 0.3, {"taps": BOTTOM}),
    "both bottom 1": Choice("both", 1.0, {"taps": BOTTOM}),
    "both several 0.3": Choice("both", 0.3, {"taps": SEVERAL}),
    "both several 1": Choice("both", 1.0, {"taps": SEVERAL}),
    "pixel contrast 0.3": Choice("contrast", 0.3),
    "pixel contrast several 0.3": Choice("contrast", 0.3, {"taps": SEVERAL}),
    "pixel contrast several 1": Choice("contrast", 1.0, {"taps": SEVERAL}),
    "circle 0.03": Choice("circle", 0.03),
    "circle several 0.03": Choice("circle", 0.03, {"taps": SEVERAL}),
    "same voxels 1": Choice("same_voxels", 1.0),
    "same voxels 2": Choice("same_voxels", 2.0),
    "same voxels 4": Choice("same_voxels", 4.0),
    "CE at bottom 1": Choice("tap_ce", 1.0, {"taps": BOTTOM}),
    "CE at several 0.3": Choice("tap_ce", 0.3, {"taps": SEVERAL}),
    "CE at several 1": Choice("tap_ce", 1.0, {"taps": SEVERAL}),
    "CE at several 3": Choice("tap_ce", 3.0, {"taps": SEVERAL}),
}
"""What `forms` and `forms_ct` try: other features, other losses, and heavier controls."""

FEW: dict[str, Choice] = {
    "same voxels": FORMS["same voxels 2"],
    "CE at taps": FORMS["CE at several 1"],
    "CE at taps 3": FORMS["CE at several 3"],
    "both": FORMS["both several 1"],
    "pixel contrast": FORMS["pixel contrast several 1"],
    "circle": FORMS["circle several 0.03"],
}
"""With the features of every level of the decoder, for few cases. "CE at taps 3" and "circle" are the best of
their kind in `forms_ct`; the others were chosen before it, on other draws of the same patients."""


OTHER_ORGANS = ("brainstem", "larynx", "esophagus", "spinal cord", "mandible")
"""Of the CT set, besides the parotids; every one with the settings that were chosen for the parotids."""


def for_choices(name: str) -> Split:
    """8 of the training patients to train on, and the other 10 beside the validation part to measure on.

    The validation part of `openkbp` has 4 patients, too few to tell tenths of a point apart. No patient of
    the test part is in it.
    """
    split = load_split(name)
    few = k_shot(split, 8, draw=1000)
    rest = [group for group in (*split.train, *split.validation) if group not in few]
    return Split(tuple(sorted(few)), tuple(sorted(rest)), split.test, split.seed)


PLANS = {
    "choices": Plan(
        experiment="choices",
        question="Which weight suits which branch? Hippocampus, validation part.",
        arms={
            "plain": CHOSEN["plain"].arm("hippocampus"),
            **{name: choice.arm("hippocampus") for name, choice in SEARCHED.items()},
        },
        settings=labelled(8),
        draws=range(100, 104),
        part="validation",
        **{**COMMON["hippocampus"], "updates": SEARCH_UPDATES},
    ),
    "choices_ct": Plan(
        experiment="choices_ct",
        question="Which weight suits which branch? Parotid glands in CT, validation part.",
        arms={
            "plain": CHOSEN["plain"].arm("openkbp"),
            **{name: choice.arm("openkbp") for name, choice in SEARCHED.items()},
        },
        settings=labelled(4),
        draws=range(100, 104),
        part="validation",
        **COMMON["openkbp"],
    ),
    "forms": Plan(
        experiment="forms",
        question="At which features, and in which form? Hippocampus, validation part.",
        arms={
            "plain": CHOSEN["plain"].arm("hippocampus"),
            **{name: choice.arm("hippocampus") for name, choice in FORMS.items()},
        },
        settings=labelled(8),
        draws=range(100, 102),
        part="validation",
        **{**COMMON["hippocampus"], "updates": SEARCH_UPDATES},
    ),
    "forms_ct": Plan(
        experiment="forms_ct",
        question="The same of the parotid gland in CT, with and without turned training images.",
        split=for_choices,
        arms={
            "plain": CHOSEN["plain"].arm("openkbp"),
            **{name: choice.arm("openkbp") for name, choice in FORMS.items()},
        },
        settings=(*labelled(4), *labelled(4, augment="none")),
        draws=range(100, 104),
        part="validation",
        **COMMON["openkbp"],
    ),
    "hippocampus": Plan(
        experiment="hippocampus",
        question="Does a metric branch improve masks in MRI, more than cross-entropy of the same voxels?",
        arms=arms("hippocampus", CORE),
        settings=(*labelled(4, 8, 16, None), *labelled(4, augment="none")),
        extra=parts_and_holes,
        **COMMON["hippocampus"],
    ),
    "openkbp": Plan(
        experiment="openkbp",
        question="And in CT, where the parotid gland hardly differs from what is around it?",
        arms=arms("openkbp", CORE),
        settings=(*labelled(4, 8, None), *labelled(4, 8, augment="none")),
        extra=parts_and_holes,
        **COMMON["openkbp"],
    ),
    "few": Plan(
        experiment="few",
        question="Few CT patients, with and without turned images: what do branches at every level add?",
        arms={
            "plain": CHOSEN["plain"].arm("openkbp"),
            **{name: choice.arm("openkbp") for name, choice in FEW.items()},
        },
        settings=(
            *labelled(4, 8, augment="none"),
            *labelled(4),
            *labelled(4, augment="none", updates=2 * UPDATES["openkbp"]),
        ),
        extra=parts_and_holes,
        **COMMON["openkbp"],
    ),
    **{
        organ.split()[-1]: Plan(
            experiment=organ.split()[-1],
            question=f"Does what holds for the parotid gland hold for another organ, the {organ}?",
            arms={
                "plain": CHOSEN["plain"].arm("openkbp"),
                **{n: FEW[n].arm("openkbp") for n in ("same voxels", "both")},
            },
            settings=labelled(4, augment="none"),
            extra=parts_and_holes,
            **{**COMMON["openkbp"], "prepare": partial(organs.single, organ=organ)},
        )
        for organ in OTHER_ORGANS
    },
    "losses": Plan(
        experiment="losses",
        question="Which loss of the same voxels, and which image-level loss without any? Hippocampus.",
        arms=arms("hippocampus", tuple(CHOSEN)),
        settings=labelled(8),
        extra=parts_and_holes,
        **COMMON["hippocampus"],
    ),
    "losses_ct": Plan(
        experiment="losses_ct",
        question="The same of the parotid gland in CT.",
        arms=arms("openkbp", tuple(CHOSEN)),
        settings=labelled(4),
        extra=parts_and_holes,
        **COMMON["openkbp"],
    ),
    "samplers": Plan(
        experiment="samplers",
        question="Which voxels, how many, from which features, with which weight? One change at a time.",
        arms={
            "plain": arm("openkbp", "plain"),
            "both": arm("openkbp", "both"),
            **{policy: arm("openkbp", "both", policy=policy) for policy in ("random", "error")},
            **{f"M = {8 * n}": arm("openkbp", "both", per_class=n) for n in (8, 32, 128)},
            **{f"λ = {weight:g}": arm("openkbp", "both", weight=weight) for weight in (0.1, 1.0, 3.0)},
            **{
                name: arm("openkbp", "both", taps=taps)
                for name, taps in (
                    ("last features", LAST),
                    ("next to last", ("decoder1",)),
                    ("several", SEVERAL),
                )
            },
            "each image alone": arm("openkbp", "both", across_images=False),
            "memory 1024": arm("openkbp", "both", memory=1024),
        },
        settings=labelled(4),
        **COMMON["openkbp"],
    ),
    "features": Plan(
        experiment="features",
        question="Are classes better told apart by features that a metric branch has trained?",
        arms={**arms("hippocampus", ("plain", "same voxels")), "both": arm("hippocampus", "both", taps=LAST)},
        settings=(*labelled(8), *labelled(4, augment="none")),
        extra=features("hippocampus"),
        **COMMON["hippocampus"],
    ),
    "features_ct": Plan(
        experiment="features_ct",
        question="The same of the parotid gland in CT.",
        arms={**arms("openkbp", ("plain", "same voxels")), "both": arm("openkbp", "both", taps=LAST)},
        settings=(*labelled(8), *labelled(4, augment="none")),
        extra=features("openkbp"),
        **COMMON["openkbp"],
    ),
    "plateau": Plan(
        experiment="plateau",
        question="From how many updates on does more training change little? Hippocampus.",
        arms=arms("hippocampus", ("plain", "both")),
        settings=tuple(each for n in (100, 200, 400, 800) for each in labelled(8, updates=n)),
        draws=5,
        **COMMON["hippocampus"],
    ),
    "plateau_ct": Plan(
        experiment="plateau_ct",
        question="The same of the parotid gland in CT.",
        arms=arms("openkbp", ("plain", "both")),
        settings=tuple(each for n in (100, 200, 400) for each in labelled(None, updates=n)),
        draws=5,
        **COMMON["openkbp"],
    ),
    "stages": Plan(
        experiment="stages",
        question="What does a first stage bring on whole CT, and what would one bring that never errs?",
        arms={
            "one stage": Arm("patches of whole images, no first stage", stages.one_stage, stages.patches),
            "predicted crop": Arm(
                "a box where stage 1 sees the organ", partial(stages.two_stages, **second("plain"))
            ),
            "predicted crop both": Arm(
                "the same with triplets and pairs in stage 2", partial(stages.two_stages, **second("both"))
            ),
            "oracle crop": Arm(
                "a box about the true centroid", partial(stages.two_stages, oracle=True, **second("plain"))
            ),
        },
        extra=stages.localisation,
        **{
            **COMMON["openkbp"],
            "prepare": stages.heads,
            "batches": stages.StageBatches,
            "baseline": "one stage",
            "predict_batch": 1,
        },
    ),
}
