"""Signed distances and contour bands against a search over all pairs of voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data.case import IGNORE
from segkit.data.distances import contour_band, signed_distance_mm
from segkit.errors import DataError

spacings = st.tuples(*[st.floats(0.3, 8)] * 3)


def nearest(a, b, spacing):
    """For each row of a the distance in mm to the nearest row of b."""
    gaps = (a[:, None] - b[None]) * np.asarray(spacing)
    return np.linalg.norm(gaps, axis=-1).min(1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), spacings)
def test_signed_distance_equals_a_search_over_pairs(seed, spacing):
    mask = torch.from_numpy(np.random.default_rng(seed).random((4, 5, 3)) < 0.3)
    if mask.all() or not mask.any():
        return
    found = signed_distance_mm(mask, spacing)
    inside, outside = torch.argwhere(mask).numpy(), torch.argwhere(~mask).numpy()
    assert np.allclose(found[~mask], nearest(outside, inside, spacing), rtol=1e-5)
    assert np.allclose(found[mask], -nearest(inside, outside, spacing), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), spacings, st.floats(0.5, 10))
def test_contour_band_equals_a_search_over_pairs(seed, spacing, width):
    random = np.random.default_rng(seed)
    labels = torch.from_numpy(random.integers(-1, 3, (4, 5, 3)))
    band = contour_band(labels, width, spacing)
    for where in torch.argwhere(labels != IGNORE):
        own = labels[tuple(where)]
        others = torch.argwhere((labels != own) & (labels != IGNORE)).numpy()
        distance = nearest(where[None].numpy(), others, spacing)[0] if len(others) else np.inf
        if abs(distance - width) > 1e-4:
            assert bool(band[tuple(where)]) == (distance <= width)
    assert not band[labels == IGNORE].any()


def test_a_ball_in_anisotropic_voxels_has_distances_in_mm():
    z, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in (11, 41, 41)), indexing="ij")
    radius = torch.sqrt(((z - 5) * 5) ** 2 + ((y - 20) * 1.5) ** 2 + ((x - 20) * 1.5) ** 2)
    distance = signed_distance_mm(radius < 18, (5.0, 1.5, 1.5))
    assert (distance - (radius - 18)).abs().max() < 5


@pytest.mark.parametrize(("mask", "sign"), [(torch.zeros(3, 4), 1), (torch.ones(3, 4), -1)])
def test_empty_and_full_masks_are_a_diagonal_away(mask, sign):
    assert torch.equal(signed_distance_mm(mask, (1.0, 1.0)), torch.full((3, 4), sign * 5.0))


def test_two_dimensions_and_no_spacing():
    mask = torch.zeros(5, 5, dtype=torch.bool)
    mask[2, 2] = True
    assert signed_distance_mm(mask)[0, 2] == 2
    assert signed_distance_mm(mask)[2, 2] == -1
    assert contour_band(mask.long(), 1.0).sum() == 5


def test_a_border_between_two_structures_is_in_the_band():
    labels = torch.tensor([0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert contour_band(labels, 1.0).nonzero().ravel().tolist() == [1, 2, 5, 6]


def test_one_class_or_nothing_annotated_has_no_band():
    assert not contour_band(torch.zeros(4, 4, dtype=torch.int64), 3.0).any()
    assert not contour_band(torch.full((4, 4), IGNORE), 3.0).any()


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, 1.0, 1.0)])
def test_spacing_must_fit(spacing):
    with pytest.raises(DataError, match="one positive size per axis"):
        signed_distance_mm(torch.ones(3, 3), spacing)
    with pytest.raises(DataError, match="one positive size per axis"):
        contour_band(torch.ones(3, 3), 1.0, spacing)


def test_a_band_needs_a_width():
    with pytest.raises(DataError, match="positive"):
        contour_band(torch.ones(3, 3), 0.0)
