"""Four made-up patients on couches, for the exercise on the outline, and what a mask of them gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Voxels = NDArray[np.bool_]


@dataclass(frozen=True)
class Patient:
    """A volume in HU, axes to the feet, to the back and to the left, and the voxels of what is in it.

    Attributes:
        hu: float32.
        spacing_mm: voxel size.
        cut: whether the first slice lies within the lungs.
        tissue: muscle in the middle slices.
        fat: the outermost layer of the body.
        lungs: air in the body.
        board: of the couch, 16 mm thick; two straps join it to the back.
        line: a tube that stands on the chest.
        pocket: air that back, straps and board enclose in every slice.
        rim: the fat in the first and the last slice.
        air: the border of the volume around the patient.
    """

    hu: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    cut: bool
    tissue: Voxels
    fat: Voxels
    lungs: Voxels
    board: Voxels
    line: Voxels
    pocket: Voxels
    rim: Voxels
    air: Voxels

    @property
    def cubes(self) -> bool:
        """Whether the voxels are cubes."""
        return len(set(self.spacing_mm)) == 1

    def share(self, mask: Voxels, part: str) -> float:
        """Share of a part that is in a mask."""
        return float(mask[getattr(self, part)].mean())


@cache
def patients() -> tuple[Patient, ...]:
    """Small cubes, large cubes, thick slices, thin slices; half of the scans end within the lungs."""
    return (
        _patient((1.5, 1.5, 1.5), cut=True, seed=0),
        _patient((4.0, 4.0, 4.0), cut=False, seed=1),
        _patient((6.0, 1.5, 1.5), cut=True, seed=2),
        _patient((1.5, 4.0, 4.0), cut=False, seed=3),
    )


def _patient(spacing_mm: tuple[float, float, float], *, cut: bool, seed: int) -> Patient:
    z, y, x = _grid((48.0, 128.0, 124.0), spacing_mm)
    every = z > -np.inf
    body = _ellipse(x, y, 0, -6, 50, 38) & every
    fat = body & ~_ellipse(x, y, 0, -6, 44, 32)
    lungs = (_ellipse(x, y, -22, -6, 11, 18) | _ellipse(x, y, 22, -6, 11, 18)) & (z < 8) & (cut | (z > -12))
    straps = (abs(abs(x) - 18) < 2.1) & (y > 16) & (y < 48) & every & ~body
    board = (abs(x) < 60) & (y >= 46) & (y < 62) & every
    line = (abs(x) < 2.1) & (y > -55) & (y < -30) & every & ~body
    pocket = (abs(x) < 15) & (y > 33) & (y < 46) & every & ~body
    hu = np.full(body.shape, -1000, np.float32)
    for part, value in ((body, 40), (fat, -100), (lungs, -820), (straps | board | line, -120)):
        hu[part] = value
    hu += 8 * np.random.default_rng(seed).standard_normal(hu.shape, dtype=np.float32)
    inner, border = np.zeros_like(body), np.ones_like(body)
    inner[2:-2] = True
    border[1:-1, 1:-1, 1:-1] = False
    rim = fat.copy()
    rim[1:-1] = False
    tissue = body & inner & ~fat & ~lungs
    air = border & ~body & ~board & ~line
    return Patient(hu, spacing_mm, cut, tissue, fat & inner, lungs, board, line, pocket, rim, air)


def _grid(size_mm: Sequence[float], spacing_mm: Sequence[float]) -> tuple[NDArray[np.float64], ...]:
    axes = []
    for size, step in zip(size_mm, spacing_mm, strict=True):
        n = round(size / step)
        axes.append((np.arange(n) - (n - 1) / 2) * step)
    return np.meshgrid(*axes, indexing="ij", sparse=True)


def _ellipse(x: NDArray, y: NDArray, cx: float, cy: float, rx: float, ry: float) -> Voxels:
    return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1)
