"""Chapter 7: are features better after local self-supervision, and does segmentation get better by them?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from segkit.experiments.plan import Arm, Plan, Setting
from segkit.experiments.plans._local_ssl import ENCODER, SEEDS, costs, slower_where_marked, tuned
from segkit.experiments.plans._local_ssl_data import PREPARE, SETUPS, Setup, for_choices, labelled_images
from segkit.experiments.plans._local_ssl_features import knowledge, probed
from segkit.experiments.plans._local_ssl_pretraining import Recipe
from segkit.train import one_cycle

UPDATES = {"acdc": 800, "chaos": 800, "hc18": 300, "openkbp": 300, "hippocampus": 300}
"""Of fine-tuning; `curves_…` shows how much twice and four times as many change."""

PROBE_UPDATES = 200
"""At `PROBE_RATE`; twice as many change little."""

PROBE_RATE = 0.2

LABELLED: dict[str, tuple[int | None, ...]] = {
    "acdc": (1, 2, 4, 8, 16, None),
    "chaos": (1, 2, 4, None),
    "hc18": (1, 2, 4, 8, 16, None),
    "openkbp": (1, 2, 4, 8, None),
    "hippocampus": (1, 2, 4, 8, 16, None),
}
"""Labelled patients; None for all of the training part (40, 7, 102, 18 and 160)."""

PROBED = {"acdc": 8, "chaos": 4, "hc18": 8, "openkbp": 8, "hippocampus": 20}
"""Labelled patients of the linear probe."""

FEW = {"acdc": 2, "chaos": 2, "hc18": 1, "openkbp": 2, "hippocampus": 1}
"""Labelled patients of the trials about one choice."""

COMPARED = {**FEW, "hc18": 2}
"""Labelled patients of controls, curves, mirrored views and transfer."""

FIRST = {"acdc": 7600, "chaos": 7600, "hc18": 8500, "openkbp": 2700, "hippocampus": 2700}
"""Updates on the labelled images before the usual ones, for the control of equal compute: about the processor
time of a pre-training with PGL. Measured on hearts, ultrasound and hippocampi; the others' networks are the
same."""

PRETRAINING = {"acdc": 2400, "chaos": 2400, "hc18": 2400, "openkbp": 1200, "hippocampus": 1200}
"""Updates of every pre-training on a set."""

TAPS = {
    "acdc": ("decoder1", "decoder0"),
    "chaos": ("decoder1", "decoder0"),
    "hc18": ("decoder1", "decoder0"),
    "openkbp": ("bottom", "decoder0"),
    "hippocampus": ("bottom", "decoder0"),
}
"""Levels at which the local terms compare."""

TISSUE = {"chaos": -0.6}
"""Below it a pixel is air, in the setups that compare everything. About two fifths of an abdominal image are;
the number is from images of the training part. `features_…` has local arms that leave air out."""

FACTOR, FROZEN = 1.0, 0.0
"""Of the learning rate of pre-trained tensors; share of the updates in which they stand still."""

TRAINING: dict[str, Any] = {
    "schedule": one_cycle,
    "clip": 12.0,
    "optimizer": slower_where_marked,
}
"""Of all fine-tunings: AdamW in one cycle."""

RATE = {"acdc": 1e-2, "chaos": 1e-2, "hc18": 2e-2, "openkbp": 1e-2, "hippocampus": 1e-2}
"""Highest learning rate of fine-tuning, the same from every start; `search_rates_…` has what others give."""

WORDS = {
    "random": "random weights",
    "random longer": "random weights; the labels are learnt for the time of a pre-training before",
    "global": "pre-trained: pooled vectors agree (BYOL)",
    "global at levels": "pre-trained: pooled vectors agree, at the levels of the local terms",
    "SimCLR": "pre-trained: pooled vectors in contrast (SimCLR)",
    "restoration": "pre-trained: distorted views are restored (as Models Genesis)",
    "masked": "pre-trained: hidden blocks are restored (masked autoencoding)",
    "unaligned": "pre-trained: PGL with its alignment switched off",
    "PGL": "pre-trained: prior-guided local consistency",
    "InfoNCE": "pre-trained: contrast of aligned points",
    "PGL in tissue": "pre-trained: prior-guided local consistency, of points that are not in air",
    "InfoNCE in tissue": "pre-trained: contrast of aligned points that are not in air",
    "PGL + global": "pre-trained: local and pooled consistency",
    "VICReg": "pre-trained: invariance, variance and covariance of aligned points",
    "PixPro": "pre-trained: propagated pixels agree with near ones",
    "DenseCL": "pre-trained: cells matched by features, and pooled contrast",
}
"""What a table's legend says."""

