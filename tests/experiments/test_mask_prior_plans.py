"""The experiments of chapter 8: every arm trains, sees what it says, and starts like the image alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from segkit.data import Case, make_split, phantoms
from segkit.experiments import make_draw, prepare, run_one
from segkit.experiments.plans import _head_neck as head_neck
from segkit.experiments.plans import _mask_prior as arms
from segkit.experiments.plans import _mask_prior_data as data
from segkit.experiments.plans import _mask_prior_found as found
from segkit.experiments.plans import _mask_prior_stages as stages
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


def found_hearts(name: str) -> list[Case]:
    cases = in_two_phases()
    return found.hearts_of(cases, split_of(cases), updates=2)


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


def test_masks_without_an_oracle(monkeypatch):
    plan = replace(small("no_oracle", metrics=("dice",)), prepare=found_hearts)
    prepared = prepare(plan)
    monkeypatch.setattr(stages, "fit", partial(_quick, stages.fit))
    for arm in plan.arms:
        record = run_one(plan, prepared, arm, 0, {"n_labelled": 1})
        assert len(record["evaluation"]["cases"]) == 4


def _quick(fit, *args, updates, **options):
    return fit(*args, updates=1, **options)


def test_a_label_has_no_part_in_the_masks_that_are_found():
    cases = in_two_phases()
    first, second = (
        found.hearts_of(each, split_of(cases), updates=2) for each in (cases, without_labels(cases))
    )
    for a, b in zip(first, second, strict=True):
        names = ("moving", "found", "stranger", "change", "moving coordinates", "found coordinates")
        one, other = (arms.separate(case, found.FOUND, names).meta for case in (a, b))
        assert all(torch.equal(one[name], other[name]) for name in names)


def without_labels(cases: list[Case]) -> list[Case]:
    return [case.with_(label=torch.zeros_like(case.label)) for case in cases]


def heads(n: int) -> list[Case]:
    return phantoms("ct_head_neck", n)


def test_frames_that_vary_move_the_masks_with_the_patient():
    case = head_neck.coarse(head_neck.with_masks(heads(1)[0]), (12.0, 12.0, 12.0))
    random = np.random.default_rng(0)
    new = head_neck.moved(case, random, shape=(30, 30, 30), reach=(3, 3, 3), cut=0.2)
    assert new.shape == (30, 30, 30) and new.meta["body"].shape == (30, 30, 30)
    inside = new.image[0][new.meta["body"]]
    assert float(inside.mean()) > -500
    assert new.image.unique().numel() > 0.99 * new.image.numel() - new.meta["body"].sum()


def test_a_changed_scan_is_the_same_patient_and_loses_labels_only_with_slices():
    case, random = heads(1)[0], np.random.default_rng(0)
    for name in (head_neck.AS_IS, *head_neck.CHANGES):
        new = head_neck.changed(case, name, random)
        assert new.group == case.group and new.id.endswith(name)
        assert torch.equal(new.image, case.image) == (name == head_neck.AS_IS)
        if name == "cut":
            kept = new.label > 0
            assert 0 < int(kept.sum()) < int((case.label > 0).sum())
            assert torch.equal(new.label[kept], case.label[kept])
        else:
            assert torch.equal(new.label, case.label)


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
    region = found.moving_region(change)
    assert region[:, 22:28, 32:42].all()
    assert int(region[0].sum()) < 3 * 140 and not region[0, :10].any()
