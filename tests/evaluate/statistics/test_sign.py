from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from segkit.errors import DataError
from segkit.evaluate.statistics import sign_test, smallest_p

draws = st.lists(st.sampled_from([-0.02, 0.0, 0.01]), min_size=1, max_size=40)


@settings(deadline=None)
@given(draws)
def test_agrees_with_the_binomial_test_of_scipy(differences):
    up, down = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    expected = binomtest(up, up + down).pvalue if up + down else 1.0
    assert sign_test(differences) == pytest.approx(expected)


@settings(deadline=None)
@given(draws)
def test_does_not_care_which_arm_is_called_first(differences):
    assert sign_test(differences) == sign_test([-d for d in differences])


@pytest.mark.parametrize("n", [1, 5, 6, 1500])
def test_one_arm_winning_every_draw_gives_the_smallest_p(n):
    assert sign_test([0.1] * n) == smallest_p(n)


@pytest.mark.parametrize(
    ("differences", "sentence"),
    [
        (
            [[0.1, 0.2]],
            r"one difference per draw is needed, not shape \(1, 2\): average over the cases first",
        ),
        ([], "at least 1 draws are needed, not 0"),
        ([0.1, float("nan")], "draw 1 has no finite difference"),
    ],
)
def test_refuses_what_is_not_one_number_per_draw(differences, sentence):
    with pytest.raises(DataError, match=sentence):
        sign_test(differences)
