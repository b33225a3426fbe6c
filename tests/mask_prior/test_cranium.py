"""The cranial cavity in a box of bone with openings, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import Case
from segkit.mask_prior import body_mask, cranial_mask


def head(*, inner_mm=100, wall_mm=8, holes=(), spacing=(4.0, 4.0, 4.0)):
    """A cube of bone around a cavity, in a body that goes on below; holes are (axis, side, radius in mm)."""
    shape = tuple(round((inner_mm + 120) / s) for s in spacing)
    grid = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    x, y, z = np.meshgrid(*grid, indexing="ij")
    largest = np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(z))
    cavity = largest < inner_mm / 2
    bone = (largest < inner_mm / 2 + wall_mm) & ~cavity
    for axis, side, radius in holes:
        a, b = (c for i, c in enumerate((x, y, z)) if i != axis)
        bone &= ~((a**2 + b**2 < radius**2) & (side * (x, y, z)[axis] > 0))
    body = np.maximum(np.abs(x), np.abs(y)) < inner_mm / 2 + wall_mm + 12
    body &= z < inner_mm / 2 + wall_mm + 12
    image = np.full(shape, -1000.0, np.float32)
    image[body] = 40
    image[bone] = 700
    affine = np.diag([*spacing, 1.0])
    case = Case(torch.from_numpy(image)[None], None, spacing, affine, "head", "head")
    return case, torch.from_numpy(cavity)


def overlap(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize(
    "holes", [(), ((2, -1, 13),), ((2, -1, 13), (0, 1, 10), (0, -1, 10), (1, 1, 10))], ids=len
)
def test_the_cavity_is_found_to_its_corners_whatever_openings_it_has(holes):
    case, cavity = head(holes=holes, spacing=(3.0, 3.0, 3.0))
    mask, report = cranial_mask(case)
    assert overlap(mask, cavity) > 0.98
    assert report.informative and report.volume_ml == pytest.approx(1000, rel=0.05)


def test_a_scan_that_ends_inside_the_head_keeps_its_part():
    case, cavity = head(holes=((2, -1, 13),))
    top = case.with_(image=case.image[..., :28])
    mask, report = cranial_mask(top)
    assert overlap(mask, cavity[..., :28]) > 0.95 and report.cut["head"] > 0.1


def test_a_room_too_large_for_a_skull_is_none():
    assert cranial_mask(head(inner_mm=160)[0]).report.share == 0


def test_a_room_that_is_open_to_one_side_is_none():
    case, cavity = head(inner_mm=70, holes=((0, 1, 32),))
    assert cranial_mask(case).report.share == 0
    closed, _ = head(inner_mm=70)
    assert overlap(cranial_mask(closed).voxels, cavity) > 0.97


def test_a_body_at_hand_is_used():
    case, _ = head()
    assert torch.equal(cranial_mask(case, body=body_mask(case)).voxels, cranial_mask(case).voxels)
