"""When trimming starts."""

from __future__ import annotations

import pytest

from segkit.errors import ConfigError
from segkit.loss_envelope import Warmup


def test_the_extent_grows_linearly_between_the_two_times():
    warmup = Warmup(0.2, 0.6)
    assert [warmup.ramp(p) for p in (0.0, 0.2, 0.3, 0.4, 0.6, 0.9)] == [0, 0, 0.25, 0.5, 1, 1]


def test_it_may_start_at_once_or_in_one_step():
    assert Warmup(0, 0).ramp(0.0) == 1
    assert [Warmup(0.5, 0.5).ramp(p) for p in (0.49, 0.5)] == [0, 1]


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.2), (-0.1, 0.5), (0.1, 1.1), (float("nan"), 1)])
def test_times_that_make_no_sense(start, end):
    with pytest.raises(ConfigError, match="0 ≤ start ≤ end ≤ 1"):
        Warmup(start, end)
