from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segkit.errors import DataError
from segkit.evaluate import METRICS, Measure, band_dice, evaluate_case, hd95_mm, summarise

masks = arrays(bool, (3, 4, 4))
cases = st.lists(st.tuples(masks, masks, st.booleans()), min_size=1, max_size=4)
SHARES = {"dice", "iou", "sensitivity", "ppv", "band_dice"}
BAND = {"width_mm": 2, "spacing_mm": (1, 2, 3)}
DISTANCES = {"hd95_mm", "assd_mm", "centroid_distance_mm"}


def summaries(pairs, **policies):
    results = [
        evaluate_case(p * 1, t * 1, (1, 2, 3), "bt", metrics=METRICS, **policies)["t"] for p, t in pairs
    ]
    return {name: summarise(result[name] for result in results) for name in METRICS}


def test_every_metric_has_a_side_on_which_missing_is_worse():
    assert set(METRICS) == SHARES | DISTANCES | {"volume_error"}


@settings(deadline=None)
@given(cases, st.sampled_from(["nan", "one"]))
def test_missing_a_structure_never_improves_a_mean(drawn, policy):
    # A truth that fills the image has no contour, so no band round it either, whatever is predicted.
    there = [(p, t, miss) for p, t, miss in drawn if not band_dice(t, t, **BAND).undefined]
    before = summaries([(p, t) for p, t, _ in there], overlap_policy=policy)
    after = summaries([(p & ~miss, t) for p, t, miss in there], overlap_policy=policy)
    if not there:
        return
    for name in SHARES:
        assert after[name].mean <= before[name].mean + 1e-12
    for name in DISTANCES:
        assert after[name].mean >= before[name].mean - 1e-12
    for name in METRICS:
        # Nothing left a mean, and every miss is counted.
        assert (after[name].n, after[name].undefined) == (len(there), 0)
        assert after[name].missed == sum(miss or not p.any() for p, _, miss in there)


@settings(deadline=None)
@given(masks, st.lists(st.tuples(masks, masks), max_size=3))
def test_inventing_a_structure_never_improves_a_mean(invented, others):
    nothing = np.zeros_like(invented)
    before = summaries([(nothing, nothing), *others])
    after = summaries([(invented, nothing), *others])
    for name in SHARES:
        assert not after[name].mean > before[name].mean + 1e-12
    for name in DISTANCES:
        assert not after[name].mean < before[name].mean - 1e-12


def test_the_common_mean_of_hd95_improves_when_the_worst_case_is_missed():
    """The trap that the default policy closes: without a value for a miss, missing pays."""
    truth = np.zeros((16, 16), bool)
    truth[4:8, 4:8] = True
    found = [np.roll(truth, shift, axis=1) for shift in (1, 1, 6)]
    missed = [*found[:2], np.zeros_like(truth)]

    def mean(predictions, policy):
        return summarise(hd95_mm(p, truth, spacing_mm=(1, 1), policy=policy) for p in predictions).mean

    assert mean(missed, "nan") == 1.0 < mean(found, "nan")
    assert mean(missed, "diagonal") > mean(found, "diagonal")


def test_counts_and_moments():
    measures = [
        Measure(1.0, "defined", "diagonal", "mm"),
        Measure(2.0, "defined", "diagonal", "mm"),
        Measure(12.0, "missed", "diagonal", "mm"),
        Measure(9.0, "spurious", "diagonal", "mm"),
        Measure(math.nan, "both_empty", "diagonal", "mm"),
    ]
    s = summarise(measures)
    assert (s.mean, s.median, s.n, s.undefined, s.missed, s.spurious) == (6.0, 5.5, 4, 1, 1, 1)
    assert (s.policy, s.unit) == ("diagonal", "mm")


def test_no_case_at_all_gives_no_mean():
    s = summarise([])
    assert math.isnan(s.mean) and math.isnan(s.median)
    assert (s.n, s.undefined, s.missed, s.spurious) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "other", [Measure(1.0, "defined", "nan", "mm"), Measure(1.0, "defined", "diagonal", "voxels")]
)
def test_mixed_policies_or_units_are_not_averaged(other):
    with pytest.raises(DataError, match="different policy or unit"):
        summarise([Measure(1.0, "defined", "diagonal", "mm"), other])
