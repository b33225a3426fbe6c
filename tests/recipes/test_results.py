"""Means, intervals over patients, tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segkit.recipes.reports import worst_cases
from segkit.recipes.results import patient_interval, summarised, write_csv


def record(id, group, dice, status="defined"):
    measure = {"value": dice, "status": status, "policy": "nan", "unit": "1"}
    return {"id": id, "group": group, "metrics": {"organ": {"dice": measure}}}


def test_patients_are_drawn_with_all_of_their_cases():
    """Copies of a case of the same patient tell nothing new; of another patient they would."""
    values = [0.6, 0.7, 0.8, 0.9]
    alone = patient_interval(values, list("abcd"))
    copied = patient_interval(np.repeat(values, 5), np.repeat(list("abcd"), 5))
    assert copied == pytest.approx(alone)
    more = patient_interval(np.repeat(values, 5), [str(i) for i in range(20)])
    assert more[1] - more[0] < (alone[1] - alone[0]) / 2


def test_the_interval_keeps_its_promise():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = patient_interval(rng.normal(0.8, 0.1, 12), [str(i) for i in range(12)], resamples=400)
        hits += low < 0.8 < high
    assert 180 <= hits <= 200


def test_one_patient_has_no_interval():
    assert all(math.isnan(end) for end in patient_interval([0.5, 0.6], ["a", "a"]))


def test_what_is_undefined_is_counted_and_in_no_mean(tmp_path):
    records = [record("1", "a", 0.8), record("2", "b", 0.6), record("3", "c", None, "both_empty")]
    results = summarised(records, ["organ"], ["dice"], part="test")
    row = results.row("organ", "dice")
    assert (row.summary.mean, row.summary.n, row.summary.undefined) == (pytest.approx(0.7), 2, 1)
    assert row.low < 0.7 < row.high
    write_csv(tmp_path / "cases.csv", results)
    assert (tmp_path / "cases.csv").read_text().splitlines() == [
        "case,patient,class,dice,status", "1,a,organ,0.8,defined", "2,b,organ,0.6,defined",
        "3,c,organ,,both_empty",
    ]  # fmt: skip
    assert [id for id, _ in worst_cases(results)] == ["2", "1"]
    assert results.to_json()["rows"][0]["mean"] == pytest.approx(0.7)