KINDS = {
    "global": "global",
    "global at levels": "global",
    "SimCLR": "simclr",
    "restoration": "restoration",
    "masked": "masked",
    "unaligned": "unaligned",
    "PGL": "local",
    "InfoNCE": "infonce",
    "PGL + global": "local+global",
    "VICReg": "vicreg",
    "PixPro": "pixpro",
    "DenseCL": "densecl+simclr",
}
"""Name of an arm → terms of its pre-training."""

CORE = ("global", "global at levels", "restoration", "unaligned", "PGL", "InfoNCE")
"""Pre-trainings of the main tables; `controls_…` has all of them, at one number of labelled patients."""


def recipe(dataset: str, name: str, **changes: Any) -> Recipe:
    """The pre-training of an arm on a data set, with some changes."""
    kinds = KINDS[name]
    # An image is restored at its own resolution.
    taps = ("decoder0",) if kinds in ("restoration", "masked") else TAPS[dataset]
    usual: dict[str, Any] = {"taps": taps, "updates": PRETRAINING[dataset]}
    if name == "global at levels":
        usual["pooled"] = TAPS[dataset]
    return Recipe(kinds, **{**usual, **changes})


def fine(dataset: str, name: str, *, source: str = "", words: str = "", **options: Any) -> Arm:
    """Fine-tuning from an arm's pre-training, or from random weights.

    Args:
        dataset: whose labels are learnt.
        name: of `KINDS`, or "random".
        source: whose images were seen before; the same by default.
        words: what the legend adds.
        options: of `tuned`; "recipe" holds changes of the recipe.
    """
    common: dict[str, Any] = {"setup": SETUPS[dataset]}
    if name != "random":
        common |= {"recipe": recipe(source or dataset, name, **options.pop("recipe", {}))}
        common |= {"factor": FACTOR, "frozen": FROZEN, "source": source, "seeds": SEEDS}
    told = "; ".join([WORDS[name], *([words] if words else []), *(f"{k} {v}" for k, v in options.items())])
    return Arm(told, partial(tuned, **{**common, **options}))


def probe(dataset: str, name: str, *, setup: Setup | None = None, **changes: Any) -> Arm:
    """A linear probe on the features of an arm, perhaps after a pre-training in another setup."""
    chosen: dict[str, Any] = {"setup": setup or SETUPS[dataset]}
    if name != "random":
        chosen |= {"recipe": recipe(dataset, name, **changes), "seeds": SEEDS}
    told = "; ".join([WORDS[name], *(f"{k} {v}" for k, v in changes.items())])
    return Arm(told, partial(probed, **chosen))


def in_tissue(dataset: str) -> dict[str, Arm]:
    """Probes on features of local terms that leave air out, where a set's setup does not do that anyway."""
    if dataset not in TISSUE:
        return {}
    setup = replace(SETUPS[dataset], air=TISSUE[dataset])
    arms = {f"{name} in tissue": probe(dataset, name, setup=setup) for name in ("PGL", "InfoNCE")}
    return {name: replace(arm, description=WORDS[name]) for name, arm in arms.items()}


def training(dataset: str) -> dict[str, Any]:
    """Options of the Trainer for fine-tuning on a set."""
    return {**TRAINING, "lr": RATE[dataset]}


