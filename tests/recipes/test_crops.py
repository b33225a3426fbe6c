"""Boxes and crops stay within the images, and hold what the boxes can show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segkit.data import open_prepared
from segkit.recipes.crops import around, inside
from segkit.voxel_metric import CropBox, centroid


def test_a_box_is_no_larger_than_the_images(volumes):
    cases = open_prepared(volumes).cases()
    box = CropBox((300.0, 5.0, 12.0), (200.0, 1.0, 1.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    halves = inside(box, cases, (1.0, 1.0, 1.0))
    assert halves == (11.5, 5.0, 11.5)
    assert replace(box, half_mm=halves).size == (24, 11, 24)


@pytest.mark.parametrize("room", [(500, 10, 24), (10, 10, 10)])
def test_the_part_about_the_structures(volumes, room):
    case = open_prepared(volumes).cases()[0].load()
    part = around(case, room)
    assert part.shape == tuple(min(r, n) for r, n in zip(room, case.shape, strict=True))
    assert part.meta["distance_mm"].shape[-3:] == part.shape
    assert int((part.label > 0).sum()) > 0 and int((part.label < 0).sum()) == 0
    middle = [(n - 1) / 2 for n in part.shape]
    small = [axis for axis in range(3) if room[axis] < case.shape[axis]]
    assert all(abs(centroid(part.label)[axis] - middle[axis]) < 3 for axis in small)
