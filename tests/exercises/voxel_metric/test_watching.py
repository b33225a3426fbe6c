"""What a function takes is seen from outside, whichever library it uses."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from segkit.exercises.judging import Hint, Unanswered
from segkit.exercises.voxel_metric.watching import call_within

ROWS = torch.arange(20.0)


def within(answer, *, numbers=400, operations=50):
    return call_within(answer, ROWS, numbers=numbers, operations=operations)


def loop(x):
    return sum(x[i] * x[j] for i in range(len(x)) for j in range(len(x)))


def cube(x):
    return (x[:, None, None] * x[:, None] * x).sum()


def array(x):
    return np.ones((20, 20, 20)).sum()


def every(x):
    return len([(a, b, c) for a in range(20) for b in range(20) for c in range(20)])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(loop, "more than 50 operations"), (cube, r"shape \(20, 20, 20\)"), (array, "bytes"), (every, "bytes")],
)
def test_too_much_is_told(answer, hint):
    with pytest.raises(Hint, match=hint):
        within(answer)
    assert not tracemalloc.is_tracing()
    call_within(answer, ROWS, numbers=10**6, operations=10**4)


def test_what_several_results_hold_counts():
    with pytest.raises(Hint, match=r"\(20,\)"):
        within(lambda x: x.sort(), numbers=19)


def test_what_fits_is_returned_and_may_change_its_arguments():
    assert float(within(lambda x: (x[:, None] * x).sum())) == 190.0**2
    assert float(within(lambda x: x.mul_(2).sum())) == 380.0
    assert float(ROWS.sum()) == 190.0


def test_errors_and_nothing_are_told_as_elsewhere():
    with pytest.raises(Hint, match="raised ZeroDivisionError"):
        within(lambda x: 1 / 0)
    with pytest.raises(Unanswered):
        within(lambda x: None)
    assert not tracemalloc.is_tracing()
