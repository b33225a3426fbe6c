from __future__ import annotations

import math

import pytest

from segkit.evaluate import Measure


def test_only_nan_is_undefined():
    assert Measure(math.nan, "both_empty", "nan").undefined
    assert not Measure(0.0, "missed", "nan").undefined


def test_a_measure_cannot_be_changed_afterwards():
    with pytest.raises(AttributeError):
        Measure(0.0, "missed", "nan").value = 1.0
