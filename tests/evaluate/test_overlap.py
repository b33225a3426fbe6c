from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_dice, compute_iou

from segkit.errors import ConfigError
from segkit.evaluate import dice, iou, ppv, sensitivity

EMPTY, FULL = np.zeros((4, 5), bool), np.ones((4, 5), bool)
masks = arrays(bool, (4, 3, 3))


@settings(deadline=None)
@given(masks, masks)
def test_dice_and_iou_agree_with_monai(p, t):
    one_hot = [torch.from_numpy(m)[None, None].float() for m in (p, t)]
    for ours, theirs in ((dice, compute_dice), (iou, compute_iou)):
        expected = theirs(*one_hot, include_background=True, ignore_empty=False).item()
        assert ours(p, t, policy="one").value == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(masks, masks)
def test_the_four_are_tied_to_each_other(p, t):
    assert dice(p, t) == dice(t, p) or dice(p, t).status != "defined"
    d, j = dice(p, t).value, iou(p, t).value
    if p.any() and t.any():
        assert j == pytest.approx(d / (2 - d))
        assert sensitivity(p, t).value == ppv(t, p).value
        share, precision = sensitivity(p, t).value, ppv(p, t).value
        if d:
            assert d == pytest.approx(2 / (1 / share + 1 / precision))


def test_boxes_have_the_overlap_that_their_sides_give():
    p, t = np.zeros((2, 10, 10, 10), bool)
    p[2:6, 2:6, 2:6] = True  # 64 voxels
    t[4:8, 2:6, 2:8] = True  # 96 voxels, 2 · 4 · 4 = 32 of them common
    assert dice(p, t).value == 64 / 160
    assert iou(p, t).value == 32 / 128
    assert sensitivity(p, t).value == 32 / 96
    assert ppv(p, t).value == 32 / 64


@pytest.mark.parametrize("metric", [dice, iou, sensitivity, ppv])
def test_a_perfect_prediction_is_one(metric):
    assert metric(FULL, FULL).value == 1.0


@pytest.mark.parametrize("policy", ["nan", "one"])
@pytest.mark.parametrize("metric", [dice, iou, sensitivity, ppv])
def test_a_missed_structure_is_zero_in_every_share(metric, policy):
    measure = metric(EMPTY, FULL, policy=policy)
    assert (measure.value, measure.status, measure.policy) == (0.0, "missed", policy)


@pytest.mark.parametrize("policy", ["nan", "one"])
@pytest.mark.parametrize("metric", [dice, iou, ppv])
def test_a_spurious_structure_is_zero(metric, policy):
    measure = metric(FULL, EMPTY, policy=policy)
    assert (measure.value, measure.status) == (0.0, "spurious")


@pytest.mark.parametrize("policy", ["nan", "one"])
def test_sensitivity_without_truth_is_undefined(policy):
    assert sensitivity(FULL, EMPTY, policy=policy).undefined


@pytest.mark.parametrize("metric", [dice, iou, sensitivity, ppv])
def test_both_empty_follows_the_policy(metric):
    assert metric(EMPTY, EMPTY, policy="one").value == 1.0
    measure = metric(EMPTY, EMPTY)
    assert math.isnan(measure.value)
    assert (measure.status, measure.policy) == ("both_empty", "nan")


@settings(deadline=None)
@given(st.sampled_from([dice, iou, sensitivity, ppv]))
def test_an_unknown_policy_is_refused_even_where_it_is_not_needed(metric):
    with pytest.raises(ConfigError, match="unknown policy for overlap 'zero'"):
        metric(FULL, FULL, policy="zero")