def control(dataset: str) -> Arm:
    """Random weights, and the compute of a pre-training spent on the labels."""
    told = f"{WORDS['random longer']}, {FIRST[dataset]} updates in a cycle"
    return Arm(told, partial(tuned, setup=SETUPS[dataset], first=FIRST[dataset], training=training(dataset)))


def labelled(*numbers: int | None, **more: Any) -> tuple[Setting, ...]:
    """Settings with so many labelled patients; None for all."""
    return tuple({**({} if n is None else {"n_labelled": n}), **more} for n in numbers)


def tuning(dataset: str, experiment: str, question: str, arms: dict[str, Arm], **changes: Any) -> Plan:
    """A plan that fine-tunes."""
    options: dict[str, Any] = {
        "baseline": "random",
        "batches": partial(labelled_images, setup=SETUPS[dataset]),
        "updates": UPDATES[dataset],
        "training": training(dataset),
        "settings": labelled(COMPARED[dataset]),
        "draws": 12,
        "metrics": ("dice", "assd_mm", "hd95_mm"),
        "extra": costs,
        "prepare": PREPARE[dataset],
        **changes,
    }
    return Plan(
        slug="local_ssl", experiment=experiment, question=question, dataset=dataset, arms=arms, **options
    )


def choosing(dataset: str, experiment: str, question: str, arms: dict[str, Arm], **changes: Any) -> Plan:
    """A plan for choices: other draws, patients of the training and validation parts alone."""
    usual = {
        "part": "validation",
        "split": for_choices,
        "draws": range(100, 106),
        "settings": labelled(FEW[dataset]),
        "metrics": ("dice",),
    }
    return tuning(dataset, experiment, question, arms, **{**usual, **changes})


def features(dataset: str, experiment: str, question: str, arms: dict[str, Arm], **changes: Any) -> Plan:
    """A plan that leaves features as they are and looks at what they hold."""
    taps = [SETUPS[dataset].probe, *([] if SETUPS[dataset].probe == "bottom" else ["bottom"])]
    options: dict[str, Any] = {
        "updates": PROBE_UPDATES,
        "training": {"schedule": one_cycle, "lr": PROBE_RATE},
        "settings": tuple({"n_labelled": PROBED[dataset], "tap": tap} for tap in taps),
        "metrics": ("dice",),
        "extra": partial(knowledge, setup=SETUPS[dataset]),
        **changes,
    }
    return tuning(dataset, experiment, question, arms, **options)


GOING_ON: dict[str, dict[str, Any]] = {
    "factor 0.1": {"factor": 0.1},
    "factor 0.3": {"factor": 0.3},
    "factor 1": {"factor": 1.0},
    "frozen 0.3": {"frozen": 0.3},
    "frozen 1": {"frozen": 1.0},
    "encoder": {"part": ENCODER},
}
"""What `search_…` tries: options of `tuned`."""

RATES = (5e-3, 1e-2, 2e-2, 4e-2, 8e-2)
"""What `search_rates_…` tries."""

LENGTHS = (0.1, 0.25, 0.5, 1, 2, 4)
"""Of the cycles of `curves_…`, in those of the others."""

SOURCES = {
    "acdc": ("chaos", "hc18"),
    "chaos": ("acdc",),
    "hc18": ("acdc",),
    "openkbp": ("hippocampus",),
    "hippocampus": ("openkbp",),
}
"""Sets whose pre-trained weights `transfer_…` takes to another; they have the same architecture."""

PLANS: dict[str, Plan] = {}


def _add(*plans: Plan) -> None:
    PLANS.update({plan.experiment: plan for plan in plans})


