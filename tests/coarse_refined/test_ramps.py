from __future__ import annotations

import math

import pytest
import torch

from segkit.coarse_refined import RampUp
from segkit.errors import ConfigError
from segkit.train import State


def weights(ramp, n=100):
    return [ramp(State(i, n, torch.Generator())) for i in range(n)]


def test_it_rises_from_e_to_the_minus_five_to_its_weight():
    found = weights(RampUp(0.3, length=0.4))
    assert found[0] == pytest.approx(0.3 * math.exp(-5))
    assert found[40] == pytest.approx(0.3)
    assert found == sorted(found)
    assert set(found[40:]) == {0.3}


def test_before_the_start_it_is_zero():
    found = weights(RampUp(0.3, length=1.0, start=0.1))
    assert found[:10] == [0.0] * 10
    assert found[10] == pytest.approx(0.3 * math.exp(-5 * 0.9**2))


def test_without_a_length_there_is_no_ramp():
    assert set(weights(RampUp(0.3, length=0.0))) == {0.3}


@pytest.mark.parametrize(
    "options", [{"weight": -1.0}, {"weight": 1.0, "length": 1.5}, {"weight": 1.0, "start": 1.0}]
)
def test_numbers_out_of_range(options):
    with pytest.raises(ConfigError, match="the weight must be"):
        RampUp(**options)
