from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import DataError
from segkit.viz.orientation import OPPOSITE, axis_letters, radiological

DIRECTION = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def affines() -> list[np.ndarray]:
    """All 48 ways in which voxel axes can lie along patient axes, anisotropic and shifted."""
    out = []
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = 0
        for axis, (row, sign) in enumerate(zip(order, signs, strict=True)):
            affine[row, axis] = sign * (axis + 1)
        affine[:3, 3] = (10, -20, 30)
        out.append(affine)
    return out


@given(st.sampled_from(affines()), st.integers(0, 2))
def test_the_letters_are_where_the_patient_is(affine, axis):
    """Turn the mm coordinates themselves like a picture: each edge must be the end that its letter names."""
    shape = (4, 5, 6)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    mm = voxels @ affine[:3, :3].T + affine[:3, 3]
    view = radiological(affine, axis)
    plane = mm.take(2, axis=axis)
    picture = np.stack([view.apply(plane[..., i]) for i in range(3)], -1)
    left, right, top, bottom = view.edges
    ends = {left: picture[:, 0], right: picture[:, -1], top: picture[0], bottom: picture[-1]}
    for letter, end in ends.items():
        row, sign = DIRECTION[letter]
        assert (sign * end[:, row]).min() > (sign * ends[OPPOSITE[letter]][:, row]).max()
    assert (left, top) in {("R", "A"), ("R", "S"), ("A", "S")}


def test_a_tilted_affine_takes_the_nearest_direction():
    angle = np.deg2rad(20)
    tilted = np.eye(4)
    tilted[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert axis_letters(tilted) == ("R", "A", "S")


def test_spacing_follows_the_picture():
    view = radiological(np.eye(4), 2)
    assert view.transpose
    assert view.spacing(1.0, 3.0) == (3.0, 1.0)


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan)])
def test_no_direction_is_an_error(affine):
    with pytest.raises(DataError, match="three directions"):
        axis_letters(affine)
