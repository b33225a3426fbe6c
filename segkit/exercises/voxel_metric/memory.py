"""How many bytes the metric branch would take if it were written down carelessly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.judging import Hint, Unanswered, call, compare, numbers, same
from segkit.exercises.registry import Wrong, exercise

PARTS = ("dense map", "gathered rows", "Gram matrix", "triplets")
MIB = 2**20

Estimate = Callable[[Sequence[int], int, Tensor], dict[str, float]]


def _triplets(labels: Tensor) -> int:
    sizes = torch.bincount(labels).tolist()
    return sum(n * (n - 1) * (len(labels) - n) for n in sizes)


def _estimate(grid: Sequence[int], width: int, labels: Tensor) -> dict[str, float]:
    m = len(labels)
    sizes = (4 * math.prod(grid) * width, 4 * m * width, 4 * m * m, 24 * _triplets(labels))
    return dict(zip(PARTS, sizes, strict=True))


def _with(part: str, size: Callable[[Tensor], float]) -> Estimate:
    """Right but for the size of one part."""
    return lambda grid, width, labels: _estimate(grid, width, labels) | {part: size(labels)}


def _triplets_by(count: Callable[[int, int], float], *, first: int = 0) -> Estimate:
    """Right but for the triplets, of which a class of n of m voxels has `count(n, m)`."""

    def size(labels: Tensor) -> float:
        return 24 * sum(count(n, len(labels)) for n in torch.bincount(labels).tolist()[first:])

    return _with("triplets", size)


def _without_bytes(grid: Sequence[int], width: int, labels: Tensor) -> dict[str, float]:
    right = _estimate(grid, width, labels)
    return {part: size / (8 if part == "triplets" else 4) for part, size in right.items()}


MISTAKES = {
    "no bytes": Wrong(
        _without_bytes, "You count numbers; one of float32 takes four bytes, one of int64 takes eight."
    ),
    "own positive": Wrong(
        _triplets_by(lambda n, m: n * n * (m - n)), "In your triplets a voxel may be its own positive."
    ),
    "once": Wrong(
        _triplets_by(lambda n, m: n * (n - 1) * (m - n) / 2),
        "Half of the triplets are missing: every voxel is an anchor, and either one of each pair.",
    ),
    "any three": Wrong(
        _with("triplets", lambda labels: 24 * len(labels) ** 3),
        "Three voxels are a triplet only if two are of one class and the third is not.",
    ),
    "foreground": Wrong(
        _triplets_by(lambda n, m: n * (n - 1) * (m - n), first=1), "Voxels of the background are anchors too."
    ),
    "half a matrix": Wrong(
        _with("Gram matrix", lambda labels: 2 * len(labels) * (len(labels) - 1)),
        "The Gram matrix is symmetric, but a matrix product writes both of its halves.",
    ),
}
THE_TASK = ((128, 128, 128), 32, torch.arange(512) % 2)


def _in_mib(estimate: Estimate, unit: float = MIB) -> dict[str, float]:
    return {part: size / unit for part, size in estimate(*THE_TASK).items()}


RIGHT = _in_mib(_estimate)
DECIMAL = "You divided by a million; a MiB has 2²⁰ bytes."


@exercise(
    "voxel_metric.memory",
    kind="measure",
    minutes=10,
    start="Anchor, another voxel of its class, a voxel of another class: how many are there of each?",
    wrong={
        **{
            name: Wrong((RIGHT, each.answer), f"Your function: {each.hint}")
            for name, each in MISTAKES.items()
        },
        "decimal": Wrong((_in_mib(_estimate, 1e6), _estimate), DECIMAL),
        "predicted numbers": Wrong((_in_mib(_without_bytes), _estimate), "You count numbers;"),
        "predicted once": Wrong((_in_mib(MISTAKES["once"].answer), _estimate), "Half of the triplets"),
    },
)
def check_memory(answer: Any) -> None:
    try:
        predicted, estimate = answer
    except (TypeError, ValueError):
        raise Hint("Pass a pair to check(): (predicted, estimate).") from None
    _judge_prediction(_parts(predicted, "`predicted`"))
    generator = torch.Generator().manual_seed(1)
    inputs = [
        ((64, 80, 48), 16, torch.randint(3, (50,), generator=generator)),
        ((1024, 1024, 1024), 256, torch.tensor([0, 0, 0, 1, 1, 3])),
        ((40, 40), 8, torch.tensor([2, 2, 2])),
    ]
    _parts(call(estimate, *inputs[0]), "What your function returns")
    mistakes = {
        name: Wrong(_as_list(each.answer), f"Your function: {each.hint}") for name, each in MISTAKES.items()
    }
    compare(_as_list(estimate), _as_list(_estimate), inputs, mistakes=mistakes, tolerance=1e-13)


def _parts(sizes: Any, what: str) -> dict[str, float]:
    """The four sizes in their order."""
    if sizes is Ellipsis or sizes is None:
        raise Unanswered
    if not isinstance(sizes, Mapping) or set(sizes) != set(PARTS):
        raise Hint(f"{what} must be a dictionary with the keys {', '.join(map(repr, PARTS))}.")
    if any(size is Ellipsis or size is None for size in sizes.values()):
        raise Unanswered
    found = {part: numbers(sizes[part]) for part in PARTS}
    if any(size.ndim for size in found.values()):
        raise Hint(f"{what} must hold one number for each key.")
    return {part: float(size) for part, size in found.items()}


def _as_list(estimate: Estimate) -> Callable[..., list[float]]:
    return lambda *arguments: list(_parts(estimate(*arguments), "What your function returns").values())


def _judge_prediction(predicted: dict[str, float]) -> None:
    def fits(right: dict[str, float]) -> bool:
        return all(same(numbers(predicted[part]), numbers(right[part]), 1e-3) for part in PARTS)

    if fits(RIGHT):
        return
    if fits(_in_mib(_estimate, 1e6)):
        raise Hint(DECIMAL)
    for mistake in MISTAKES.values():
        if fits(_in_mib(mistake.answer)):
            raise Hint(mistake.hint)
    for part in PARTS:
        if not same(numbers(predicted[part]), numbers(RIGHT[part]), 1e-3):
            raise Hint(f"Your prediction for the {part} is not right: {predicted[part]:.6g} MiB.")
