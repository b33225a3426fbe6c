"""Segmenting a prepared case, and its Dice on the prepared grid while a network is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from segkit.data import PreparedCase
from segkit.data.case import Case
from segkit.evaluate import Measure, evaluate_case, predict_probs, summarise
from segkit.evaluate.inference import Predictor
from segkit.recipes.settings import Section
from segkit.train import fastest_precision

Segmenter = Callable[[Case], Tensor]
"""A case as `PreparedCase.load` gives it → class probabilities `(K, *S)` on its grid."""

AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": None}


def windowed(
    predict: Predictor, *, patch: Sequence[int], inference: Section, flips: Sequence[int] = ()
) -> Segmenter:
    """A segmenter that slides a window over the case, on the device of what predicts.

    Args:
        predict: images (B, C, *S) → class probabilities; a method of a module, or a module.
        patch: the window.
        inference: the section `inference` of the settings.
        flips: axes that are mirrored.
    """
    device = device_of(predict)
    return lambda case: predict_probs(
        predict, case.image, patch=patch, flips=flips, overlap=inference.overlap,
        batch_size=inference.batch_size, device=device, autocast=AUTOCAST[fastest_precision(device)],
    )  # fmt: skip


def mean_dice(segment: Segmenter, cases: Sequence[PreparedCase]) -> dict[str, float]:
    """Mean Dice of each structure, and of all of them as "dice", of labelled cases on the prepared grid."""
    found: dict[str, list[Measure]] = {}
    for prepared in cases:
        case = prepared.load()
        for name, measures in measured(segment(case).argmax(0), case, metrics=["dice"]).items():
            found.setdefault(f"dice.{name}", []).append(measures["dice"])
    means = {name: summarise(measures).mean for name, measures in found.items()}
    return {"dice": sum(means.values()) / len(means), **means}


def measured(labels: Tensor, truth: Case, **options: Any) -> dict[str, dict[str, Measure]]:
    """`evaluate_case` over the voxels that somebody annotated; elsewhere both count as background."""
    assert truth.label is not None, "only labelled cases are measured"
    unknown = truth.label < 0
    if not unknown.any():
        return evaluate_case(labels, truth, **options)
    known = truth.with_(label=truth.label.masked_fill(unknown, 0))
    return evaluate_case(labels.masked_fill(unknown, 0), known, **options)


def device_of(predict: Any) -> torch.device:
    """Where the module behind a predictor lies; the CPU where there is none."""
    module = getattr(predict, "__self__", predict)
    parameters = module.parameters() if isinstance(module, torch.nn.Module) else iter(())
    first = next(parameters, None)
    return torch.device("cpu") if first is None else first.device
