from __future__ import annotations

import numpy as np
import pytest

from segkit.errors import DataError
from segkit.evaluate.statistics import smallest_p
from segkit.evaluate.statistics.draw_differences import as_differences


def test_six_draws_are_the_fewest_that_reach_five_percent():
    assert smallest_p(5) > 0.05 >= smallest_p(6)


def test_numbers_become_an_array_and_tables_are_refused():
    assert as_differences([1, 2]).dtype == np.float64
    with pytest.raises(DataError, match="average over the cases first"):
        as_differences(np.zeros((5, 60)))
    with pytest.raises(DataError, match="at least 3 draws are needed, not 2"):
        as_differences([1, 2], at_least=3)
