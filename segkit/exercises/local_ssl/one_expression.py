"""From a point of the volume to an index of a feature map: crop, scale, mirror and stride at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import compare
from segkit.exercises.local_ssl.room import ROOM
from segkit.exercises.registry import Wrong, exercise
from segkit.local_ssl import Placement

Share = Callable[[Tensor, Tensor, Tensor], Tensor]


def _share(u: Tensor, low: Tensor, size: Tensor) -> Tensor:
    return (u - low) / size


def _index(
    u: Tensor,
    low: Tensor,
    size: Tensor,
    n: Tensor,
    flip: Tensor,
    stride: Tensor,
    centre: Tensor,
    *,
    share: Share = _share,
    mirrored: Callable[[Tensor, Tensor], Tensor] = lambda x, n: n - x,
    half: float = 0.5,
    start: str = "given",
) -> Tensor:
    x = share(u, low, size) * n
    x = torch.where(flip, mirrored(x, n), x)
    even = (stride - 1) / 2
    first = {"given": centre, "even": even, "zero": 0 * centre}[start]
    return (x - half - first) / stride


def _mirrored_cells(u: Tensor, low: Tensor, size: Tensor, n: Tensor, flip: Tensor, *grid: Tensor) -> Tensor:
    """Counts the features of the unmirrored view from the other end."""
    j = _index(u, low, size, n, torch.zeros_like(flip), *grid)
    return torch.where(flip, n / grid[0] - 1 - j, j)


def _by_library(u: Tensor, low: Tensor, size: Tensor, n: Tensor, flip: Tensor, *grid: Tensor) -> Tensor:
    box = {"low": low.tolist(), "size": size.tolist(), "flips": flip.tolist()}
    place = Placement.of(**box, shape=n.int().tolist(), extent=n.int().tolist())
    return (place.to_view(u[None])[0] - 0.5 - grid[1]) / grid[0]


def _mistake(hint: str, **changes: Any) -> Wrong:
    return Wrong(lambda *arguments: _index(*arguments, **changes), hint)


MISTAKES = {
    "no half": _mistake(
        "Yours is half a voxel too far: the centre of voxel 0 lies at ½, and an index counts centres.",
        half=0.0,
    ),
    "even cells": _mistake(
        "You take every feature for centred on its block; here feature 0 is centred on voxel `centre`.",
        start="even",
    ),
    "first voxel": _mistake(
        "You take feature 0 for centred on voxel 0, whatever `centre` says.", start="zero"
    ),
    "not mirrored": _mistake("Yours does not see that the view is mirrored.", mirrored=lambda x, n: x),
    "mirrored index": _mistake(
        "You mirror as if x were an index, n − 1 − x; in extents the view reaches from 0 to n.",
        mirrored=lambda x, n: n - 1 - x,
    ),
    "mirrored features": Wrong(
        _mirrored_cells,
        "You undo the mirror on the features. The network saw the mirrored view: its first feature lies at "
        "`centre` of that one.",
    ),
    "not scaled": _mistake(
        "Yours forgets that the box was resized: s voxels of the volume became n.",
        share=lambda u, low, size: u - low,
        mirrored=lambda x, n: n - x,
    ),
    "scaled twice": _mistake(
        "The scale is turned round: a point in the middle of the box lies in the middle of the view.",
        share=lambda u, low, size: (u - low) * size,
    ),
    "crop after scale": _mistake(
        "You scale before you crop: ℓ is in voxels of the volume and must be taken off there.",
        share=lambda u, low, size: u / size - low,
    ),
}


@exercise(
    "local_ssl.one_expression",
    kind="implement",
    minutes=15,
    start="Which share of the box lies before u? Which share of the view, if the view is mirrored?",
    wrong={**MISTAKES, "library": Wrong(_by_library, "Your function calls `of` of segkit")},
)
def check_one_expression(answer: Any) -> None:
    inputs = _inputs()
    call_by_hand(answer, *inputs[0], room=ROOM)
    compare(answer, _index, inputs, mistakes=MISTAKES, tolerance=1e-6)


def _inputs() -> list[tuple[Tensor, ...]]:
    """Points of a few boxes, mirrored along no axis, some and all; centres are neither even nor 0."""
    inputs: list[tuple[Tensor, ...]] = []
    for number, flips in enumerate(([False, True, True], [True, False, True], [False, False, True])):
        generator = torch.Generator().manual_seed(number)
        low, size, at = torch.rand(3, 3, generator=generator, dtype=torch.float64)
        low, size = 2 + 9 * low, 10 + 20 * size
        points = low + size * torch.rand(5, 3, generator=generator, dtype=torch.float64)
        n, stride = torch.tensor([16.0, 24.0, 32.0]).double(), torch.tensor([2.0, 4.0, 8.0]).double()
        inputs.append((points, low, size, n, torch.tensor(flips), stride, 0.2 + 0.5 * at))
    return inputs
