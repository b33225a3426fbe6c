"""One and two stages on small phantoms: every arm predicts whole images and tells where it looked."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segkit.data import Case, crop_or_pad, make_split, phantoms, resample
from segkit.experiments import make_draw, prepare, run_one, validate_record
from segkit.experiments.plans import _voxel_metric_stages as stages
from segkit.experiments.plans import find_plan
from segkit.experiments.plans._organs import SPACING

PLAN = find_plan("voxel_metric/stages")


def heads(name: str) -> list[Case]:
    found = []
    for case in phantoms("ct_head_neck", 4):
        label = (case.label == case.classes.index(stages.ORGAN)).long()
        one = resample(case.with_(label=label, classes=("background", "parotid")), SPACING)
        middle = (one.label > 0).nonzero().double().mean(0)
        found.append(crop_or_pad(one, (32, 32, 44), centre=(middle + 3).tolist(), pad_label=0))
    return found


def split(name: str):
    return make_split([case.group for case in heads(name)], (2, 1, 1), seed=0)


SMALL = replace(PLAN, prepare=heads, split=split, updates=1, metrics=("dice",))


@pytest.fixture(scope="module")
def prepared():
    return prepare(SMALL)


@pytest.mark.parametrize("name", PLAN.arms)
def test_every_arm_trains_and_tells_where_it_looked(name, prepared):
    record = run_one(SMALL, prepared, name, 0, {})
    validate_record(record)
    metrics = record["evaluation"]["metrics"]
    assert set(metrics) == {"dice", "contained", "found", "centre_error_mm"}
    assert (metrics["centre_error_mm"] == [[0.0]]) == (name == "oracle crop")
    if name == "oracle crop":
        assert metrics["contained"] == metrics["found"] == [[1.0]]


def test_both_stages_start_alike_in_every_arm_and_share_nothing(prepared):
    draw = make_draw(SMALL, prepared, 0, {})
    predicted, oracle = (SMALL.arms[f"{name} crop"].method(draw) for name in ("predicted", "oracle"))
    for one, other in zip(predicted.parameters(), oracle.parameters(), strict=True):
        assert torch.equal(one, other)
    first = {id(each) for each in predicted.first.parameters()}
    assert not first & {id(each) for each in predicted.second.parameters()}


def test_a_batch_holds_crops_for_stage_2_and_whole_coarse_images_for_stage_1(prepared):
    draw = make_draw(SMALL, prepared, 0, {})
    batch = stages.StageBatches(draw, batch_size=2)[0]
    assert tuple(batch["image"].shape[2:]) == stages.box_of(draw).size
    assert batch["coarse_image"].shape[2:] == batch["coarse_label"].shape[1:]
    assert batch["coarse_image"].shape[2] < draw.train[0].shape[0]
    assert batch["distance_mm"].shape[2:] == batch["label"].shape[1:]
    assert int((batch["coarse_label"] > 0).sum()) > 0
