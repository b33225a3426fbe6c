"""The rule that drops what lies far above the other losses of its class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.registry import Wrong, exercise
from segkit.loss_envelope import Spread


def _counts(
    losses: Tensor,
    labels: Tensor,
    factor: float,
    n_classes: int,
    *,
    power: float = 1.0,
    mean: float = 1.0,
    correction: int = 0,
    at_least: bool = False,
    pooled: bool = False,
) -> list[int]:
    counts = []
    for k in range(n_classes):
        own = losses[labels == k]
        group = losses[labels >= 0] if pooled else own
        if not len(own):
            counts.append(0)
            continue
        variance = (group - group.mean()).square().sum() / (len(group) - correction)
        threshold = mean * group.mean() + factor * variance ** (power / 2)
        counts.append(int((own >= threshold if at_least else own > threshold).sum()))
    return counts


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda losses, labels, factor, n: _counts(losses, labels, factor, n, **changes), hint)


MISTAKES = {
    "one threshold": _mistake(
        "You have one threshold for all: a rare class, whose losses are larger, pays for the others.",
        pooled=True,
    ),
    "no mean": _mistake(
        "The spread is counted from the mean of the class, not from a loss of zero.", mean=0.0
    ),
    "variance": _mistake("That is the variance; it has not the unit of a loss. Take its root.", power=2.0),
    "at least": _mistake(
        "Where all losses of a class are equal yours drops every one of them: above is not at least.",
        at_least=True,
    ),
    "sample": _mistake(
        "Divide by n; `std` divides by n − 1 unless told otherwise, and knows no spread of a single voxel.",
        correction=1,
    ),
    "ignored as background": Wrong(
        lambda losses, labels, factor, n: _counts(losses, labels.clamp(min=0), factor, n),
        "Voxels with the label −1 belong to no class; in yours they are background.",
    ),
    "shares": Wrong(
        lambda losses, labels, factor, n: [
            count / max(1, int((labels == k).sum()))
            for k, count in enumerate(_counts(losses, labels, factor, n))
        ],
        "Those are shares; numbers of voxels are asked for.",
    ),
}


def _by_library(losses: Tensor, labels: Tensor, factor: float, n_classes: int) -> Tensor:
    sizes = torch.stack([(labels == k).sum() for k in range(n_classes)])
    return Spread(factor).dropped(sizes[None], losses[None], labels[None])[0]


@exercise(
    "loss_envelope.spread_rule",
    kind="implement",
    minutes=10,
    start="Go through the classes: whose losses make up the mean and the spread, and which lie above?",
    wrong={**MISTAKES, "library": Wrong(_by_library, "Your function calls `dropped` of segkit")},
)
def check_spread_rule(answer: Any) -> None:
    inputs = []
    for n, n_classes, factor in ((400, 3, 1.0), (90, 3, 2.0), (60, 4, 0.7)):
        generator = torch.Generator().manual_seed(n)
        labels = torch.randint(-1, n_classes - 1, (n,), generator=generator)  # the last class is absent
        losses = torch.empty(n, dtype=torch.float64).exponential_(generator=generator)
        inputs.append((losses * (1 + 2 * labels.clamp(min=0)), labels, factor, n_classes))
    few = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2, 2])
    values = torch.tensor([0.1, 0.1, 0.1, 0.1, 2.0, 0.7, 0.4, 0.4, 0.4], dtype=torch.float64)
    inputs.append((values, few, 1.9, 3))
    call_by_hand(answer, *inputs[0], room="segkit.loss_envelope")
    compare(answer, _counts, inputs, mistakes=MISTAKES, tolerance=1e-9)