for _set in SETUPS:
    _random = fine(_set, "random")
    _add(
        choosing(
            _set,
            f"choices_{_set}",
            "Which levels, which length, which rate of pre-training? Validation part.",
            {
                "random": _random,
                **{
                    f"{name} {words}": fine(_set, name, words=words, recipe=changes)
                    for name in ("PGL", "InfoNCE", "global")
                    for words, changes in (
                        ("usual", {}),
                        ("long", {"updates": 3 * PRETRAINING[_set]}),
                        ("slow", {"lr": 5e-4}),
                    )
                },
                **{
                    f"{name} at {tap}": fine(_set, name, words=tap, recipe={"taps": (tap,)})
                    for name in ("PGL", "InfoNCE")
                    for tap in SETUPS[_set].points
                },
                **{
                    f"{name} usual": fine(_set, name)
                    for name in ("SimCLR", "restoration", "masked", "unaligned", "PGL + global")
                },
            },
        ),
        choosing(
            _set,
            f"search_{_set}",
            "How to go on from pre-trained weights: rate, thawing, encoder alone? Validation part.",
            {
                "random": _random,
                **{
                    f"{name} {words}": fine(_set, name, words=words, **options)
                    for name in ("PGL", "InfoNCE", "global", "restoration")
                    for words, options in GOING_ON.items()
                },
            },
            settings=labelled(FEW[_set], 4, pretraining=0),
        ),
        choosing(
            _set,
            f"search_rates_{_set}",
            "Which learning rate, which number of updates, for each start by itself? Validation part.",
            {
                f"{name} rate {rate:g}": replace(
                    fine(_set, name, words=f"rate {rate:g}"), training={"lr": rate}
                )
                for name in ("random", "global", "PGL", "InfoNCE")
                for rate in RATES
            },
            baseline=f"random rate {RATES[1]:g}",
            settings=labelled(FEW[_set], pretraining=0)
            + labelled(FEW[_set], pretraining=0, updates=2 * UPDATES[_set])
            + labelled(FEW[_set], pretraining=0, updates=4 * UPDATES[_set]),
        ),
        features(
            _set,
            f"features_{_set}",
            "What do frozen features hold after each pre-training?",
            {**{name: probe(_set, name) for name in ("random", *KINDS)}, **in_tissue(_set)},
        ),
        tuning(
            _set,
            f"fine_tuning_{_set}",
            "From which weights does fine-tuning on few labelled patients end better, and sooner?",
            {"random": _random, **{name: fine(_set, name) for name in CORE}},
            settings=labelled(*LABELLED[_set]),
            watched=8,
        ),
        tuning(
            _set,
            f"controls_{_set}",
            "Do labels gain as much by the same compute, and what do other pre-trainings give?",
            {"random": _random, "random longer": control(_set), **{name: fine(_set, name) for name in KINDS}},
            watched=8,
        ),
        tuning(
            _set,
            f"curves_{_set}",
            "How does Dice grow with the number of updates, and from when on does it change little?",
            {"random": _random, **{name: fine(_set, name) for name in ("global", "PGL", "InfoNCE")}},
            settings=tuple(
                {"n_labelled": COMPARED[_set], "updates": round(UPDATES[_set] * times)} for times in LENGTHS
            ),
        ),
        tuning(
            _set,
            f"flips_{_set}",
            "May views be mirrored, each on its own or both alike?",
            {
                "random": _random,
                **{
                    f"{name} {flips}": fine(_set, name, words=flips, recipe={"flips": flips})
                    for name in ("PGL", "InfoNCE")
                    for flips in ("none", "together", "single")
                },
            },
        ),
        features(
            _set,
            f"flips_features_{_set}",
            "What do mirrored views do to the features?",
            {
                "random": probe(_set, "random"),
                **{
                    f"{name} {flips}": probe(_set, name, flips=flips)
                    for name in ("PGL", "InfoNCE")
                    for flips in ("none", "together", "single")
                },
            },
        ),
    )

for _target, _sources in SOURCES.items():
    _add(
        tuning(
            _target,
            f"transfer_{_target}",
            f"Do weights that were pre-trained on {' or '.join(_sources)} help on {_target}?",
            {
                "random": fine(_target, "random"),
                **{f"{name} of {_target}": fine(_target, name) for name in ("PGL", "InfoNCE")},
                **{
                    f"{name} of {source}": fine(_target, name, words=f"on {source}", source=source)
                    for name in ("PGL", "InfoNCE")
                    for source in _sources
                },
            },
        )
    )
