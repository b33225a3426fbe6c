"""Which images count when gradients are accumulated over micro-batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.judging import Hint, Unanswered, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise

LOSSES = (0.9, 0.8, 0.3, 0.1)
SHARE = 0.5
"""The four images of the task, and the share of them that is selected."""


def _top(losses: Tensor, k: int) -> Tensor:
    weights = torch.zeros_like(losses)
    weights[losses.topk(k).indices] = 1 / k
    return weights


def _measured(losses: Tensor, share: float, micro_batch: int) -> Tensor:
    parts = losses.split(micro_batch)
    return torch.cat([_top(part, max(1, math.ceil(share * len(part)))) for part in parts]) / len(parts)


def _k_of_all(losses: Tensor, share: float, micro_batch: int) -> Tensor:
    k, parts = math.ceil(share * len(losses)), losses.split(micro_batch)
    return torch.cat([_top(part, min(k, len(part))) for part in parts]) / len(parts)


def _added(losses: Tensor, share: float, micro_batch: int) -> Tensor:
    return _measured(losses, share, micro_batch) * len(losses) / micro_batch


def _one_batch(losses: Tensor, share: float, micro_batch: int) -> Tensor:
    return _measured(losses, share, len(losses))


MISTAKES = {
    "one batch": Wrong(
        _one_batch,
        "You select among all images at once, but a micro-batch is over before the next is seen.",
    ),
    "added": Wrong(
        _added, "Your weights add up to the number of micro-batches: their gradients are averaged."
    ),
    "k of all": Wrong(_k_of_all, "k is a share of the images of one micro-batch, not of all."),
}
ALONE = Wrong(
    {4: [0.5, 0.5, 0, 0], 2: [0.5, 0, 0.5, 0], 1: [1, 0, 0, 0]},
    "A micro-batch of one image: is there another one that it could be preferred to?",
)


def _predictions(rule: Any) -> dict[int, list[float]]:
    return {size: rule(torch.tensor(LOSSES), SHARE, size).tolist() for size in (4, 2, 1)}


@exercise(
    "loss_envelope.micro_batches",
    kind="measure",
    minutes=10,
    start="Cut the four losses into micro-batches first. How many images of each are selected?",
    wrong={
        **{name: Wrong((_predictions(each.answer), _measured), each.hint) for name, each in MISTAKES.items()},
        "none left": Wrong((ALONE.answer, _measured), ALONE.hint),
        "measured at once": Wrong(
            (_predictions(_measured), _one_batch), "Your measurement: You select among all"
        ),
        "measured sum": Wrong((_predictions(_measured), _added), "Your measurement: Your weights add up"),
    },
)
def check_micro_batches(answer: Any) -> None:
    try:
        predicted, measure = answer
    except (TypeError, ValueError):
        raise Hint("Pass a pair to check(): (predicted, measure).") from None
    if predicted is Ellipsis or predicted is None:
        raise Unanswered
    if not isinstance(predicted, Mapping) or set(predicted) != {4, 2, 1}:
        raise Hint("`predicted` has three entries, for micro-batches of 4, 2 and 1 images.")
    if any(each is Ellipsis or each is None for each in predicted.values()):
        raise Unanswered
    _judge_prediction({size: numbers(each).tolist() for size, each in predicted.items()})
    inputs = [(torch.tensor(LOSSES, dtype=torch.float64), SHARE, size) for size in (4, 2, 1)]
    more = torch.rand(12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    inputs += [(more, 0.25, size) for size in (12, 6, 3, 1)]
    mistakes = {name: Wrong(each.answer, f"Your measurement: {each.hint}") for name, each in MISTAKES.items()}
    compare(measure, _measured, inputs, mistakes=mistakes)


def _judge_prediction(predicted: dict[int, Any]) -> None:
    def fits(right: Mapping[int, Any], *, sizes: tuple[int, ...] = (4, 2, 1)) -> bool:
        return all(same(numbers(predicted[size]), numbers(right[size]), 1e-2) for size in sizes)

    right = _predictions(_measured)
    if fits(right):
        return
    for mistake in MISTAKES.values():
        if fits(_predictions(mistake.answer)):
            raise Hint(mistake.hint)
    if fits(right, sizes=(4, 2)):
        raise Hint(ALONE.hint)
    first = next(size for size in (4, 2, 1) if not fits(right, sizes=(size,)))
    raise Hint(f"Your prediction for micro-batches of {first} is not what happens; measure, and ask why.")
