"""The gather that mixes channels and voxels, and its repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, Unanswered, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise
from segkit.voxel_metric import VoxelSample, gather_voxels

Gather = Callable[[Tensor, Tensor], Tensor]

TOY = torch.stack([torch.arange(12.0), 100 + torch.arange(12.0)]).reshape(1, 2, 3, 4)
PICKED = torch.isin(torch.arange(12), torch.tensor([1, 4, 7, 10])).reshape(1, 3, 4)
"""The features and the mask of the task: voxel v has the vector (v, 100 + v)."""


def _script(features: Tensor, mask: Tensor) -> Tensor:
    """What public code does."""
    return features[mask[:, None].expand_as(features)].reshape(-1, features.shape[1])


def _rows(features: Tensor, mask: Tensor) -> Tensor:
    return features.movedim(1, -1)[mask]


def _by_library(features: Tensor, mask: Tensor) -> Tensor:
    image, voxel = mask.flatten(1).nonzero().unbind(1)
    return gather_voxels(features, VoxelSample(image, voxel, torch.zeros_like(image)))


MISTAKES = {
    "the script": Wrong(
        _script,
        "That is the script's result: your rows are runs of one channel, not the channels of one voxel.",
    ),
    "one image": Wrong(
        lambda features, mask: features[mask[:, None].expand_as(features)].reshape(features.shape[1], -1).T,
        "Right for a batch of one image; with more of them channel 0 of the first is not followed by channel "
        "0 of the second.",
    ),
    "reshaped": Wrong(
        lambda features, mask: features.reshape(-1, features.shape[1])[mask.flatten()],
        "A reshape does not move an axis: it cuts the same sequence of numbers into other pieces.",
    ),
    "columns": Wrong(
        lambda features, mask: _rows(features, mask).T,
        "Every vector is whole, but it is a column of yours: one voxel per row is asked for.",
    ),
}
CUT_OFF = "The values are right, but no gradient flows back to the features: nothing would be learned."
EMPTY = "Where the mask is empty a result of shape (0, C) is expected."
AS_HOPED = "Those are the rows that the script should return. What does it return?"
RIGHT = _script(TOY, PICKED)


@exercise(
    "voxel_metric.gather",
    kind="implement",
    minutes=10,
    start="In which order does boolean indexing walk through (B, C, *S)? Write down what it picks.",
    wrong={
        **{name: Wrong((RIGHT, each.answer), each.hint) for name, each in MISTAKES.items()},
        "as hoped": Wrong((_rows(TOY, PICKED), _rows), AS_HOPED),
        "sorted by voxel": Wrong((RIGHT[[0, 2, 1, 3]], _rows), "Row 1 of your prediction is not"),
        "cut off": Wrong((RIGHT, lambda features, mask: _rows(features.detach(), mask)), CUT_OFF),
        "stacked": Wrong((RIGHT, lambda f, m: torch.stack(list(f.movedim(1, -1)[m]))), EMPTY),
        "library": Wrong((RIGHT, _by_library), "Your function calls `gather_voxels` of segkit"),
    },
)
def check_gather(answer: Any) -> None:
    try:
        predicted, gather = answer
    except (TypeError, ValueError):
        raise Hint("Pass a pair to check(): (predicted, gather).") from None
    if predicted is Ellipsis or predicted is None:
        raise Unanswered
    _judge_prediction(predicted)
    inputs = _inputs()
    features, mask = inputs[0]
    rows = call_by_hand(gather, features.clone().requires_grad_(), mask, room="segkit.voxel_metric")
    if isinstance(rows, list | tuple):
        raise Hint("Return one tensor of shape (M, C), not a list of rows.")
    numbers(rows)
    compare(gather, _rows, inputs, mistakes=MISTAKES, tolerance=1e-12)
    if not getattr(rows, "requires_grad", False):
        raise Hint(CUT_OFF)
    found, wanted = (numbers(call(_slopes(each), features, mask)) for each in (gather, _rows))
    if not same(found, wanted, 1e-9):
        raise Hint("The values are right, but the gradient of a row does not end at its voxel.")
    nothing = torch.zeros_like(mask)
    try:
        shape = numbers(call(gather, features, nothing)).shape
    except Unanswered:
        raise
    except Hint as hint:
        raise Hint(f"{EMPTY} {hint}") from None
    if shape != (0, features.shape[1]):
        raise Hint(f"{EMPTY} Yours has the shape {shape}.")


def _inputs() -> list[tuple[Tensor, Tensor]]:
    """Batches with another number of chosen voxels in each image, one of them in channels-last memory."""
    inputs = []
    for seed, shape in enumerate([(2, 3, 4, 5), (1, 4, 6, 5), (3, 4, 2, 5, 3)]):
        generator = torch.Generator().manual_seed(seed)
        features = torch.randn(shape, generator=generator, dtype=torch.float64)
        mask = torch.rand(shape[0], *shape[2:], generator=generator) < 0.4
        inputs.append((features.to(memory_format=torch.channels_last) if seed == 1 else features, mask))
    return inputs


def _judge_prediction(predicted: Any) -> None:
    given = numbers(predicted)
    if given.shape != tuple(RIGHT.shape):
        raise Hint(f"Your prediction has the shape {given.shape}; the script returns {tuple(RIGHT.shape)}.")
    if same(given, numbers(_rows(TOY, PICKED)), 1e-6):
        raise Hint(AS_HOPED)
    for j, (row, right) in enumerate(zip(given, numbers(RIGHT), strict=True)):
        if not same(row, right, 1e-6):
            raise Hint(f"Row {j} of your prediction is not what the script returns; run it, and ask why.")


def _slopes(gather: Gather) -> Gather:
    """The function that returns the gradient of the rows, each with another weight, by the features."""

    def slopes(features: Tensor, mask: Tensor) -> Tensor:
        leaf = features.clone().requires_grad_()
        rows = gather(leaf, mask)
        weights = torch.arange(rows.numel(), dtype=rows.dtype).reshape(rows.shape)
        return torch.autograd.grad((rows * weights).sum(), leaf)[0]

    return slopes
