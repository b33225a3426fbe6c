"""Stage 1's answer: components, centroids, the fall-back, points on other grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import resample, to_orientation
from segkit.voxel_metric import centroid, largest_component, locate
from tests.voxel_metric.test_boxes import BLOCK

SHARE = (0.5, 0.25, 0.75)


def test_the_largest_component_of_each_class_counts():
    labels = BLOCK.label.clone()
    labels[0, 0, 0] = 1  # a speck far away
    labels[12:14, 20:22, 2:4] = 2
    labels[19, 23, 15] = 2
    found = locate(labels, BLOCK, SHARE)
    wanted = BLOCK.label.clone()
    wanted[12:14, 20:22, 2:4] = 2
    assert found.found
    np.testing.assert_allclose(found.index(BLOCK), centroid(wanted))


def test_corners_connect():
    mask = torch.eye(4, dtype=torch.bool)
    mask[0, 3] = True
    assert torch.equal(largest_component(mask), torch.eye(4, dtype=torch.bool))
    assert not largest_component(torch.zeros(3, 3, dtype=torch.bool)).any()


def test_nothing_found_is_flagged_and_put_at_the_mean_place():
    found = locate(torch.zeros_like(BLOCK.label), BLOCK, SHARE)
    assert not found.found
    np.testing.assert_allclose(found.index(BLOCK), [0.5 * 20 - 0.5, 0.25 * 24 - 0.5, 0.75 * 16 - 0.5])


@pytest.mark.parametrize(
    "change", [lambda c: resample(c, (2.0, 2.0, 2.0)), lambda c: to_orientation(c, "LIA")]
)
def test_a_point_is_the_same_on_another_grid(change):
    other = change(BLOCK)
    there = locate(other.label, other, SHARE)
    np.testing.assert_allclose(there.index(BLOCK), centroid(BLOCK.label), atol=0.5)
