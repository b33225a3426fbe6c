from __future__ import annotations

import pytest
import torch

from segkit.errors import DataError
from segkit.mask_prior import with_constant, with_strangers_masks
from tests.mask_prior.small import ball, masked

NAMES = ("a", "bb", "ccc", "dddd")


def donors():
    return [masked(ball(name, centre=(6 + 2 * i, 10.5, 11.5), radius=4)) for i, name in enumerate(NAMES)]


def test_a_constant_map_is_constant():
    assert (with_constant(ball()).meta["constant"] == 1).all()
    assert (with_constant(ball(), value=0.25, to="grey").meta["grey"] == 0.25).all()


@pytest.mark.parametrize("seed", range(5))
def test_every_case_gets_the_mask_of_another_patient(seed):
    cases = donors()
    lent = [case.meta["stranger"] for case in with_strangers_masks(cases, cases, seed=seed)]
    owners = [next(i for i, d in enumerate(cases) if torch.equal(d.meta["mask"], mask)) for mask in lent]
    assert all(owner != i for i, owner in enumerate(owners))
    assert len(set(owners)) >= 3
    again = with_strangers_masks(cases, cases, seed=seed)
    assert all(torch.equal(a.meta["stranger"], b) for a, b in zip(again, lent, strict=True))


def test_another_image_of_the_same_patient_is_no_stranger():
    cases = donors()[:2]
    twin = cases[0].with_(id="twin")
    changed = with_strangers_masks([cases[0]], [twin, cases[1]], seed=0)
    assert torch.equal(changed[0].meta["stranger"], cases[1].meta["mask"])
    with pytest.raises(DataError, match="no other patient to lend case a a mask"):
        with_strangers_masks([cases[0]], [twin], seed=0)
    with pytest.raises(DataError, match="no other patient"):
        with_strangers_masks([cases[0]], [], seed=0)


def test_a_mask_of_another_grid_is_brought_onto_the_own_one():
    large = masked(ball("large", (30, 30, 30), radius=5))
    changed = with_strangers_masks([ball()], [large], seed=0)[0].meta["stranger"]
    assert changed.shape == (20, 22, 24) and int(changed.sum()) == int(large.meta["mask"].sum())


def test_a_donor_without_a_mask_is_refused():
    with pytest.raises(DataError, match="case bb has no map 'mask' in its meta to lend"):
        with_strangers_masks([ball()], [ball("bb")], seed=0)
