from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segkit.errors import ConfigError, DataError
from segkit.evaluate.statistics import hierarchical_bootstrap
from segkit.evaluate.statistics.crossed import stretch


def table(seed, draws=8, cases=40, draw_sd=0.03, case_sd=0.05, noise_sd=0.04):
    rng = np.random.default_rng(seed)
    return (
        0.8
        + draw_sd * rng.standard_normal((draws, 1))
        + case_sd * rng.standard_normal((1, cases))
        + noise_sd * rng.standard_normal((draws, cases))
    )


def width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize("draws", [5, 10])
def test_without_spread_over_cases_it_is_about_students_interval_over_draws(draws):
    values = table(1, draws=draws, case_sd=0, noise_sd=0)
    error = stats.sem(values.mean(1)) * stats.t.ppf(0.975, draws - 1)
    assert width(hierarchical_bootstrap(values)) == pytest.approx(2 * error, rel=0.2)


def test_without_spread_over_draws_it_is_about_students_interval_over_cases():
    values = table(2, draw_sd=0, noise_sd=0)
    error = stats.sem(values.mean(0)) * stats.t.ppf(0.975, 39)
    assert width(hierarchical_bootstrap(values)) == pytest.approx(2 * error, rel=0.1)


def test_more_draws_of_the_same_cases_cannot_remove_the_spread_over_cases():
    """Resampling cases anew in each draw would shrink this interval: the cases are always the same."""
    values = np.repeat(table(3, draws=1, draw_sd=0, noise_sd=0), 64, axis=0)
    few, many = hierarchical_bootstrap(values[:2]), hierarchical_bootstrap(values)
    assert width(many) == pytest.approx(width(few), rel=0.05)


def test_pairing_removes_what_both_arms_share():
    first, rng = table(4, draw_sd=0.1), np.random.default_rng(4)
    second = first + 0.02 + 0.001 * rng.standard_normal(first.shape)
    paired = hierarchical_bootstrap(second, baseline=first)
    assert paired == hierarchical_bootstrap(second - first)
    assert 0.018 < paired.low < paired.mean < paired.high < 0.022


def test_mean_and_counts():
    values = table(5)
    interval = hierarchical_bootstrap(values, level=0.9)
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.draws, interval.cases, interval.level) == (8, 40, 0.9)
    assert interval.low < interval.mean < interval.high


def test_a_higher_level_is_wider():
    widths = [width(hierarchical_bootstrap(table(6), level=level)) for level in (0.5, 0.8, 0.95, 0.99)]
    assert widths == sorted(widths)


@settings(deadline=None)
@given(st.floats(-2, 2), st.floats(0.01, 50), st.integers(0, 20))
def test_follows_a_change_of_unit(shift, scale, seed):
    a, b = hierarchical_bootstrap(table(seed)), hierarchical_bootstrap(shift + scale * table(seed))
    assert [b.low, b.mean, b.high] == pytest.approx(
        [shift + scale * x for x in (a.low, a.mean, a.high)], abs=1e-9
    )


def test_the_same_table_gives_the_same_interval_and_another_generator_nearly_so():
    values = table(7)
    assert hierarchical_bootstrap(values) == hierarchical_bootstrap(values)
    other = hierarchical_bootstrap(values, generator=np.random.default_rng(11))
    assert other.low != hierarchical_bootstrap(values).low
    assert width(other) == pytest.approx(width(hierarchical_bootstrap(values)), rel=0.15)


def test_an_undefined_case_is_the_same_as_a_case_that_is_not_there():
    values = table(8)
    with_gap = np.insert(values, 3, np.nan, axis=1)
    a, b = hierarchical_bootstrap(values), hierarchical_bootstrap(with_gap)
    assert b.mean == pytest.approx(a.mean)
    assert width(b) == pytest.approx(width(a), rel=0.15)


def test_the_mean_is_over_draws_of_the_mean_over_defined_cases():
    values = np.array([[0.8, 0.6, np.nan], [0.9, 0.7, 0.5]])
    assert hierarchical_bootstrap(values).mean == pytest.approx((0.7 + 0.7) / 2)
    gap = np.array([[np.nan, 0.1, 0.1], [0.1, 0.1, 0.1]])
    assert hierarchical_bootstrap(values, baseline=gap).mean == pytest.approx((0.5 + 0.6) / 2)


def test_rarely_defined_cases_leave_finite_ends():
    values = np.full((3, 30), np.nan)
    values[:, :2] = [[0.5, 0.6], [0.4, 0.7], [0.5, 0.5]]
    interval = hierarchical_bootstrap(values)
    # About one resample in seven holds neither of the two cases; it must not count as a Dice of 0.
    assert 0.4 < interval.low < interval.mean < interval.high < 0.7


@pytest.mark.parametrize("shape", [(1, 20), (20, 1)])
def test_one_draw_or_one_case_has_a_mean_but_no_interval(shape):
    interval = hierarchical_bootstrap(np.full(shape, 0.5))
    assert interval.mean == 0.5
    assert math.isnan(interval.low) and math.isnan(interval.high)


def test_stretch_is_students_t_over_the_normal():
    assert stretch(5, 0.95) == pytest.approx(stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975) * math.sqrt(5 / 4))


@pytest.mark.parametrize(
    ("values", "options", "error", "sentence"),
    [
        ([0.1, 0.2], {}, DataError, r"values must have shape \(draws, cases\)"),
        ([[], []], {}, DataError, "at least one of each"),
        ([[0.1], [np.nan]], {}, DataError, "draw 1 has no case with a defined value"),
        ([[0.1], [0.2]], {"baseline": [[0.1, 0.2]]}, DataError, "they must be paired"),
        ([[0.1], [0.2]], {"level": 1.0}, ConfigError, "level must be in"),
        ([[0.1], [0.2]], {"resamples": 0}, ConfigError, "resamples positive"),
    ],
)
def test_refuses_what_is_no_table(values, options, error, sentence):
    with pytest.raises(error, match=sentence):
        hierarchical_bootstrap(values, **options)
