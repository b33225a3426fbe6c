"""The experiments of chapter 8: every arm trains, sees what it says, and starts like the image alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segkit.data import Case, make_split, phantoms
from segkit.experiments import make_draw, prepare, run_one
from segkit.experiments.plans import _mask_prior as arms
from segkit.experiments.plans import _mask_prior_data as data
from segkit.experiments.plans import find_plan


def split_of(cases: list[Case]):
    return make_split([case.group for case in cases], (3, 2, 2), seed=0)


def in_two_phases() -> list[Case]:
    """Two volumes for each of seven patients; in the second one cavity is brighter."""
    pairs = [phantoms("cardiac_short_axis", 7), phantoms("cardiac_short_axis", 7)]
    return [
        case.with_(image=case.image + phase * (case.label == 3)[None], id=f"{case.id}/{phase}", meta={})
        for both in zip(*pairs, strict=True)
        for phase, case in enumerate(both)
    ]


def hearts(name: str) -> list[Case]:
    cases = in_two_phases()
    return data.hearts_of(cases, split_of(cases))


def split(name: str):
    return split_of(in_two_phases())


def small(name: str, **changes):
    return replace(find_plan(f"mask_prior/{name}"), prepare=hearts, split=split, updates=1, **changes)


@pytest.fixture(scope="module")
def prepared():
    return prepare(small("heart"))


@pytest.mark.parametrize("name", ["heart", "controls"])
def test_every_arm_trains_and_predicts_volumes(name, prepared):
    plan = small(name, metrics=("dice",))
    for arm in plan.arms:
        record = run_one(plan, prepared, arm, 0, {"n_labelled": 2})
        assert len(record["evaluation"]["cases"]) == 4


def test_an_arm_sees_the_maps_that_it_names_and_no_other(prepared):
    case = prepared.cases[0]
    found = arms.separate(case, data.HEART, ("true", "coordinates"))
    assert found.image.shape[0] == 1 and set(found.meta) == {"true", "coordinates"}
    assert torch.equal(found.meta["true"][0], case.label > 0)
    assert found.meta["coordinates"].shape[0] == 3


def test_all_arms_start_from_the_same_network(prepared):
    plan = small("controls")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    image = torch.stack([prepared.cases[0].image])
    start = plan.arms["image"].method(draw).eval().predict(image)
    for name, arm in plan.arms.items():
        if name != "template":
            torch.testing.assert_close(arm.method(draw).eval().predict(image), start, atol=1e-4, rtol=0)


def test_the_moving_region_finds_what_moves():
    change = torch.zeros(3, 56, 56)
    change[:, 20:30, 30:44] = 1.0
    change[0, 2, 2] = 2.0
    region = data.moving_region(change)
    assert region[:, 22:28, 32:42].all()
    assert int(region[0].sum()) < 3 * 140 and not region[0, :10].any()
