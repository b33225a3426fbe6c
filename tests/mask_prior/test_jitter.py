from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError
from segkit.mask_prior import Jitter


def squares(n=40, dims=2):
    masks = torch.zeros(n, 1, *(15,) * dims)
    masks[(slice(None), 0, *(slice(6, 9),) * dims)] = 1
    return masks


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dims", [2, 3])
def test_masks_move_as_far_as_told_and_each_by_itself(dims):
    moved = Jitter(shift=2, grow=0)(squares(dims=dims), generator())
    first = torch.stack([mask[0].nonzero().amin(0) for mask in moved])
    assert moved.flatten(1).sum(1).unique().tolist() == [3.0**dims]
    assert first.amin(0).tolist() == [4] * dims and first.amax(0).tolist() == [8] * dims


@pytest.mark.parametrize("dims", [2, 3])
def test_masks_grow_and_shrink(dims):
    changed = Jitter(shift=0, grow=1)(squares(dims=dims), generator())
    assert changed.flatten(1).sum(1).unique().tolist() == [1.0, 3.0**dims, 5.0**dims]


def test_masks_are_lost_as_often_as_told_and_nothing_else_happens():
    changed = Jitter(shift=0, grow=0, lose=0.25)(squares(400), generator())
    share = float((changed.flatten(1).sum(1) == 0).float().mean())
    assert 0.18 < share < 0.32
    assert torch.equal(Jitter(shift=0, grow=0)(squares(), generator()), squares())


def test_what_moves_in_from_outside_is_background():
    full = torch.ones(30, 1, 6, 6)
    moved = Jitter(shift=5, grow=0)(full, generator())
    assert float(moved.mean()) < 0.7
    assert torch.equal(Jitter(shift=0, grow=2)(full, generator()), full)


def test_channels_of_a_sample_move_together_and_the_state_decides():
    pair = squares().repeat(1, 2, 1, 1)
    moved = Jitter()(pair, generator(4))
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert torch.equal(moved, Jitter()(pair, generator(4)))
    assert not torch.equal(moved, Jitter()(pair, generator(5)))


@pytest.mark.parametrize("options", [{"shift": -1}, {"grow": -1}, {"lose": 2.0}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="Jitter needs"):
        Jitter(**options)
