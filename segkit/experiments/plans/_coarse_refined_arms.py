"""Every arm of chapter 6, with the values of validation."""

from __future__ import annotations

from functools import partial
from typing import Any

from segkit.experiments.plan import Arm
from segkit.experiments.plans import _coarse_refined_data as data
from segkit.experiments.plans._coarse_refined import method


def arm(words: str, form: str, **options: Any) -> Arm:
    """An arm of one of `FORMS`."""
    return Arm(words, partial(method, form=form, **options))


BOTH, INTRA, INTER = ({"which": which, "weight": 0.1} for which in ("both", "intra", "inter"))

PASTED: dict[str, Any] = {"unlabelled": False, "own": True, "weight": 1.0}
"""Unlabelled images are not pasted; the net's own refined output is the target of both outputs."""

ARMS: dict[str, Arm] = {
    "supervised": arm("labelled images alone", "supervised"),
    "supervised 8": Arm(
        "labelled images alone, eight per update",
        partial(method, form="supervised"),
        batches=data.more_labelled,
    ),
    "zero weight": arm("unlabelled images pass through the net", "zero weight"),
    "mean teacher": arm("mean teacher, noise", "mean teacher", weight=1.0),
    "UA-MT": arm("uncertainty-aware mean teacher", "mean teacher", weight=1.0, uncertain=True),
    "CPS": arm("cross pseudo supervision", "CPS", weight=1.0),
    "URPC": arm("uncertainty-rectified pyramid consistency", "URPC", weight=0.01),
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
    "labelled mixing + consistency": arm(
        "labelled slices pasted into labelled ones, consistency on whole unlabelled ones",
        "mixed",
        **PASTED,
    ),
    "labelled mixing + CRII-Net": arm("and both ranked losses", "mixed", losses=BOTH, **PASTED),
    "CRII-Net": arm(
        "coarse-refined consistency, both ranked losses", "coarse-refined", weight=1.0, losses=BOTH
    ),
    "consistency same view": arm(
        "coarse follows refined, one view", "coarse-refined", weight=1.0, strong=False
    ),
    "consistency weak/strong": arm(
        "both follow the refined output of the weak view", "coarse-refined", weight=1.0
    ),
    "ranked only": arm(
        "both ranked losses, nothing of unlabelled images", "coarse-refined", weight=0.0, losses=BOTH
    ),
    "intra only": arm("the intra-patch ranked loss alone", "coarse-refined", weight=0.0, losses=INTRA),
    "inter only": arm("the inter-patch ranked loss alone", "coarse-refined", weight=0.0, losses=INTER),
}
"""Every arm of the chapter, with the values of validation (`choices`, `search`)."""

CLASSICAL = ("mean teacher", "UA-MT", "CPS", "URPC", "MC-Net+")
"""The five that the literature compares with."""


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
