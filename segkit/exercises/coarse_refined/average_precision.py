"""Average precision with steps made smooth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.coarse_refined import smooth_ap
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise

Loss = Callable[[Tensor, Tensor, float], Tensor]


def _loss(
    scores: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    step: Callable[[Tensor, float], Tensor] = lambda u, t: torch.sigmoid(u / t),
    turned: bool = False,
    itself: bool = False,
    numerator: str = "own",
    denominator: str = "all",
    mean: str = "own",
    one_minus: bool = True,
) -> Tensor:
    above = step(scores[:, None, :] - scores[:, :, None], temperature)  # [i, j]: is j above i?
    above = above.mT if turned else above
    if not itself:
        above = above * (1 - torch.eye(scores.shape[1], dtype=scores.dtype))
    own = targets[:, None, :].to(scores)
    counted = {"own": own, "one": 0 * own, "others": 1 - own, "all": 0 * own + 1}
    precision = (1 + (above * counted[numerator]).sum(2)) / (1 + (above * counted[denominator]).sum(2))
    count = targets.sum(1).clamp(min=1) if mean == "own" else scores.shape[1]
    average = (precision * targets).sum(1) / count
    loss = 1 - average if one_minus else average
    return torch.where(targets.any(1), loss, 0 * loss)


def _pooled(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """All lists as one."""
    return _loss(scores.reshape(1, -1), targets.reshape(1, -1), temperature).expand(len(scores))


def _without_guard(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
    right = _loss(scores, targets, temperature)
    count = targets.sum(1)
    return right * count / count  # 0 / 0 for a list without positives


def _masked_late(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Right values; the gradient goes through the 0 / 0 that is masked afterwards."""
    sums = (1 - _loss(scores, targets, temperature)) * targets.sum(1)
    return torch.where(targets.any(1), 1 - sums / targets.sum(1), 0 * sums)


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda scores, targets, t: _loss(scores, targets, t, **changes), hint)


MISTAKES = {
    "itself": _mistake(
        "You rank every pixel against itself: G(0) = ½ is in both sums, which run over j ≠ i.", itself=True
    ),
    "turned": _mistake(
        "Your ranks count from the lowest score: j stands above i where s_j − s_i is positive.", turned=True
    ),
    "background alone": _mistake(
        "Your denominator counts the background above i alone: a rank counts both sides.",
        denominator="others",
    ),
    "reciprocal rank": _mistake(
        "Your numerator is 1 for every pixel: it is the rank of i among the structure's own pixels.",
        numerator="one",
    ),
    "mean of all": _mistake("You average over all pixels of a list; only those of F count.", mean="all"),
    "precision": _mistake("That is the average precision; the loss is what it lacks to 1.", one_minus=False),
    "temperature": _mistake(
        "You multiply by τ; divided by it, a small τ makes the step steep.",
        step=lambda u, t: torch.sigmoid(u * t),
    ),
    "a step": _mistake(
        "That is the exact average precision, whose slope is 0 almost everywhere: put G in its steps.",
        step=lambda u, t: (u > 0).to(u),
    ),
    "pooled": Wrong(_pooled, "Pixels of several lists are ranked together: each row is a list of its own."),
    "no guard": Wrong(
        _without_guard, "A list without a pixel of F is 0 / 0 in yours; it has nothing to rank, and loss 0."
    ),
}
MASKED_LATE = (
    "The values are right, but the gradient is not a number: where a 0 / 0 is masked afterwards, its "
    "slope is there still."
)
CUT_OFF = "The values are right, but no gradient flows back to the scores: nothing would be learned."


@exercise(
    "coarse_refined.smooth_ap",
    kind="implement",
    minutes=15,
    start="Make one table of all s_j − s_i of a list. Which sums over its rows are the two ranks?",
    wrong={
        **MISTAKES,
        "masked late": Wrong(_masked_late, MASKED_LATE),
        "library": Wrong(
            lambda scores, targets, t: smooth_ap(scores, targets, temperature=t),
            "Your function calls `smooth_ap` of segkit",
        ),
    },
)
def check_smooth_ap(answer: Any) -> None:
    inputs = _inputs()
    call_by_hand(answer, *inputs[0], room="segkit.coarse_refined")
    # Rows without positives last, so that a second mistake does not hide behind 0 / 0.
    for some in (inputs[::2], inputs):
        compare(answer, _loss, some, mistakes=MISTAKES, tolerance=1e-6)
    for scores, targets, temperature in inputs:
        wanted = numbers(call(_slopes(_loss), scores, targets, temperature))
        found = numbers(call(_slopes(answer), scores, targets, temperature))
        if not np.isfinite(found).all():
            raise Hint(MASKED_LATE)
        if not found.any():
            raise Hint(CUT_OFF)
        if not same(found, wanted, 1e-5):
            raise Hint("The values are right, but their gradient is not that of the formula.")


def _inputs() -> list[tuple[Tensor, Tensor, float]]:
    """Lists of several lengths and temperatures; one has no positives, and some scores tie."""
    inputs = []
    for p, n, temperature in ((2, 6, 0.5), (3, 9, 0.1), (1, 12, 2.0)):
        generator = torch.Generator().manual_seed(n)
        scores = torch.randn(p, n, generator=generator, dtype=torch.float64)
        targets = torch.rand(p, n, generator=generator) < 0.4
        targets[:, :2], targets[:, 2] = torch.tensor([True, False]), True
        scores[:, 1] = scores[:, 0]
        inputs.append((scores, targets, temperature))
    inputs[1][1][1] = False
    return inputs


def _slopes(loss: Loss) -> Loss:
    """The function that returns the gradient of the losses, each with another weight, by the scores."""

    def slopes(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
        leaf = scores.clone().requires_grad_()
        losses = loss(leaf, targets, temperature)
        if not getattr(losses, "requires_grad", False):
            return torch.zeros_like(scores)
        weights = torch.arange(1, losses.numel() + 1, dtype=losses.dtype).reshape(losses.shape)
        (found,) = torch.autograd.grad((losses * weights).sum(), leaf, allow_unused=True)
        return torch.zeros_like(scores) if found is None else found

    return slopes
