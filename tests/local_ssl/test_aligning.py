"""Coordinates come back: the features of two views at a point tell where the point is, to 1e-6 voxel."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import (
    Cells,
    Placement,
    TwoBoxes,
    align,
    cells_of,
    common_points,
    cut,
    own_points,
    shared_box,
    true_at,
)
from segkit.nets import UNet
from tests.local_ssl.test_cutting import ramp

EXTENT = (40, 44, 48)
FLIPS = list(product([False, True], repeat=3))


def features_of(views, cells):
    """A level whose feature is the mean of what it is centred on: of a ramp, the ramp at the centre."""
    centre = torch.tensor(cells.centre)
    if (centre == 0).all():  # strided convolutions with kernel 3
        return views[(..., *(slice(None, None, s) for s in cells.stride))]
    padded = torch.nn.functional.pad(
        views,
        [n for size, s in zip(views.shape[:1:-1], cells.stride[::-1], strict=True) for n in (0, -size % s)],
    )
    return torch.nn.functional.avg_pool3d(padded, cells.stride)


def pair(shape, scale, first=(False,) * 3, second=(False,) * 3, seed=0, **options):
    """The places of two views whose mirrored axes are given."""
    drawn = TwoBoxes(shape, scale=scale, overlap=0.6, **options).draw(EXTENT, np.random.default_rng(seed))
    for place, flips in zip(drawn, (first, second), strict=True):
        place.rows[0, 3] = torch.tensor(flips).float()
    return drawn


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.7, 0.9), (1.1, 1.4)])
@pytest.mark.parametrize("shape", [(16, 24, 24), (13, 27, 30)])
def test_coordinates_return_for_all_flips_scales_levels_and_odd_sizes(flips, scale, shape):
    first, second = pair(shape, scale, second=flips)
    views = [cut(ramp(EXTENT), place) for place in (first, second)]
    for stride in [(1, 1, 1), (2, 2, 2), (1, 4, 4), (4, 4, 4), (4, 8, 8)]:
        for cells in (Cells.even(stride), Cells(stride, (0.0, 0.0, 0.0))):
            points = common_points(first, second, (3, 4, 5), cells=cells)
            assert points.valid.all()
            for view, place in zip(views, (first, second), strict=True):
                found = align(features_of(view, cells), place, points.where, cells)
                torch.testing.assert_close(found, points.where, rtol=0, atol=1e-6)


def test_turned_views_return_coordinates_too():
    for seed in range(10):
        first, second = pair((16, 20, 20), (0.8, 1.2), seed=seed, flip_axes=(0, 1, 2), turns=[(1, 2)])
        cells = Cells.even((2, 4, 4))
        points = common_points(first, second, (3, 4, 5), cells=cells)
        for place in (first, second):
            found = align(features_of(cut(ramp(EXTENT), place), cells), place, points.where, cells)
            torch.testing.assert_close(found, points.where, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("levels", "mismatch"), [(2, 1), (3, 3), (4, 7), (5, 15)])
def test_without_the_true_centre_a_mirrored_view_is_off_by_the_digests_table(levels, mismatch):
    net = UNet(3, 1, 2, (1,) * levels, convs=1, down="conv3")
    extent, shape = (120, 120, 120), (96, 96, 96)
    ends = [
        Placement.of(low=low, size=shape, shape=shape, extent=extent, flips=flips)
        for low, flips in (((0, 3, 11), (False,) * 3), ((7, 8, 9), (True, False, True)))
    ]
    for corrected, wanted in ((True, (0, 0, 0)), (False, (mismatch, 0, mismatch))):
        cells = cells_of(net, "bottom", corrected=corrected)
        true = cells_of(net, "bottom")
        points = common_points(*ends, (3, 3, 3), cells=Cells.even((32, 32, 32)))
        one, other = (
            align(features_of(cut(ramp(extent), place), true), place, points.where, cells) for place in ends
        )
        distances = (one - other).abs()
        torch.testing.assert_close(distances, torch.tensor(wanted).expand_as(distances).double())
        if wanted[0]:
            assert round(mismatch / 2 ** (levels - 1), 2) in (0.5, 0.75, 0.88, 0.94)


def test_the_gradient_of_the_features_is_right():
    first, _ = pair((8, 8, 8), (1.0, 1.0))
    points = own_points(first, (2, 3, 2))
    features = torch.randn(1, 2, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    cells = Cells.even((2, 2, 2))
    assert torch.autograd.gradcheck(lambda x: align(x, first, points.where, cells), features)


def test_points_lie_evenly_in_the_shared_box():
    first, second = pair((16, 16, 16), (1.0, 1.3))
    points = common_points(first, second, (2, 3, 4))
    low, high = shared_box(first, second)
    grid = ((points.where - low[:, None]) / (high - low)[:, None]).reshape(2, 3, 4, 3)
    assert grid[:, 0, 0, 0].tolist() == pytest.approx([1 / 4, 3 / 4])
    assert grid[0, :, 0, 1].tolist() == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    assert grid[0, 0, :, 2].tolist() == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8])


def test_the_order_of_the_views_does_not_matter():
    first, second = pair((16, 16, 16), (1.0, 1.3), second=(True, False, False))
    cells = Cells((4, 4, 4), (0.0, 0.0, 0.0))
    one, other = (common_points(*both, (3, 3, 3), cells=cells) for both in ((first, second), (second, first)))
    assert torch.equal(one.where, other.where)


def test_no_point_lies_in_padding():
    boxes = TwoBoxes((8, 8, 8), scale=(1, 1), overlap=1.0)
    first, second = boxes.draw((3, 30, 30), np.random.default_rng(0))
    points = common_points(first, second, (4, 4, 4))
    assert points.valid.all()
    assert first.in_volume(points.where).all()
    assert points.where[..., 0].max() > 2.5


def test_views_with_nothing_in_common_have_no_valid_points():
    options = {"size": (4, 4), "shape": (4, 4), "extent": (20, 20)}
    first = Placement.of(low=(0, 0), **options)
    assert not common_points(first, Placement.of(low=(0, 5), **options), (2, 2)).valid.any()
    touching = Placement.of(low=(0, 3), **options)
    assert common_points(first, touching, (2, 2)).valid.all()
    cells = Cells.even((2, 2))  # the last cell of one is centred before the first of the other
    assert not common_points(first, touching, (2, 2), cells=cells).valid.any()
    features = torch.randn(1, 3, 2, 2)
    where = common_points(first, touching, (2, 2), cells=cells).where
    assert align(features, first, where, cells).isfinite().all()


def test_without_alignment_points_have_the_same_place_in_both_views():
    first, second = pair((16, 20, 24), (0.8, 1.2), second=(True, False, True))
    cells = Cells.even((2, 2, 2))
    one, other = (own_points(place, (3, 3, 3), cells=cells) for place in (first, second))
    torch.testing.assert_close(first.to_view(one.where), second.to_view(other.where))
    assert (one.where - other.where).abs().amax() > 3
    assert one.valid.all()


def test_a_mask_is_read_at_the_voxel_in_which_a_point_lies():
    place = Placement.of(low=(1, 0), size=(6, 2), shape=(3, 2), extent=(9, 2), flips=(True, False))
    mask = torch.tensor([[[True, False], [False, False], [False, True]]])
    where = torch.tensor([[[6.9, 0.1], [6.9, 1.1], [1.0, 1.9], [3.1, 1.9], [0.9, 1.9], [7.1, 0.1]]])
    assert true_at(mask, place, where).tolist() == [[True, False, True, False, False, False]]
    points = common_points(place, place, (3, 2))
    kept = points.only(true_at(mask, place, points.where))
    assert kept.valid.sum() == 2 and points.valid.all()


def test_what_does_not_fit_is_refused():
    first, second = pair((16, 16, 16), (1.0, 1.0))
    with pytest.raises(ConfigError, match="3 counts of 1 or more"):
        common_points(first, second, (3, 3))
    with pytest.raises(ConfigError, match="counts of 1 or more"):
        own_points(first, (3, 0, 3))
    with pytest.raises(DataError, match="no whole feature"):
        common_points(first, second, (3, 3, 3), cells=Cells.even((32, 1, 1)))
    with pytest.raises(DataError, match=r"features \(2, 1, 4, 4, 4\)"):
        align(torch.zeros(2, 1, 4, 4, 4), first, torch.zeros(1, 2, 3), Cells.even((4, 4, 4)))
