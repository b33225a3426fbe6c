"""Chapter 6: two labelled patients in 48: what do unlabelled images bring, and what ranked losses?"""

from __future__ import annotations

from functools import partial
from typing import Any

from segkit.experiments.plan import Arm, Plan, Setting
from segkit.experiments.plans import _coarse_refined_data as data
from segkit.experiments.plans._coarse_refined import method
from segkit.experiments.plans._coarse_refined_watch import monitors_and_contrast
from segkit.train import one_cycle

UPDATES = 1000
"""Of batch 8: where supervised training has stopped rising; see `plateau` and `twice`."""

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


def arm(words: str, form: str, **options: Any) -> Arm:
    """An arm of one of `FORMS`."""
    return Arm(words, partial(method, form=form, **options))


BOTH, INTRA, INTER = ({"which": which, "weight": 0.1} for which in ("both", "intra", "inter"))

ARMS: dict[str, Arm] = {
    "supervised": arm("labelled images alone", "supervised"),
    "supervised 8": Arm(
        "labelled images alone, eight per update",
        partial(method, form="supervised"),
        batches=data.more_labelled,
    ),
    "zero weight": arm("unlabelled images pass through the net", "zero weight"),
    "mean teacher": arm("mean teacher, noise", "mean teacher", weight=1.0),
    "UA-MT": arm("uncertainty-aware mean teacher", "mean teacher", weight=0.1, uncertain=True),
    "CPS": arm("cross pseudo supervision", "CPS", weight=0.1),
    "URPC": arm("uncertainty-rectified pyramid consistency", "URPC", weight=0.1),
    "MC-Net+": arm("mutual consistency of three decoders", "MC-Net+", weight=0.1),
    "entropy": arm("entropy minimisation", "entropy", weight=0.1),
    "weak to strong": arm("sure labels of the weak view, on two strong views", "weak to strong"),
    "mean teacher strong": arm(
        "mean teacher, the student on a strong view", "mean teacher", weight=1.0, strong=True
    ),
    "labelled mixing": arm("labelled slices pasted into labelled ones", "mixing", unlabelled=False),
    "mixing": arm("labelled and unlabelled slices pasted into each other", "mixing"),
    "mixing + head": arm("the same with a refined output", "mixing", head=True),
    "mixing + head + intra": arm("and the intra-patch ranked loss", "mixing", losses=INTRA),
    "mixing + head + inter": arm("and the inter-patch ranked loss", "mixing", losses=INTER),
    "mixing + CRII-Net": arm("mixing, refined output, both ranked losses", "mixing", losses=BOTH),
    "CRII-Net": arm("coarse-refined consistency, both ranked losses", "coarse-refined", losses=BOTH),
    "consistency same view": arm("coarse follows refined, one view", "coarse-refined", strong=False),
    "consistency weak/strong": arm("both follow the refined output of the weak view", "coarse-refined"),
    "ranked only": arm(
        "both ranked losses, nothing of unlabelled images", "coarse-refined", weight=0.0, losses=BOTH
    ),
    "intra only": arm("the intra-patch ranked loss alone", "coarse-refined", weight=0.0, losses=INTRA),
    "inter only": arm("the inter-patch ranked loss alone", "coarse-refined", weight=0.0, losses=INTER),
}
"""Every arm of the chapter, with the values of validation (`choices`, `search`)."""

CLASSICAL = ("mean teacher", "UA-MT", "CPS", "URPC", "MC-Net+")
"""The five that the literature compares with."""

CORE = (
    "supervised",
    *CLASSICAL,
    "weak to strong",
    "labelled mixing",
    "mixing",
    "mixing + CRII-Net",
    "CRII-Net",
)
"""What is asked beyond the main table."""

ON_HEADS = (*CORE, "zero weight", "entropy", "mixing + head", "consistency weak/strong", "ranked only")
"""What is asked of ultrasound."""

HEADS = (3, 6, 14)
"""Labelled examinations of 142: 2, 4 and 10 %."""

FEW = ("supervised", "mean teacher", "CPS", "labelled mixing", "mixing", "mixing + CRII-Net", "CRII-Net")
"""What is asked with other numbers of labels and of updates."""

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


WEIGHTS: dict[str, tuple[float, ...]] = {
    "mean teacher": (0.1, 1.0),
    "UA-MT": (0.1, 1.0),
    "CPS": (0.1, 1.0),
    "URPC": (0.01, 0.1, 1.0),
    "MC-Net+": (0.01, 0.1, 1.0),
    "entropy": (0.1, 1.0),
    "weak to strong": (0.1, 1.0),
    "mean teacher strong": (0.1, 1.0),
    "CRII-Net": (0.1, 1.0),
}
"""Of the unlabelled term, two for every method: the one of public code, and ten times as much (for "weak to
strong", whose own is 1, a tenth); a third for the two with which both were worse than no term at all."""

RATE = 1e-2
"""A learning rate besides 3e-3, tried with three arms; all arms then take one."""


