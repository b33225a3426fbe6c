from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, label

from segkit.mask_prior.regions import fill_slices, largest_part, parts_above


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


@given(st.integers(0, 10**6))
def test_sizes_are_those_of_the_parts(seed):
    mask = np.random.default_rng(seed).random((6, 7, 5)) < 0.35
    found, n = label(mask)
    sizes = np.bincount(found.ravel())[1:]
    kept, removed = parts_above(mask, 3)
    assert kept.sum() == sizes[sizes > 3].sum()
    assert removed == n - (sizes > 3).sum()


@given(st.integers(0, 10**6), st.sampled_from([None, 0, 1, 2]))
def test_holes_are_filled_slice_by_slice_as_scipy_does(seed, axis):
    mask = np.random.default_rng(seed).random((6, 8, 7)) < 0.6
    filled = fill_slices(mask, axis)
    if axis is None:
        expected = binary_fill_holes(mask)
    else:
        parts = [binary_fill_holes(part) for part in np.moveaxis(mask, axis, 0)]
        expected = np.moveaxis(np.stack(parts), 0, axis)
    assert np.array_equal(filled, expected)
