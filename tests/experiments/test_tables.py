"""Rows of a table: the keys of the design, pairing by draw, and counts that no mean can hide."""

from __future__ import annotations

import json

import pytest
from fakes import fake_record, with_mean

from segkit.errors import ConfigError, DataError
from segkit.experiments import rows_json, table_rows

DESIGN = [
    "dataset", "labelled", "arm", "metric", "mean", "low", "high", "seeds", "cases",
    "baseline", "difference", "diff_low", "diff_high", "p",
]  # fmt: skip


def six_draws(gain: float = 0.02, arm: str = "better") -> list[dict]:
    """Draws that differ by up to 0.10 while the arms differ by about `gain` in each of them."""
    records = []
    for draw in range(6):
        level = 0.7 + 0.02 * draw
        records.append(fake_record("plain", draw, with_mean(level)))
        records.append(fake_record(arm, draw, with_mean(level + gain + 0.001 * draw)))
    return records


def test_rows_begin_with_the_keys_of_the_design():
    for row in table_rows(six_draws()):
        assert list(row)[: len(DESIGN)] == DESIGN
        assert json.loads(rows_json([row])) == [row]


def test_differences_are_paired_by_draw_so_a_small_gain_is_seen_through_a_large_spread():
    plain, better = table_rows(six_draws())
    assert plain["mean"] == pytest.approx(0.75)
    assert (plain["minimum"], plain["maximum"]) == pytest.approx((0.70, 0.80))
    assert (plain["seeds"], plain["cases"], plain["labelled"]) == (6, 3, 4)
    assert plain["baseline"] is plain["difference"] is plain["p"] is None
    assert better["difference"] == pytest.approx(0.0225)
    assert better["p"] == 2 / 64  # all six signs agree: 2 of 2^6
    assert 0.015 < better["diff_low"] < better["difference"] < better["diff_high"] < 0.03
    assert better["high"] - better["low"] > 4 * (better["diff_high"] - better["diff_low"])


def test_only_common_draws_are_compared():
    records = [r for r in six_draws() if not (r["arm"] == "plain" and r["draw"] == 5)]
    plain, better = table_rows(records)
    assert (plain["seeds"], better["seeds"]) == (5, 6)
    assert better["difference"] == pytest.approx(0.022)
    assert better["p"] == 2 / 32


def test_p_is_adjusted_over_the_arms_of_a_block():
    records = six_draws() + [r for r in six_draws(0.03, "best") if r["arm"] == "best"]
    rows = table_rows(records)
    assert [row["p"] for row in rows] == [None, 2 / 64, 2 / 64]
    assert [row["p_holm"] for row in rows] == [None, 4 / 64, 4 / 64]


def test_another_baseline_or_a_missing_one():
    rows = table_rows(six_draws(), baseline="better")
    assert [row["difference"] for row in rows] == [pytest.approx(-0.0225), None]
    only = table_rows([r for r in six_draws() if r["arm"] == "better"])
    assert only[0]["baseline"] == "plain"
    assert only[0]["difference"] is None
    with pytest.raises(ConfigError, match="did you mean 'better'"):
        table_rows(six_draws(), baseline="beter")


def test_a_single_draw_has_no_interval_and_no_p():
    plain, better = table_rows([fake_record("plain"), fake_record("better", values=with_mean(0.9))])
    assert plain["low"] is plain["high"] is better["p"] is better["diff_low"] is None
    assert better["difference"] == pytest.approx(0.2)


def test_settings_and_parts_are_not_averaged_together():
    more = fake_record("plain", 0, setting={"n_labelled": 8, "updates": 30})
    records = [*six_draws(), more, fake_record("plain", 0, part="validation")]
    rows = table_rows(records)
    assert [(row["labelled"], row["setting"], row["part"]) for row in rows] == [
        (4, {}, "test"), (4, {}, "test"), (8, {"updates": 30}, "test"), (4, {}, "validation"),
    ]  # fmt: skip


def test_undefined_and_missed_structures_are_counted():
    values = [[0.8, None], [0.0, 0.6], [None, None]]
    record = fake_record(values=values, status={"missed": [[1, 0]], "both_empty": [[0, 1]]})
    (row,) = table_rows([record])
    assert (row["undefined"], row["missed"], row["spurious"]) == (3, 1, 0)
    assert row["mean"] == pytest.approx((0.8 + 0.3) / 2)
    (row,) = table_rows([record], structure="posterior")
    assert (row["undefined"], row["missed"], row["mean"], row["structure"]) == (2, 0, 0.6, "posterior")


def test_unknown_names_and_nothing_at_all():
    with pytest.raises(ConfigError, match="unknown metric of these records 'dicee': did you mean 'dice'"):
        table_rows(six_draws(), metric="dicee")
    with pytest.raises(ConfigError, match="unknown structure of these records 'anteror'"):
        table_rows(six_draws(), structure="anteror")
    with pytest.raises(DataError, match="no run records"):
        table_rows([])


def test_arms_that_were_tested_on_different_cases_are_refused():
    with pytest.raises(DataError, match="better draw 0 was tested on other cases"):
        table_rows([fake_record("plain"), fake_record("better", values=[[0.5, 0.5]])])
