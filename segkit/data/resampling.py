"""Images and labels on another grid over the same piece of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.data.case import Case
from segkit.errors import ConfigError, DataError, unknown_name

Interpolation = Literal["linear", "cubic"]
_REACH = {"linear": 1.0, "cubic": 2.0}


def resample(
    case: Case, spacing_mm: Sequence[float | None], *, interpolation: Interpolation = "linear"
) -> Case:
    """Bring a case to another voxel size.

    The new grid has the same centre and, but for rounding to whole voxels, the same extent, and the affine
    follows: what lay at a point in mm lies there still. Along an axis that gets coarser the kernel is widened
    to the new voxel, so that detail which the new grid cannot hold is averaged away and not aliased. Labels
    are interpolated linearly class by class, and a voxel gets the class with the largest share.

    Args:
        case: a case with spacing.
        spacing_mm: new voxel size along each axis of the image; None leaves an axis as it is.
        interpolation: "linear", or "cubic" (Keys' cubic convolution, a = −1/2): sharper, and may overshoot.

    Raises:
        DataError: if the case has no spacing.
        ConfigError: if `spacing_mm` does not fit the axes, or for another interpolation.

    Example:
        >>> from segkit.data import phantom
        >>> resample(phantom("hippocampus", 0), (2.0, 2.0, 2.0)).shape
        (18, 25, 18)
    """
    if case.spacing_mm is None:
        raise DataError(f"case {case.id} has no spacing, so it cannot be resampled to mm: use resize instead")
    shape, factors = resampled_grid(case.shape, case.spacing_mm, spacing_mm, case.id)
    return _regrid(case, shape, factors, interpolation)


def resampled_grid(
    shape: Sequence[int], old_mm: Sequence[float], new_mm: Sequence[float | None], id: str
) -> tuple[tuple[int, ...], list[float]]:
    """Shape of an image after `resample`, and how many old voxels a new one is long along each axis.

    Raises:
        ConfigError: if `new_mm` does not fit the axes.
    """
    if len(new_mm) != len(shape) or not all(s is None or s > 0 for s in new_mm):
        raise ConfigError(f"spacing_mm must be {len(shape)} positive numbers for {id}, got {tuple(new_mm)}")
    factors = [1.0 if b is None else b / a for a, b in zip(old_mm, new_mm, strict=True)]
    # The nudge keeps 64 × 1.0 / 0.8 = 79.99… from becoming 79 on one machine and 80 on another.
    return tuple(max(1, int(n / f + 0.5 + 1e-6)) for n, f in zip(shape, factors, strict=True)), factors


def resize(case: Case, shape: Sequence[int], *, interpolation: Interpolation = "linear") -> Case:
    """Bring a case to another number of voxels over exactly the same extent; works without spacing too.

    Otherwise as `resample`.

    Raises:
        ConfigError: if `shape` does not fit the axes, or for another interpolation.
    """
    new = tuple(int(n) for n in shape)
    if len(new) != len(case.shape) or min(new, default=0) < 1:
        raise ConfigError(f"shape must be {len(case.shape)} positive numbers for {case.id}, got {new}")
    return _regrid(case, new, [a / b for a, b in zip(case.shape, new, strict=True)], interpolation)


def _regrid(case: Case, shape: tuple[int, ...], factors: Sequence[float], interpolation: str) -> Case:
    if interpolation not in _REACH:
        raise unknown_name("interpolation", interpolation, _REACH)
    old = case.shape
    image = case.image
    for axis, (n, m, f) in enumerate(zip(old, shape, factors, strict=True)):
        image = _along(image, weights(n, m, f, interpolation), axis + 1)
    label = None if case.label is None else _vote(case.label, shape, factors)
    affine = regridded_affine(case.affine, old, shape, factors)
    spacing = case.spacing_mm and tuple(s * f for s, f in zip(case.spacing_mm, factors, strict=True))
    return case.with_(image=image.contiguous(), label=label, affine=affine, spacing_mm=spacing)


def regridded_affine(
    affine: NDArray[np.float64], old: Sequence[int], new: Sequence[int], factors: Sequence[float]
) -> NDArray[np.float64]:
    """The affine of a grid of another shape about the same centre."""
    moved = affine.copy()
    first = [((1 - m) * f + n - 1) / 2 for n, m, f in zip(old, new, factors, strict=True)]
    for axis, (start, f) in enumerate(zip(first, factors, strict=True)):
        moved[:3, 3] += affine[:3, axis] * start
        moved[:3, axis] *= f
    return moved


def weights(n: int, m: int, factor: float, interpolation: str) -> Tensor:
    """Matrix `(m, n)` that takes n samples to m, `factor` old voxels apart, about the same centre."""
    if n == m and abs(factor - 1) < 1e-9:
        return torch.eye(n)
    where = (np.arange(m) - (m - 1) / 2) * factor + (n - 1) / 2
    # Beyond the last centre there is nothing to interpolate with: hold the last value.
    where = np.clip(where, 0, n - 1) if factor < 1 else where
    x = np.abs(where[:, None] - np.arange(n)) / max(1.0, factor)
    if interpolation == "linear":
        w = np.clip(1 - x, 0, None)
    else:
        near = 1.5 * x**3 - 2.5 * x**2 + 1
        far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        w = np.where(x < 1, near, np.where(x < 2, far, 0))
    return torch.from_numpy((w / w.sum(1, keepdims=True)).astype(np.float32))


def _along(values: Tensor, w: Tensor, axis: int) -> Tensor:
    if w.shape[0] == w.shape[1] and torch.equal(w, torch.eye(len(w))):
        return values
    return torch.tensordot(values, w, dims=([axis], [1])).movedim(-1, axis)


def _vote(label: Tensor, shape: tuple[int, ...], factors: Sequence[float]) -> Tensor:
    """The class with the largest share; of equal shares the smaller class."""
    matrices = [weights(n, m, f, "linear") for n, m, f in zip(label.shape, shape, factors, strict=True)]
    winner = torch.zeros(shape, dtype=torch.int64)
    most = torch.full(shape, -1.0)
    for k in label.unique().tolist():
        share = (label == k).float()
        for axis, w in enumerate(matrices):
            share = _along(share, w, axis)
        better = share > most + 1e-6
        winner[better] = k
        most = torch.where(better, share, most)
    return winner
