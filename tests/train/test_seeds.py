from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.train import seed_everything, step_generator

SMALL = st.integers(0, 50)


def test_all_three_generators_start_over():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert seed_everything(3) == 3
    first = draw()
    seed_everything(3)
    assert draw() == first
    seed_everything(4)
    assert all(a != b for a, b in zip(first, draw(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range(seed):
    with pytest.raises(ConfigError, match="from 0 to 4294967295"):
        seed_everything(seed)


@given(one=st.tuples(SMALL, SMALL, SMALL), other=st.tuples(SMALL, SMALL, SMALL))
def test_step_generators_agree_exactly_when_their_arguments_do(one, other):
    draws = [
        torch.randint(0, 2**62, (1,), generator=step_generator(seed, iteration, rank=rank)).item()
        for seed, iteration, rank in (one, other)
    ]
    assert (draws[0] == draws[1]) == (one == other)


def test_step_generators_leave_the_global_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    step_generator(1, 2)
    assert torch.equal(torch.rand(2), expected)
