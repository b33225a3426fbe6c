from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segkit.errors import ConfigError
from segkit.evaluate.statistics import permutation_test, smallest_p

# Sixty-fourths: sums of them are exact, so that SciPy sees the ties too.
differences = st.lists(st.integers(-5, 5).map(lambda i: i / 64), min_size=2, max_size=9)


@settings(max_examples=30, deadline=None)
@given(differences)
def test_agrees_with_scipy_where_every_sign_is_tried(d):
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert permutation_test(d) == pytest.approx(theirs.pvalue)


@settings(deadline=None)
@given(differences, st.floats(1e-3, 1e3))
def test_depends_neither_on_the_unit_nor_on_the_order_of_the_arms(d, unit):
    assert permutation_test(d) == permutation_test([-unit * x for x in d])


@pytest.mark.parametrize("n", [1, 5, 6, 20])
def test_agreeing_draws_give_the_smallest_p(n):
    assert permutation_test(np.linspace(1, 2, n)) == pytest.approx(smallest_p(n))


def test_no_difference_is_no_evidence():
    assert permutation_test([0.0] * 7) == 1.0


def test_ties_count_as_extreme_in_spite_of_rounding():
    # 0.1 + 0.2 and 0.3 differ in the last bit; as numbers the two arrangements are tied.
    assert permutation_test([0.1, 0.2, -0.3]) == 1.0


def test_many_draws_are_sampled_and_the_sample_can_be_repeated():
    d = np.random.default_rng(5).normal(0.4, 1.0, 40)
    p = permutation_test(d)
    assert p == permutation_test(d)
    # For 40 normal draws the sign-flip test and Student's t nearly coincide.
    assert p == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=0.1)
    other = permutation_test(d, generator=np.random.default_rng(9))
    assert other != p and other == pytest.approx(p, rel=0.1)


def test_a_sampled_p_is_never_zero():
    assert permutation_test(np.ones(30), resamples=999) == 1 / 1000


def test_a_sample_without_members_is_refused():
    with pytest.raises(ConfigError, match="resamples must be positive"):
        permutation_test([0.1], resamples=0)
