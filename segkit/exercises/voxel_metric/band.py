"""The band on both sides of a contour, in mm, on a grid whose voxels are no cubes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor

from segkit.data import contour_band
from segkit.exercises.by_hand import call_by_hand
from segkit.exercises.judging import Hint, call, compare, numbers
from segkit.exercises.registry import Wrong, exercise


def _to_other_side(mask: NDArray, steps: Sequence[float]) -> NDArray:
    """Distance of each voxel from the nearest one on the other side."""
    away: NDArray = np.where(mask, distance_transform_edt(mask, steps), distance_transform_edt(~mask, steps))
    return away


def _band(mask: Tensor, width_mm: float, spacing_mm: Sequence[float]) -> NDArray:
    inside = mask.numpy()
    if inside.all() or not inside.any():
        return np.zeros_like(inside)
    return _to_other_side(inside, spacing_mm) <= width_mm


def _grown(mask: NDArray, width_mm: float, spacing_mm: Sequence[float], *, even: bool) -> NDArray:
    """The mask and its complement, each grown by a box, and where they meet."""
    reach = [max(1, round(width_mm / step)) for step in spacing_mm]
    size = [n + 1 if even else 2 * n + 1 for n in reach]
    origin = [n - (n + 1) // 2 if even else 0 for n in reach]  # to lower indices alone
    inside, outside = (
        maximum_filter(part.astype(int), size, origin=origin, mode="constant") > 0 for part in (mask, ~mask)
    )
    both: NDArray = inside & outside
    return both


MISTAKES = {
    "voxels": Wrong(
        lambda mask, width, spacing: _to_other_side(mask.numpy(), [1.0] * mask.ndim) <= width,
        "You measure in voxels: along each axis that is another number of mm.",
    ),
    "even kernel": Wrong(
        lambda mask, width, spacing: _grown(mask.numpy(), width, spacing, even=True),
        "A kernel of reach + 1 voxels has no middle: it grows to one side, and your band lies askew on the "
        "contour.",
    ),
    "box": Wrong(
        lambda mask, width, spacing: _grown(mask.numpy(), width, spacing, even=False),
        "The corner of a box is farther away than its faces: your band is too wide at oblique contours.",
    ),
    "outside": Wrong(
        lambda mask, width, spacing: _band(mask, width, spacing) & ~mask.numpy(),
        "That is the part outside of the structure; its own border voxels belong to the band as well.",
    ),
    "inside": Wrong(
        lambda mask, width, spacing: _band(mask, width, spacing) & mask.numpy(),
        "That is the part inside of the structure; the background beside it belongs to the band as well.",
    ),
    "reversed": Wrong(
        lambda mask, width, spacing: _band(mask, width, spacing[::-1]),
        "The spacing is in the order of the axes; yours is the other way round.",
    ),
}
NOTHING = "Without a structure, or without anything beside it, there is no contour and no band."


def _unguarded(mask: Tensor, width_mm: float, spacing_mm: Sequence[float]) -> NDArray:
    return _to_other_side(mask.numpy(), spacing_mm) <= width_mm


@exercise(
    "voxel_metric.band",
    kind="implement",
    minutes=10,
    start="For each voxel: how many mm is it to the nearest voxel on the other side of the contour?",
    wrong={
        **MISTAKES,
        "nothing": Wrong(_unguarded, NOTHING),
        "library": Wrong(contour_band, "Your function calls `contour_band` of segkit"),
    },
)
def check_band(answer: Any) -> None:
    inputs = []
    for seed, (shape, spacing, width) in enumerate(_GRIDS):
        inputs.append((_blob(shape, spacing, seed), width, spacing))
    for room in ("segkit.voxel_metric", "segkit.data"):
        call_by_hand(answer, *inputs[0], room=room)
    compare(answer, _band, inputs, mistakes=MISTAKES, tolerance=1e-9)
    for mask in (torch.zeros(5, 6, 4, dtype=torch.bool), torch.ones(4, 5, dtype=torch.bool)):
        band = numbers(call(answer, mask, 30.0, (2.0,) * mask.ndim))
        if band.shape != tuple(mask.shape) or band.any():
            raise Hint(NOTHING)


_GRIDS: tuple[tuple[tuple[int, ...], tuple[float, ...], float], ...] = (
    ((7, 20, 22), (5.0, 1.25, 1.4), 4.1),
    ((18, 16), (1.5, 3.1), 5.0),
    ((12, 14, 9), (1.0, 2.2, 3.3), 6.0),
)
"""Shape, spacing and width. No distance between two voxels is just the width."""


def _blob(shape: Sequence[int], spacing: Sequence[float], seed: int) -> Tensor:
    """A ball with a bite out of it, beside the middle; it reaches the border of the image."""
    generator = np.random.default_rng(seed)
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing
    size = np.multiply(shape, spacing)
    centre = size * generator.uniform(0.3, 0.5, len(shape))
    far = np.linalg.norm(places - centre, axis=-1)
    bite = np.linalg.norm(places - centre - 0.25 * size.min(), axis=-1)
    return torch.from_numpy((far < 0.42 * size.min()) & (bite > 0.2 * size.min()))
