"""Tables that hide a loss behind a percentage, and the ceiling of a baseline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.mask_prior.gain import TABLE, _largest_base

NAME = "mask_prior.relative_gain"


@given(st.floats(0.001, 1), st.floats(0.001, 1))
def test_no_pair_of_means_lies_above_the_ceiling(base, with_mask):
    assert base <= _largest_base((with_mask - base) / base) + 1e-12


def test_other_tables_and_forms():
    base, after = np.array([1e-6, *[0.9] * 9]), np.array([1.0, *[0.7] * 9])
    assert check(NAME, (np.stack([base, after]), lambda gain: 1 if gain < 0 else 1 / (1 + gain)))


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        (([0.5] * 5, [0.5] * 6), "shapes (5,) and (6,)"),
        (([0.5] * 5, [1.5] * 5), "between 0 and 1"),
        (([-0.1, *[0.8] * 4], [0.2, *[0.5] * 4]), "between 0 and 1"),
        (([0.5] * 5, [0.5] * 5), "rises, or stays"),
        (([0.5] * 5, [0.0] * 5), "mean of your ratios is -1"),
        ((["a"] * 5, [0.5] * 5), "Numbers are expected"),
        ([0.5] * 5, "Pass all parts to check(): (base, with_mask)"),
    ],
)
def test_other_tables(table, hint):
    assert hint in check(NAME, (table, _largest_base)).hint


def test_half_an_answer_is_none():
    assert check(NAME, (TABLE, lambda gain: ...)).hint.startswith("What does one case")
    assert check(NAME, (([0.1], ...), _largest_base)).hint.startswith("What does one case")
