"""How many draws it takes, from draws that are finished."""

from __future__ import annotations

import pytest
from fakes import fake_record, with_mean

from segkit.errors import ConfigError
from segkit.experiments import power


def records(gains: list[float]) -> list[dict]:
    pairs = [(("plain", 0.8), ("other", 0.8 + gain)) for gain in gains]
    return [fake_record(arm, draw, with_mean(mean)) for draw, pair in enumerate(pairs) for arm, mean in pair]


def test_a_wider_spread_needs_more_draws():
    (narrow,) = power(records([0.01, 0.02, 0.03]))
    (wide,) = power(records([-0.03, 0.02, 0.07]))
    assert narrow["difference"] == wide["difference"] == pytest.approx(0.02)
    assert (narrow["arm"], narrow["baseline"], narrow["draws"]) == ("other", "plain", 3)
    assert narrow["sd"] == pytest.approx(0.01)
    assert 6 <= narrow["needed"] < wide["needed"]
    assert narrow["needed"] < narrow["needed_careful"]
    assert narrow["needed_observed"] < narrow["needed"]  # twice the effect


def test_no_difference_needs_draws_without_end():
    (row,) = power(records([0.02, -0.02]))
    assert row["difference"] == 0
    assert row["needed_observed"] is None


def test_one_draw_is_not_enough():
    with pytest.raises(ConfigError, match="at least two draws"):
        power(records([0.01]))
