"""What chapter 6 tries on the validation part: weights, learning rates, and readings of the paper."""

from __future__ import annotations

from typing import Any

from segkit.experiments.plan import Arm
from segkit.experiments.plans._coarse_refined_arms import ARMS, BOTH, arm, changed, reranked

WEIGHTS: dict[str, tuple[float, ...]] = {
    "mean teacher": (0.1, 1.0, 10.0),
    "UA-MT": (0.1, 1.0, 10.0),
    "CPS": (0.1, 1.0, 10.0),
    "URPC": (0.01, 0.1, 1.0),
    "MC-Net+": (0.01, 0.1, 1.0),
    "entropy": (0.1, 1.0),
    "weak to strong": (0.1, 1.0),
    "mean teacher strong": (0.1, 1.0),
    "CRII-Net": (0.1, 1.0, 10.0),
}
"""Of the unlabelled term, two for every method: the one of public code, and ten times as much (for "weak to
strong", whose own is 1, a tenth). A third where the better of two was at an end of which more is to be asked:
a hundred times for the four that gained from ten, a tenth for the two that fell below no term at all."""

RATE = 1e-2
"""A learning rate besides 3e-3, tried with three arms; all arms then take one."""

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
    "C0 one view": changed("CRII-Net", strong=False),
    "C1 one view": changed("CRII-Net", kind="symmetric", strong=False),
    **{
        f"C{i} {kind}": changed("CRII-Net", kind=kind)
        for i, kind in enumerate(("kl", "hard", "sharpened"), start=2)
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
"""One change at a time to "CRII-Net", which is A (residual refiner), C0 (detached target) and R1 (lists).

Between two views the target has no gradient in any case: C1 needs a single view, and C0 on one beside it."""

LABELLED_MIXED: dict[str, dict[str, Any]] = {
    "own 0.1": {"own": True, "weight": 0.1},
    "average 1": {"weight": 1.0},
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
    **{
        name: ARMS[name]
        for name in ("labelled mixing", "labelled mixing + consistency", "labelled mixing + CRII-Net")
    },
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
