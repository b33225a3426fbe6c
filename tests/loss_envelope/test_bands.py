"""The band around a boundary, against SciPy's filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segkit.errors import ConfigError
from segkit.loss_envelope import boundary_band


def by_filters(labels, width):
    """A voxel is in the band if the largest and the smallest label of the cube around it differ."""
    counts, size = labels >= 0, 2 * width + 1
    largest = ndimage.maximum_filter(np.where(counts, labels, -9), size, mode="constant", cval=-9)
    smallest = ndimage.minimum_filter(np.where(counts, labels, 99), size, mode="constant", cval=99)
    return (largest > smallest) & counts


@given(
    size=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    width=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from([torch.int8, torch.int64]),
)
@settings(deadline=None)
def test_it_is_what_filters_find(size, width, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 3, (2, *size), generator=generator).clamp(-1, 1).to(dtype)
    band = boundary_band(labels, width)
    for found, each in zip(band, labels.numpy(), strict=True):
        assert np.array_equal(found.numpy(), by_filters(each.astype(int), width))


def test_one_label_has_no_boundary_and_an_ignored_voxel_makes_none():
    assert not boundary_band(torch.ones(1, 4, 4, dtype=torch.int64), 3).any()
    assert not boundary_band(torch.tensor([[1, 1, -1, -1, 1]]), 3).any()


def test_the_width_counts_whole_voxels():
    labels = torch.tensor([[0, 0, 0, 1, 1, 1]])
    assert boundary_band(labels, 1.9).sum() == 2
    with pytest.raises(ConfigError, match="at least 1 voxel wide"):
        boundary_band(labels, 0.5)
    with pytest.raises(ConfigError, match="at least one axis"):
        boundary_band(torch.tensor([0, 1]), 3)
