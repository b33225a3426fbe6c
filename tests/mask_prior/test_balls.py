"""Packed morphology against distance transforms, in mm on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from segkit.errors import ConfigError
from segkit.mask_prior.balls import closed, dilated, eroded, opened

shapes = st.one_of(
    st.tuples(st.integers(1, 23)),
    st.tuples(st.integers(1, 9), st.integers(1, 20)),
    st.tuples(st.integers(1, 7), st.integers(1, 8), st.integers(1, 19)),
)
seeds = st.integers(0, 10**6)


def within(mask, radius, spacing):
    """The oracle: the nearest voxel of the mask is at most `radius` away."""
    if not mask.any():
        return mask.copy()
    return distance_transform_edt(~mask, spacing) <= radius * (1 + 1e-6)


@given(shapes, seeds, st.floats(0, 12))
@settings(max_examples=150)
def test_dilation_equals_a_threshold_on_distances(shape, seed, radius):
    random = np.random.default_rng(seed)
    mask = random.random(shape) < random.choice([0.02, 0.3, 0.9])
    spacing = random.choice([0.7, 1.0, 2.5, 5.0], len(shape))
    assert np.array_equal(dilated(mask, radius, spacing), within(mask, radius, spacing))
    assert np.array_equal(eroded(mask, radius, spacing), ~within(~mask, radius, spacing))


@given(shapes, seeds, st.floats(0.5, 8))
@settings(max_examples=40)
def test_opening_and_closing_are_idempotent_and_on_the_right_side(shape, seed, radius):
    random = np.random.default_rng(seed)
    mask = random.random(shape) < 0.7
    spacing = random.choice([1.0, 2.0], len(shape))
    once, other = opened(mask, radius, spacing), closed(mask, radius, spacing)
    assert not (once & ~mask).any() and not (mask & ~other).any()
    assert np.array_equal(opened(once, radius, spacing), once)
    assert np.array_equal(closed(other, radius, spacing), other)


def test_a_ball_is_measured_in_mm_on_an_anisotropic_grid():
    mask = np.zeros((9, 21, 41), bool)
    mask[4, 10, 20] = True
    ball = dilated(mask, 9.0, (3.0, 1.0, 0.5))
    reach = [np.flatnonzero(ball.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    assert [(int(r[0]), int(r[-1])) for r in reach] == [(1, 7), (1, 19), (2, 38)]


def test_the_border_counts_neither_as_mask_nor_as_background():
    slab = np.zeros((6, 12), bool)
    slab[:, 3:9] = True
    assert np.array_equal(opened(slab, 2.0, (1, 1)), slab)
    assert np.array_equal(eroded(np.ones((3, 4), bool), 5.0, (1, 1)), np.ones((3, 4), bool))
    assert not dilated(np.zeros((3, 4), bool), 5.0, (1, 1)).any()


def test_nothing_is_changed_in_place():
    mask = np.eye(12, dtype=bool)
    before = mask.copy()
    for operation in (dilated, eroded, opened, closed):
        for radius in (0.0, 2.0):
            assert operation(mask, radius, (1, 1)) is not mask
            assert np.array_equal(mask, before)


@pytest.mark.parametrize(
    ("radius", "spacing"), [(-1.0, (1, 1)), (1.0, (1,)), (1.0, (1, 0)), (np.inf, (1, 1))]
)
def test_a_radius_or_spacing_that_makes_no_ball_is_refused(radius, spacing):
    with pytest.raises(ConfigError, match="a ball needs a radius"):
        dilated(np.ones((3, 3), bool), radius, spacing)
