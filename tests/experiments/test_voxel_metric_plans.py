"""The experiments of chapter 5: every arm trains, all start alike, and what else is measured is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segkit.data import Case, make_split, phantoms
from segkit.data.splitting import load_split
from segkit.errors import ConfigError, DataError
from segkit.experiments import make_draw, prepare, run_one, validate_record
from segkit.experiments.plans import _organs as organs
from segkit.experiments.plans import find_plan, plan_names
from segkit.experiments.plans._voxel_metric import ASKED, branch, words
from segkit.experiments.plans._voxel_metric_extra import count_parts
from segkit.experiments.plans.voxel_metric import CHOSEN, features, for_choices

SMALL = (16, 20, 16)


def pieces(name: str) -> list[Case]:
    """The middle of phantoms, so that a step takes no time."""
    return [organs.with_distances(organs.crop_or_pad(case, SMALL)) for case in phantoms("hippocampus", 4)]


def split(name: str):
    return make_split([case.group for case in pieces(name)], (2, 1, 1), seed=0)


def small(name: str, **changes):
    return replace(find_plan(f"voxel_metric/{name}"), prepare=pieces, split=split, updates=1, **changes)


@pytest.fixture(scope="module")
def prepared():
    return prepare(small("hippocampus"))


@pytest.mark.parametrize("name", CHOSEN)
def test_every_arm_of_the_chapter_trains(name, prepared):
    plan = small("losses", metrics=("dice",))
    record = run_one(plan, prepared, name, 0, {"n_labelled": 2})
    validate_record(record)
    assert set(record["evaluation"]["metrics"]) == {"dice", "components", "holes"}


@pytest.mark.parametrize("form", ASKED)
def test_every_form_gives_the_terms_that_are_weighted(form, prepared):
    plan = small("hippocampus")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    net = plan.arms["plain"].method(draw).net
    asked = branch(draw, net, form=form, weight=0.1)
    batch = plan.batches(draw)[0]
    features = net.forward_features(batch["image"], [*asked.taps, "logits"])
    found = asked(features, batch, torch.Generator().manual_seed(0))
    assert asked.weights.keys() <= found.keys()
    assert all(torch.isfinite(value) for value in found.values())


def test_all_arms_start_from_the_same_network_and_see_the_same_batches(prepared):
    plan = small("losses")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    first, *others = (arm.method(draw).net.state_dict() for arm in plan.arms.values())
    assert all(torch.equal(first[key], other[key]) for other in others for key in first)
    assert all(arm.batches is None for arm in plan.arms.values())


def test_a_setting_takes_the_turning_away(prepared):
    plan = small("hippocampus")
    turned, still = (
        plan.batches(make_draw(plan, prepared, 0, {"n_labelled": 2, **more}))
        for more in ({}, {"augment": "none"})
    )
    assert turned.augment is not None and still.augment is None


@pytest.mark.parametrize("arm", ["plain", "both"])
def test_features_are_measured_by_both_heads_and_the_network_is_left_alone(arm, prepared):
    plan = small("features", metrics=("dice",))
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    method = plan.arms[arm].method(draw)
    before = {key: value.clone() for key, value in method.net.state_dict().items()}
    measure = features("hippocampus").func(draw, method, updates=2, training={"lr": 1e-2}, band_mm=2.0)
    assert all(torch.equal(before[key], value) for key, value in method.net.state_dict().items())
    assert all(each.requires_grad for each in method.net.parameters())
    case = draw.train[0]
    found = measure(case, case.label)
    assert set(found) == {f"{what}{by}" for what in ("ncm", "silhouette") for by in ("", "_after", "_raw")}
    assert all(len(values) == 2 for values in found.values())
    assert all(0 <= value <= 1 for value in found["ncm"])
    assert (found["ncm"] == found["ncm_after"]) == (arm == "plain")


def test_parts_and_holes_are_counted():
    mask = torch.zeros(8, 8, 8, dtype=torch.int64)
    mask[1:6, 1:6, 1:6] = 1
    mask[3, 3, 3] = 0
    mask[7, 7, 7] = 1
    case = Case(torch.zeros(1, 8, 8, 8), mask, (1.0,) * 3, np.eye(4), "a", "a", ("ground", "organ", "other"))
    assert count_parts(case, mask) == {"components": [2.0, 0.0], "holes": [1.0, 0.0]}


def test_the_two_glands_of_a_patient_look_alike():
    case = phantoms("ct_head_neck", 1)[0]
    left, right = organs.both_sides(case)
    assert left.shape == right.shape == organs.FRAMES["parotid"]
    assert left.group == right.group and left.id != right.id
    mirrored = organs.mirrored(case)
    assert (
        int((right.label > 0).sum()) == int((mirrored.label == 3).sum()) or case.spacing_mm != organs.SPACING
    )
    # The same point of the patient has the same place in space.
    index = np.array([3, 5, 7, 1.0])
    there = np.array([3, case.shape[1] - 1 - 5, 7, 1.0])
    assert np.allclose(case.affine @ index, mirrored.affine @ there)


def test_a_frame_that_is_too_small_says_so():
    case = phantoms("hippocampus", 1)[0]
    with pytest.raises(DataError, match="lie outside of the frame"):
        organs.framed(case, (4, 4, 4))
    with pytest.raises(DataError, match="no label to centre"):
        organs.framed(case.with_(label=None), SMALL)


def test_an_unknown_form_is_named(prepared):
    plan = small("hippocampus")
    draw = make_draw(plan, prepared, 0, {"n_labelled": 2})
    with pytest.raises(ConfigError, match="did you mean 'circle'"):
        branch(draw, plan.arms["plain"].method(draw).net, form="circel", weight=1.0)


def test_choices_are_made_on_draws_and_cases_that_no_table_sees():
    tables = [find_plan(name) for name in plan_names() if name.startswith("voxel_metric/")]
    choices = [plan for plan in tables if plan.part == "validation"]
    assert {plan.experiment for plan in choices} >= {"choices", "choices_ct", "forms", "forms_ct"}
    for plan in choices:
        assert not set(plan.draw_numbers) & set(find_plan("voxel_metric/hippocampus").draw_numbers)


def test_patients_for_choices_are_none_of_the_test_part():
    split, usual = for_choices("openkbp"), load_split("openkbp")
    assert len(split.train) == 8 and len(split.validation) == 14
    assert set(split.train) <= set(usual.train) and split.test == usual.test
    assert set(split.train) | set(split.validation) == set(usual.train) | set(usual.validation)


def test_one_change_at_a_time():
    plan = find_plan("voxel_metric/samplers")
    usual = plan.arms["both"].method.keywords
    for name, arm in plan.arms.items():
        if name not in ("plain", "both"):
            changed = {k for k, v in arm.method.keywords.items() if usual.get(k) != v}
            assert len(changed) <= 1, name


def test_the_words_of_an_arm_tell_its_weight():
    assert words("both", {"λ": 0.3, "taps": ("bottom",)}) == "triplets and pairs; λ 0.3; taps ('bottom',)"
