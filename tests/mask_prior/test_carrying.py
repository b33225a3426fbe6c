from __future__ import annotations

from functools import partial

import pytest
import torch

from segkit.data import crop_or_pad, resize
from segkit.errors import ConfigError, DataError
from segkit.mask_prior import parent_mask, reframed, with_maps
from tests.mask_prior.small import ball, masked


def test_a_mask_on_another_grid_is_refused():
    with pytest.raises(
        DataError, match=r"'mask' has shape \(4, 4\) but the image of case a has \(20, 22, 24\)"
    ):
        with_maps(ball(), mask=torch.zeros(4, 4))
    with pytest.raises(ConfigError, match="a map cannot be called 'label'"):
        with_maps(ball(), label=torch.zeros(20, 22, 24))


def test_maps_are_added_to_those_that_are_there():
    case = with_maps(masked(ball()), other=parent_mask(ball()).voxels.float())
    assert set(case.meta) == {"mask", "other"}


def test_masks_move_with_image_and_label():
    case = masked(ball())
    for step in (partial(resize, shape=(10, 11, 12)), partial(crop_or_pad, shape=(12, 30, 16), pad_label=0)):
        moved = reframed(case, step)
        assert torch.equal(moved.meta["mask"], moved.label > 0)
        assert torch.equal(moved.image, step(case).image)


def test_padding_is_outside_of_a_mask_that_is_full():
    case = with_maps(ball(), mask=torch.ones(20, 22, 24, dtype=torch.bool))
    moved = reframed(case, partial(crop_or_pad, shape=(30, 22, 24)))
    assert int(moved.meta["mask"].sum()) == 20 * 22 * 24


def test_only_masks_are_reframed():
    case = with_maps(masked(ball()), distance=torch.zeros(20, 22, 24))
    step = partial(resize, shape=(10, 11, 12))
    with pytest.raises(DataError, match="has no boolean map 'distance'"):
        reframed(case, step, ["distance"])
    with pytest.raises(DataError, match="has no boolean map 'body'"):
        reframed(case, step, ["body"])
    assert set(reframed(case, step).meta) == {"mask"}  # what was not moved would lie on the old grid
