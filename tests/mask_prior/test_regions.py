from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes

from segkit.mask_prior.regions import fill_slices


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
