from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.viz.annotations import scale_length


@given(st.floats(1e-3, 1e5))
def test_the_scale_bar_is_round_and_fits(extent):
    length = scale_length(extent)
    assert extent / 7.6 <= length <= extent / 3 * 1.001
    assert f"{length:.0e}"[0] in "125"


@pytest.mark.parametrize(("extent", "length"), [(35, 10), (29, 5), (600, 200), (3, 1)])
def test_typical_lengths(extent, length):
    assert scale_length(extent) == pytest.approx(length)
