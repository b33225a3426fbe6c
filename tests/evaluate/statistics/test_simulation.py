"""The tests of the book tried on tables of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from segkit.evaluate.statistics import (
    hierarchical_bootstrap,
    permutation_test,
    sign_test,
    simulate_tables,
    t_power,
)

TABLES, DRAWS, CASES = 2000, 10, 60


def differences(seed, **options):
    tables = simulate_tables(
        TABLES, draws=DRAWS, cases=CASES, generator=np.random.default_rng(seed), **options
    )
    return tables[:, 1] - tables[:, 0]


@pytest.fixture(scope="module")
def no_effect():
    """Differences of two arms that are equally good, but for a shift of each run that all its cases share."""
    return differences(2026)


def share_excluding_zero(tables):
    generator = np.random.default_rng(1)
    intervals = [hierarchical_bootstrap(d, resamples=1000, generator=generator) for d in tables]
    return np.mean([not i.low <= 0 <= i.high for i in intervals])


def test_parts_have_the_spread_that_was_asked_for():
    tables = simulate_tables(
        3000,
        draws=4,
        cases=50,
        generator=np.random.default_rng(0),
        effect=0.05,
        mean=0.7,
        draw_sd=0.03,
        case_sd=0.1,
        interaction_sd=0.02,
        noise_sd=0.01,
    )
    gain = tables[:, 1] - tables[:, 0]
    assert tables[:, 0].mean() == pytest.approx(0.7, abs=0.002)
    assert gain.mean() == pytest.approx(0.05, abs=0.002)
    per_draw = gain.mean(2)  # two runs' shifts; the noise of 50 cases is small beside them
    assert per_draw.std(axis=1, ddof=1).mean() == pytest.approx(0.03 * np.sqrt(2) * 0.92, rel=0.03)
    per_case = gain.mean(1)
    assert per_case.std(axis=1).mean() == pytest.approx(np.hypot(0.02, 0.01 * np.sqrt(2 / 4)), rel=0.03)
    assert tables[:, 0].mean(1).std(axis=1).mean() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("draws", [5, 6, 8, 10])
def test_exact_tests_over_draws_find_nothing_where_nothing_is(no_effect, draws):
    per_draw = no_effect[:, :draws].mean(2)
    for test in (permutation_test, sign_test):
        assert np.mean([test(d) <= 0.05 for d in per_draw]) <= 0.06


@pytest.mark.parametrize("draws", [5, 6, 10])
def test_the_interval_leaves_out_zero_no_more_often_than_it_promises(no_effect, draws):
    assert 0.03 <= share_excluding_zero(no_effect[:, :draws]) <= 0.06


def test_the_interval_also_holds_for_new_cases():
    """If an arm helps some cases and harms others, other test cases would have given another mean."""
    tables = differences(7, interaction_sd=0.1)
    assert share_excluding_zero(tables) <= 0.06
    # A test over draws speaks of the test cases at hand, whose mean gain is not zero.
    assert np.mean([permutation_test(d) <= 0.05 for d in tables.mean(2)]) > 0.08


def test_a_plain_percentile_interval_over_five_draws_promises_too_much(no_effect):
    per_draw = no_effect[:, :5].mean(2)
    chosen = np.random.default_rng(3).integers(5, size=(1000, 5))
    low, high = np.quantile(per_draw[:, chosen].mean(2), [0.025, 0.975], axis=1)
    assert np.mean((low > 0) | (high < 0)) > 0.12


def test_a_wilcoxon_test_over_cases_finds_an_effect_where_none_is(no_effect):
    """Cases share the trained nets: they agree on which run was lucky, not on which method is better."""
    assert np.mean(wilcoxon(no_effect[:, :1].mean(1), axis=1).pvalue <= 0.05) > 0.6
    assert np.mean(wilcoxon(no_effect.mean(1), axis=1).pvalue <= 0.05) > 0.5


def test_an_effect_is_found_about_as_often_as_the_plan_says():
    tables = differences(5, effect=0.04)
    sd = np.sqrt(2 * (0.025**2 + 0.04**2 / CASES))
    planned = t_power(DRAWS, effect=0.04, sd=sd)
    found = np.mean([permutation_test(d) <= 0.05 for d in tables.mean(2)])
    assert found == pytest.approx(planned, abs=0.05)
    assert planned > 0.6
