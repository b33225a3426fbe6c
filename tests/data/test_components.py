"""Connected parts: which are kept, how many are not, and what touches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from segkit.data import largest_part, parts_above


def test_the_largest_part_stays_and_the_others_are_counted():
    mask = np.zeros((5, 9), bool)
    mask[0, :2] = mask[2, :5] = mask[4, 3] = True
    kept, removed = largest_part(mask)
    assert removed == 2
    assert kept.sum() == 5 and kept[2, :5].all()
    kept, removed = parts_above(mask, 1)
    assert (kept.sum(), removed) == (7, 1)
    kept, removed = parts_above(mask, 1, most=1)
    assert (kept.sum(), removed) == (5, 2)


def test_an_empty_mask_stays_empty():
    kept, removed = largest_part(np.zeros((3, 3), bool))
    assert (kept.sum(), removed) == (0, 0)


@given(st.integers(0, 10**6), st.booleans())
def test_sizes_are_those_of_the_parts(seed, corners):
    mask = np.random.default_rng(seed).random((6, 7, 5)) < 0.2
    found, n = label(mask, np.ones((3, 3, 3)) if corners else None)
    sizes = np.bincount(found.ravel())[1:]
    kept, removed = parts_above(mask, 3, corners=corners)
    assert kept.sum() == sizes[sizes > 3].sum()
    assert removed == n - (sizes > 3).sum()


@pytest.mark.parametrize("dims", [2, 3])
def test_corners_touch_if_asked(dims):
    mask = np.zeros((4,) * dims, bool)
    for i in range(4):
        mask[(i,) * dims] = True
    assert largest_part(mask)[0].sum() == 1
    assert largest_part(mask, corners=True)[0].sum() == 4
