"""Semi-hard negatives from the Gram matrix, without a list of triplets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, compare, numbers
from segkit.exercises.registry import Wrong, exercise
from segkit.exercises.voxel_metric.watching import call_within
from segkit.voxel_metric import mine

Miner = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def _semi_hard(
    z: Tensor,
    labels: Tensor,
    positive: Tensor,
    margin: float,
    *,
    root: bool = False,
    farthest: bool = False,
    everybody: bool = False,
    fallback: bool = True,
    endless: bool = False,
) -> Tensor:
    distance = (2 - 2 * z @ z.T).clamp(min=0)
    distance = distance.sqrt() if root else distance
    near = distance.gather(1, positive[:, None])
    other = labels[:, None] != labels
    window = (distance > near) & ((distance < near + margin) | endless) & (other | everybody)
    if farthest:
        best = torch.where(window, -distance, torch.inf).argmin(1)
    else:
        best = torch.where(window, distance, torch.inf).argmin(1)
    if not fallback:
        return best
    hardest = torch.where(other, distance, torch.inf).argmin(1)
    return torch.where(window.any(1), best, hardest)


def _hardest(z: Tensor, labels: Tensor, positive: Tensor, margin: float) -> Tensor:
    return (z @ z.T).masked_fill(labels[:, None] == labels, -torch.inf).argmax(1)


def _enumerated(z: Tensor, labels: Tensor, positive: Tensor, margin: float) -> Tensor:
    """Right, by all triplets at once."""
    distance = 2 - 2 * z @ z.T
    hinge = distance[:, :, None] - distance[:, None, :]
    own = hinge[torch.arange(len(z)), positive]
    other = labels[:, None] != labels
    window = other & (own < 0) & (own > -margin)
    best = torch.where(window, distance, torch.inf).argmin(1)
    return torch.where(window.any(1), best, _hardest(z, labels, positive, margin))


def _by_pairs(z: Tensor, labels: Tensor, positive: Tensor, margin: float) -> Tensor:
    """Right, by two loops."""
    found = []
    for a, p in enumerate(positive):
        near = 2 - 2 * z[a] @ z[p]
        best, hardest = (torch.inf, -1), (torch.inf, -1)
        for n in range(len(z)):
            if labels[n] == labels[a]:
                continue
            far = 2 - 2 * z[a] @ z[n]
            hardest = min(hardest, (float(far), n))
            if near < far < near + margin:
                best = min(best, (float(far), n))
        found.append((best if best[1] >= 0 else hardest)[1])
    return torch.tensor(found)


def _by_library(z: Tensor, labels: Tensor, positive: Tensor, margin: float) -> Tensor:
    triplets = mine(z, labels, margin=margin)
    return torch.zeros_like(positive).index_put((triplets.anchor,), triplets.negative)


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda z, labels, positive, margin: _semi_hard(z, labels, positive, margin, **changes), hint)


MISTAKES = {
    "hardest": Wrong(
        _hardest,
        "You always take the nearest negative: that is batch-hard, which takes wrong labels first.",
    ),
    "no upper end": _mistake(
        "Your window has no upper end: what lies farther than the margin gives no gradient.", endless=True
    ),
    "farthest": _mistake("You take the farthest negative of the window, not the nearest.", farthest=True),
    "everybody": _mistake("Some of your negatives are of the anchor's own class.", everybody=True),
    "no fallback": _mistake(
        "Where a window is empty the nearest negative is asked for; yours is row 0, the `argmin` of a row of "
        "infinities.",
        fallback=False,
    ),
    "un-squared": _mistake(
        "Your window is on distances d; on squared distances D the same margin is another window.",
        root=True,
    ),
    "cosine": Wrong(
        lambda z, labels, positive, margin: _semi_hard(z, labels, positive, 2 * margin),
        "Your window is twice as wide as asked: with D = 2 − 2 cos, how much of a cosine is a margin on D?",
    ),
}
OTHERS = {
    "enumerated": Wrong(_enumerated, "An array of shape (96, 96, 96) comes up in your function"),
    "one by one": Wrong(_by_pairs, "it goes through pairs one by one"),
    "library": Wrong(_by_library, "Your function calls `mine` of segkit"),
}


@exercise(
    "voxel_metric.semi_hard",
    kind="implement",
    minutes=15,
    start="One matrix product gives all D. Which entries of row a are in its window? Mask the others.",
    wrong={**MISTAKES, **OTHERS},
)
def check_semi_hard(answer: Any) -> None:
    inputs = _inputs()
    call_by_hand(answer, *inputs[0], room="segkit.voxel_metric")
    m = len(inputs[-1][0])
    found = numbers(call_within(answer, *inputs[-1], numbers=4 * m * m, operations=60 * m))
    if found.shape != (m,):
        raise Hint(
            f"One row number for each of {m} anchors is expected, not an array of shape {found.shape}."
        )
    compare(answer, _semi_hard, inputs, mistakes=MISTAKES, tolerance=1e-9)


def _inputs() -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """Pools in which some windows are empty, because all negatives are nearer or all farther."""
    inputs = []
    for m, d, classes, margin in ((12, 2, 2, 0.2), (30, 3, 3, 0.5), (96, 4, 4, 0.2)):
        generator = torch.Generator().manual_seed(m)
        labels = torch.arange(m) % classes
        labels[0] = classes  # alone in its class
        labels = labels[torch.randperm(m, generator=generator)]
        centres = torch.randn(classes + 1, d, generator=generator, dtype=torch.float64)
        u = centres[labels] + 0.7 * torch.randn(m, d, generator=generator, dtype=torch.float64)
        inputs.append((u / u.norm(dim=1, keepdim=True), labels, _next_of_class(labels), margin))
    return inputs


def _next_of_class(labels: Tensor) -> Tensor:
    """For each row the next one of its class, cyclically."""
    positive = torch.empty_like(labels)
    for k in labels.unique():
        rows = (labels == k).nonzero()[:, 0]
        positive[rows] = rows.roll(-1)
    return positive
