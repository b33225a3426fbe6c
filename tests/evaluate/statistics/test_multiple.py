from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.errors import DataError
from segkit.evaluate.statistics import holm


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_is_the_closed_test_of_bonferroni(p):
    """Holm's value of a comparison is the largest Bonferroni value of all groups that hold it."""
    expected = [
        max(
            min(1.0, size * min(p[j] for j in group))
            for size in range(1, len(p) + 1)
            for group in combinations(range(len(p)), size)
            if i in group
        )
        for i in range(len(p))
    ]
    assert holm(p).tolist() == pytest.approx(expected)


def test_keeps_the_order_of_the_arms():
    assert holm([0.04, 0.01, 0.03, 0.5]).tolist() == pytest.approx([0.09, 0.04, 0.09, 0.5])


def test_one_comparison_is_not_adjusted_and_none_is_no_error():
    assert holm([0.03]).tolist() == [0.03]
    assert holm([]).tolist() == []


@pytest.mark.parametrize("p", [[1.2], [-0.1], [float("nan")], 0.3])
def test_refuses_what_is_no_list_of_p_values(p):
    with pytest.raises(DataError, match="p-values must be a list of numbers"):
        holm(p)
