"""Chapter 6: two labelled patients in 48: what do unlabelled images bring, and what ranked losses?"""

from __future__ import annotations

from typing import Any

from segkit.experiments.plan import Plan, Setting
from segkit.experiments.plans import _coarse_refined_data as data
from segkit.experiments.plans._coarse_refined_arms import ARMS, CLASSICAL, arm
from segkit.experiments.plans._coarse_refined_search import CHOICES, SEARCH, SEARCH_MIXED
from segkit.experiments.plans._coarse_refined_watch import monitors_and_contrast
from segkit.train import one_cycle

UPDATES = 1000
"""Of batch 8: where supervised training has stopped rising; `plateau` asks for fewer and for more."""

TRAINING: dict[str, Any] = {"schedule": one_cycle, "clip": 12.0, "lr": 3e-3}
"""Of all arms: AdamW in one cycle."""

METRICS = ("dice", "iou", "hd95_mm", "assd_mm", "band_dice")

COMMON: dict[str, dict[str, Any]] = {
    "acdc": {
        "slug": "coarse_refined",
        "dataset": "acdc",
        "prepare": data.heart_slices,
        "split": data.with_validation,
        "batches": data.two_streams,
        "baseline": "mean teacher",
        "updates": UPDATES,
        "training": TRAINING,
        "metrics": METRICS,
        "draws": 8,
        "predict_batch": 1,
        "extra": monitors_and_contrast,
    },
    "hc18": {
        "slug": "coarse_refined",
        "dataset": "hc18",
        "prepare": data.heads,
        "split": data.with_validation,
        "batches": data.two_streams,
        "baseline": "mean teacher",
        "updates": 400,
        "training": TRAINING,
        "metrics": METRICS,
        "draws": 8,
        "predict_batch": 16,
        "extra": monitors_and_contrast,
    },
}


CORE = (
    "supervised",
    *CLASSICAL,
    "weak to strong",
    "labelled mixing",
    "mixing",
    "mixing + CRII-Net",
    "labelled mixing + CRII-Net",
    "CRII-Net",
)
"""What is asked beyond the main table."""

ON_HEADS = (*CORE, "zero weight", "entropy", "mixing + head", "consistency weak/strong", "ranked only")
"""What is asked of ultrasound."""

HEADS = (3, 6, 14)
"""Labelled examinations of 142: 2, 4 and 10 %."""

FEW = (
    "supervised",
    "mean teacher",
    "CPS",
    "labelled mixing",
    "mixing",
    "mixing + CRII-Net",
    "labelled mixing + CRII-Net",
    "CRII-Net",
)
"""What is asked with other numbers of labels."""

TRIAL: dict[str, Any] = {
    "split": data.for_choices,
    "part": "validation",
    "draws": range(100, 102),
    "metrics": ("dice",),
    "updates": UPDATES // 2,
}
"""Of runs that choices rest on."""


def labelled(*numbers: int | None, **more: Any) -> tuple[Setting, ...]:
    """Settings with so many labelled patients; None for all."""
    return tuple({**({} if n is None else {"n_labelled": n}), **more} for n in numbers)


PLANS = {
    "acdc": Plan(
        experiment="acdc",
        question="Two labelled patients in 48, cardiac MRI: which use of the other 46 helps, and how much?",
        arms=ARMS,
        settings=labelled(2),
        **COMMON["acdc"],
    ),
    "acdc_sizes": Plan(
        experiment="acdc_sizes",
        question="What is left of the differences as labels grow?",
        arms={name: ARMS[name] for name in FEW},
        settings=labelled(1, 3, 7, None),
        **{**COMMON["acdc"], "draws": 5},
    ),
    "plateau": Plan(
        experiment="plateau",
        question="From how many updates on does more training change little, and does it change the gap?",
        arms={name: ARMS[name] for name in ("supervised", "mean teacher", "mixing", "mixing + CRII-Net")},
        settings=tuple(each for n in (250, 500, 2000) for each in labelled(2, updates=n)),
        **{**COMMON["acdc"], "draws": 3},
    ),
    "norms": Plan(
        experiment="norms",
        question="What do unlabelled images change that only pass through the net, under either norm?",
        arms={
            f"{name}, {norm} norm".replace(",", ""): arm(f"{name}; {norm} norm", name, norm=norm)
            for norm in ("group", "batch")
            for name in ("supervised", "zero weight")
        },
        settings=labelled(2),
        **{**COMMON["acdc"], "draws": 5, "baseline": "supervised group norm"},
    ),
    **{
        f"hc18_{strength}": Plan(
            experiment=f"hc18_{strength}",
            question=f"Fetal heads with 2, 4 and 10 % labels, {words}: is there room for unlabelled images?",
            arms={name: ARMS[name] for name in ON_HEADS},
            settings=tuple(each for n in HEADS for each in labelled(n, augment=strength)),
            **COMMON["hc18"],
        )
        for strength, words in (("weak", "images that hardly move"), ("strong", "images turned and scaled"))
    },
    "choices": Plan(
        experiment="choices",
        question="Which weight and which learning rate? Validation, half as many updates.",
        arms=CHOICES,
        settings=labelled(2),
        **{**COMMON["acdc"], **TRIAL, "baseline": "supervised"},
    ),
    "search": Plan(
        experiment="search",
        question="Which reading of the paper? One change at a time, validation, half as many updates.",
        arms=SEARCH,
        settings=labelled(2),
        **{**COMMON["acdc"], **TRIAL, "baseline": "CRII-Net"},
    ),
    "search_mixed": Plan(
        experiment="search_mixed",
        question="Which reading, where labelled and unlabelled images are mixed? Validation.",
        arms=SEARCH_MIXED,
        settings=labelled(2),
        **{**COMMON["acdc"], **TRIAL, "updates": UPDATES, "baseline": "mixing"},
    ),
}
