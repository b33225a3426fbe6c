"""How many voxels of each class a σ leaves, at the start of the training."""

from __future__ import annotations

import math
from typing import Any

from segkit.exercises.judging import compare
from segkit.exercises.registry import Wrong, exercise


def _share(n: int, sigma: float) -> int:
    return math.floor(sigma * n + 1e-9)


def _left_of_image(counts: list[int], dropped: int, *, largest_first: bool = False) -> list[int]:
    left = list(counts)
    for c in sorted(range(len(counts)), key=lambda c: counts[c], reverse=largest_first):
        gone = min(dropped, left[c])
        left[c], dropped = left[c] - gone, dropped - gone
    return left


def _left(counts: list[int], sigma: float, scope: str) -> list[int]:
    if scope == "class":
        return [n - _share(n, sigma) for n in counts]
    return _left_of_image(counts, _share(sum(counts), sigma))


def _by_scope(image: Any) -> Any:
    """Right for the scope "class", and by `image` for the other."""
    return lambda counts, sigma, scope: (
        image(counts, sigma) if scope == "image" else _left(counts, sigma, scope)
    )


VOXELS_LEFT = {
    "a share of each": Wrong(
        lambda counts, sigma, scope: _left(counts, sigma, "class"),
        "With scope 'image' no class is spared: the largest losses of the image go, whosever they are.",
    ),
    "largest class first": Wrong(
        _by_scope(
            lambda counts, sigma: _left_of_image(counts, _share(sum(counts), sigma), largest_first=True)
        ),
        "You begin with the most frequent class, whose losses are the smallest.",
    ),
    "share of the foreground": Wrong(
        _by_scope(lambda counts, sigma: _left_of_image(counts, _share(sum(counts[1:]), sigma))),
        "With scope 'image' σ is a share of all voxels, those of the background included.",
    ),
    "rarest alone": Wrong(
        _by_scope(
            lambda counts, sigma: [
                max(0, n - _share(sum(counts), sigma)) if n == min(filter(None, counts)) else n
                for n in counts
            ]
        ),
        "Once the rarest class has no voxel left, the next rarest is dropped from.",
    ),
    "rounded up": Wrong(
        lambda counts, sigma, scope: (
            [n - math.ceil(sigma * n) for n in counts] if scope == "class" else _left(counts, sigma, scope)
        ),
        "Round down: yours takes the only voxel of a class that has one.",
    ),
}


@exercise(
    "loss_envelope.voxels_left",
    kind="measure",
    minutes=10,
    start="How many voxels are dropped in all? Take them from the rarest class first, then from the next.",
    wrong=VOXELS_LEFT,
)
def check_voxels_left(answer: Any) -> None:
    inputs = [
        ([900, 60, 25, 15], sigma, scope) for scope in ("class", "image") for sigma in (0.02, 0.03, 0.08, 0.3)
    ]
    inputs += [([5000, 1, 0, 300], 0.1, "class"), ([70, 0, 90, 400], 0.15, "image")]
    compare(answer, _left, inputs, mistakes=VOXELS_LEFT, tolerance=1e-9)