def changed(name: str, **options: Any) -> Arm:
    """One of the arms with some options changed."""
    before = ARMS[name].method
    return Arm(
        ", ".join([ARMS[name].description, *(f"{key} {value}" for key, value in options.items())]),
        partial(method, **{**before.keywords, **options}),  # type: ignore[attr-defined]
    )


def reranked(name: str, **options: Any) -> Arm:
    """One of the arms with some options of its ranked losses changed."""
    before = ARMS[name].method.keywords["losses"]  # type: ignore[attr-defined]
    return changed(name, losses={**before, **options})


CHOICES: dict[str, Arm] = {
    "supervised": ARMS["supervised"],
    **{f"{name} {weight:g}": changed(name, weight=weight) for name in WEIGHTS for weight in WEIGHTS[name]},
    **{f"mixing {share:g}": changed("mixing", share=share) for share in (0.5, 1.0)},
    **{
        f"{name} rate {RATE:g}": Arm(each.description, each.method, training={"lr": RATE})
        for name, each in (
            ("supervised", ARMS["supervised"]),
            ("mean teacher", changed("mean teacher", weight=0.1)),
            ("mixing", ARMS["mixing"]),
        )
    },
}
"""What `choices` tries."""

SEARCH: dict[str, Arm] = {
    "CRII-Net": ARMS["CRII-Net"],
    **{
        f"{letter} {name}": changed("CRII-Net", variant=name)
        for letter, name in (("B", "decoders"), ("C", "cascade"))
    },
    **{
        f"C{i} {kind}": changed("CRII-Net", kind=kind)
        for i, kind in enumerate(("symmetric", "kl", "hard", "sharpened"), start=1)
    },
    "C3 sure": changed("CRII-Net", kind="sure"),
    **{
        f"R{i} {reading}": reranked("CRII-Net", reading=reading)
        for i, reading in enumerate(("hardest", "scores", "ap"), start=2)
    },
    **{f"patch {side}": reranked("CRII-Net", side=side) for side in (16, 48)},
    "patches anywhere": reranked("CRII-Net", centred=False),
    "zone 1": reranked("CRII-Net", zone=1),
    **{f"cell {cell}": reranked("CRII-Net", cell=cell) for cell in (4, 16)},
    "small shares": reranked("CRII-Net", share=0.25),
    **{f"look-alike {share:g}": reranked("CRII-Net", hard_share=share) for share in (0.0, 1.0)},
    **{f"memory {size}": reranked("CRII-Net", memory=size) for size in (0, 1024)},
    "graded": reranked("CRII-Net", graded=True),
    **{f"γ {weight:g}": reranked("CRII-Net", weight=weight) for weight in (0.03, 0.3, 1.0)},
}
"""One change at a time to "CRII-Net", which is A (residual refiner), C0 (detached target) and R1 (lists)."""

LABELLED_MIXED: dict[str, dict[str, Any]] = {
    "own 0.1": {"own": True, "weight": 0.1},
    "own 1": {"own": True, "weight": 1.0},
    "average 1": {"weight": 1.0},
    "own 1 + ranked": {"own": True, "weight": 1.0, "losses": BOTH},
    "average 1 + ranked": {"weight": 1.0, "losses": BOTH},
}
"""Who gives the target (the net itself or its moving average), its weight, and whether pixels are ranked."""

SEARCH_MIXED: dict[str, Arm] = {
    "mixing": ARMS["mixing"],
    "mixing + CRII-Net": ARMS["mixing + CRII-Net"],
    **{
        f"{letter} {name}": changed("mixing + CRII-Net", variant=name)
        for letter, name in (("B", "decoders"), ("C", "cascade"))
    },
    **{
        f"R{i} {reading}": reranked("mixing + CRII-Net", reading=reading)
        for i, reading in enumerate(("hardest", "scores", "ap"), start=2)
    },
    "graded": reranked("mixing + CRII-Net", graded=True),
    **{f"γ {weight:g}": reranked("mixing + CRII-Net", weight=weight) for weight in (0.03, 0.3, 1.0)},
    "late": reranked("mixing + CRII-Net", start=0.5),
    **{
        f"whole images {weight:g}": arm(
            f"coarse-refined consistency on whole images besides; weight {weight:g}", "mixed", weight=weight
        )
        for weight in (0.1, 1.0)
    },
    "labelled mixing": ARMS["labelled mixing"],
    **{
        f"labelled mixing + {name}": arm(
            f"labelled images pasted alone, coarse-refined consistency on whole unlabelled images; {name}",
            "mixed",
            unlabelled=False,
            **options,
        )
        for name, options in LABELLED_MIXED.items()
    },
}
"""The same of "mixing + CRII-Net", fewer changes."""


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
    "twice": Plan(
        experiment="twice",
        question="And with twice as many updates?",
        arms={name: ARMS[name] for name in FEW},
        settings=labelled(2),
        **{**COMMON["acdc"], "updates": 2 * UPDATES, "draws": 5},
    ),
    "plateau": Plan(
        experiment="plateau",
        question="From how many updates on does more training change little?",
        arms={name: ARMS[name] for name in ("supervised", "mean teacher", "mixing + CRII-Net")},
        settings=tuple(each for n in (250, 500, 1000, 2000) for each in labelled(2, updates=n)),
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
