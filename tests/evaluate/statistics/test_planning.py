from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segkit.errors import ConfigError, DataError
from segkit.evaluate.statistics import draws_needed, t_power

DRAWS = [0.05, -0.02, 0.04, 0.01, 0.03, -0.01]


@pytest.mark.parametrize(("n", "effect", "alpha"), [(5, 0.05, 0.05), (8, -0.02, 0.05), (12, 0.03, 0.01)])
def test_power_is_the_share_of_simulated_t_tests_that_find_the_effect(n, effect, alpha):
    d = np.random.default_rng(1).normal(effect, 0.036, (20_000, n))
    found = (stats.ttest_1samp(d, 0, axis=1).pvalue <= alpha).mean()
    assert t_power(n, effect=effect, sd=0.036, alpha=alpha) == pytest.approx(found, abs=0.012)


@settings(deadline=None)
@given(st.integers(2, 50), st.floats(-5, 5), st.floats(0.001, 0.2))
def test_power_is_what_the_noncentral_t_of_scipy_leaves_outside(n, effect, alpha):
    critical, shift = stats.t.ppf(1 - alpha / 2, n - 1), effect * np.sqrt(n)
    inside = stats.nct.cdf(critical, n - 1, shift) - stats.nct.cdf(-critical, n - 1, shift)
    if np.isfinite(inside):  # it is not for some large shifts
        assert t_power(n, effect=effect, sd=1.0, alpha=alpha) == pytest.approx(1 - inside, abs=1e-8)


@pytest.mark.parametrize("effect", [0.1875, 1.0, 1e3])
def test_power_of_a_huge_effect_is_one(effect):
    assert t_power(11, effect=effect, sd=0.028047578623950173) == pytest.approx(1.0)


def test_power_without_effect_is_alpha():
    assert t_power(7, effect=0.0, sd=1.0, alpha=0.05) == pytest.approx(0.05)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.2), st.floats(0.3, 0.95))
def test_the_number_is_the_smallest_that_has_the_power(effect, power):
    sd = float(np.std(DRAWS, ddof=1))
    n = draws_needed(DRAWS, effect=effect, power=power)
    assert t_power(n, effect=effect, sd=sd) >= power
    assert n == 6 or t_power(n - 1, effect=effect, sd=sd) < power


def test_the_normal_approximation_is_too_kind():
    sd = float(np.std(DRAWS, ddof=1))
    for effect in (0.02, 0.03, 0.04):
        assert draws_needed(DRAWS, effect=effect) > (2.8 * sd / effect) ** 2


def test_a_large_effect_still_needs_the_draws_of_an_exact_test():
    assert draws_needed(DRAWS, effect=10.0) == 6
    assert draws_needed(DRAWS, effect=10.0, alpha=0.01) == 8
    assert draws_needed([0.02, 0.02], effect=0.01) == 6  # no spread seen


def test_sign_of_the_effect_and_shift_of_the_draws_do_not_matter():
    assert draws_needed(DRAWS, effect=-0.03) == draws_needed(np.array(DRAWS) + 7, effect=0.03)


def test_planning_with_confidence_asks_for_more():
    sd = float(np.std(DRAWS, ddof=1))
    careful = draws_needed(DRAWS, effect=0.03, confidence=0.8)
    assert careful > draws_needed(DRAWS, effect=0.03)
    # The upper limit lies above the true spread in four of five samples.
    samples = np.random.default_rng(2).normal(0, sd, (20_000, 6)).std(1, ddof=1)
    limits = samples * np.sqrt(5 / stats.chi2.ppf(0.2, 5))
    assert (limits > sd).mean() == pytest.approx(0.8, abs=0.01)
    assert t_power(careful, effect=0.03, sd=sd * np.sqrt(5 / stats.chi2.ppf(0.2, 5))) >= 0.8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"effect": 0.0}, "effect must not be 0"),
        ({"effect": 0.1, "power": 1.0}, "effect must not be 0, and power"),
        ({"effect": 0.1, "confidence": 0.0}, "effect must not be 0, and power"),
        ({"effect": 1e-6}, "needs more than 1000000 draws"),
    ],
)
def test_plans_that_make_no_sense(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        draws_needed(DRAWS, **options)


def test_one_draw_tells_nothing_about_the_spread():
    with pytest.raises(DataError, match="at least 2 draws are needed, not 1"):
        draws_needed([0.03], effect=0.01)
    with pytest.raises(ConfigError, match="draws ≥ 2"):
        t_power(1, effect=0.1, sd=0.1)
