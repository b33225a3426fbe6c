"""A view holds what lies at its place: exact on ramps, equal to grid_sample, padded beyond the volume."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segkit.errors import DataError
from segkit.local_ssl import Placement, TwoBoxes, cut, padding

EXTENT = (9, 12, 14)


@lru_cache(maxsize=8)
def ramp(extent=EXTENT, batch=1):
    """A volume of D channels that hold the extent coordinates of each voxel's centre."""
    steps = [torch.arange(n, dtype=torch.float64) + 0.5 for n in extent]
    return torch.stack(torch.meshgrid(*steps, indexing="ij")).expand(batch, *[-1] * (len(extent) + 1))


def drawn(shape=(4, 6, 6), number=6, extent=EXTENT, seed=0, **options):
    boxes = TwoBoxes(shape, scale=(0.6, 1.5), flip_axes=(0, 1, 2), turns=[(1, 2)], **options)
    random = np.random.default_rng(seed)
    return Placement.joined([boxes.draw(extent, random)[0] for _ in range(number)])


def test_a_ramp_shows_the_centre_of_every_voxel():
    place = drawn(number=30)
    views = cut(ramp(batch=30), place)
    centres = place.centres().movedim(-1, 1)
    held = centres.clamp(torch.tensor(0.5), torch.tensor(EXTENT).reshape(3, 1, 1, 1) - 0.5)
    torch.testing.assert_close(views, held, rtol=0, atol=1e-12)
    assert views.shape == (30, 3, 4, 6, 6)


def test_it_equals_grid_sample():
    volumes = torch.randn(6, 2, *EXTENT, generator=torch.Generator().manual_seed(0))
    place = drawn()
    grid = (2 * place.centres() / torch.tensor(EXTENT) - 1).flip(-1).float()
    wanted = F.grid_sample(volumes, grid, "bilinear", "border", align_corners=False)
    torch.testing.assert_close(cut(volumes, place), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("flips", list(product([False, True], repeat=2)))
def test_whole_voxels_are_copied(flips):
    volume = torch.randn(1, 1, 7, 9)
    place = Placement.of(low=(2, 3), size=(4, 5), shape=(4, 5), extent=(7, 9), flips=flips)
    wanted = volume[:, :, 2:6, 3:8].flip([2 + axis for axis, flip in enumerate(flips) if flip])
    assert torch.equal(cut(volume, place), wanted)


def test_a_turn_is_that_of_torch():
    volume = torch.randn(1, 1, 6, 6)
    seen = set()
    random = np.random.default_rng(0)
    for _ in range(40):
        place, _ = TwoBoxes((6, 6), scale=(1, 1), turns=[(0, 1)]).draw((6, 6), random)
        view = cut(volume, place)
        seen |= {k for k in range(4) if torch.equal(view, volume.rot90(k, (2, 3)))}
        assert any(torch.equal(view, volume.rot90(k, (2, 3))) for k in range(4))
    assert seen == {0, 1, 2, 3}


def test_a_batch_is_its_samples():
    volumes = torch.randn(4, 1, *EXTENT)
    place = drawn(number=4)
    for i in range(4):
        alone = cut(volumes[i : i + 1], Placement(place.rows[i : i + 1], place.shape))
        torch.testing.assert_close(cut(volumes, place)[i : i + 1], alone)


def test_beyond_the_volume_is_its_minimum_and_padding_says_so():
    volume = torch.randn(1, 2, 3, 4) + 7
    place = Placement.of(low=(-2, 0), size=(6, 4), shape=(6, 4), extent=(3, 4), flips=(True, False))
    view = cut(volume, place)
    wanted = torch.tensor([True, False, False, False, True, True])
    assert torch.equal(padding(place)[0], wanted[:, None].expand(6, 4))
    lowest = volume.amin((2, 3))[0]
    assert torch.equal(view[0, :, wanted], lowest[:, None, None].expand(2, 3, 4))
    assert torch.equal(view[0, :, ~wanted], volume[0].flip(1))
    assert torch.equal(~padding(place), place.in_volume(place.centres()))


def test_the_padding_of_turned_and_small_views_is_where_the_centres_are_not():
    place = drawn(shape=(12, 9, 9), number=20, extent=(5, 11, 7))
    assert torch.equal(padding(place), ~place.in_volume(place.centres()))
    assert padding(place).any() and not padding(place).flatten(1).all(1).any()


def test_a_single_slice_has_no_neighbour_to_mix_with():
    volume = torch.randn(1, 1, 1, 8)
    place = Placement.of(low=(0, 1), size=(1, 4), shape=(3, 4), extent=(1, 8))
    assert torch.equal(cut(volume, place), volume[..., 1:5].expand(1, 1, 3, 4))


def test_gradients_reach_the_volume():
    volumes = torch.randn(1, 1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    place = drawn(shape=(2, 3, 3), number=1, extent=(3, 4, 4))
    assert torch.autograd.gradcheck(lambda x: cut(x, place), volumes)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="6 places of views"):
        cut(torch.zeros(2, 1, *EXTENT), drawn())
