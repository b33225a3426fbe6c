"""The cavity inside the skull, in a CT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segkit.data import Case
from segkit.mask_prior.balls import dilated, eroded
from segkit.mask_prior.regions import parts_above
from segkit.mask_prior.reports import Mask, as_mask, slice_axis
from segkit.mask_prior.thresholds import BONE_HU, inside_body, voxel_mm

NECK_MM = 15.0
"""Radius of a ball that passes through no opening of the skull."""

ENCLOSED = 0.4
"""Least share of a cavity's voxels that have bone on all four sides within their slice. In 18 training
patients of OpenKBP the skull has 0.51 to 0.91, the next best room at most 0.33."""

LARGEST_ML = 2500.0
"""No skull holds more."""


def cranial_mask(case: Case, *, body: Mask | None = None) -> Mask:
    """The cavity inside the skull: brain, cisterns, cerebellum.

    The room between bones that a ball of 15 mm reaches, and what lies within 5 mm of it, if most of it sees
    bone on all sides. The ball fits through no foramen, also where thin bone has faded away in voxels of
    5 mm. (Closing such gaps in the bone by 10 mm instead left the cavity open: in 18 training patients of
    OpenKBP it held at most 0.52 of the brainstem. The cavity found here held all of it in each of them.) A
    scan that ends inside the head keeps the part that is in it; without a head the mask is empty, and the
    report says so.

    Args and errors: as for `air_mask`.
    """
    step = voxel_mm(case)
    hu, inside = inside_body(case, body)
    bone = (hu > BONE_HU) & inside
    free = inside & ~bone
    ml = float(np.prod(step)) / 1000
    cores, n, removed = _large(eroded(free, NECK_MM, step), 3 / ml)
    most, cavity = ENCLOSED, np.zeros_like(bone)
    for number in range(1, n + 1):
        room = dilated(cores == number, NECK_MM + 5, step) & free
        enclosed = _enclosed(room, bone, slice_axis(case)) if room.sum() * ml < LARGEST_ML else 0.0
        if enclosed > most:
            most, cavity = enclosed, room
    removed += n - bool(cavity.any())
    return as_mask(cavity, case, "cranium", "threshold", removed=removed)


def _enclosed(room: NDArray[np.bool_], bone: NDArray[np.bool_], axis: int | None) -> float:
    """Share of a room's voxels that see bone in their slice in all four directions along the grid."""
    all_sides = room.copy()
    for other in range(room.ndim):
        if other != axis:
            for view in (bone, np.flip(bone, other)):
                seen = np.logical_or.accumulate(view, axis=other)
                all_sides &= seen if view is bone else np.flip(seen, other)
    return float(all_sides.sum()) / max(1, int(room.sum()))


def _large(mask: NDArray[np.bool_], voxels: float) -> tuple[NDArray[np.int32], int, int]:
    """The parts of more than `voxels` voxels, numbered, how many they are, and how many were smaller."""
    from scipy.ndimage import label

    kept, removed = parts_above(mask, voxels)
    numbered, n = label(kept)
    return numbered, int(n), removed
