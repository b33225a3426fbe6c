from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import ConfigError
from segkit.train import SCHEDULES, constant, cosine, linear_warmup, one_cycle, poly, schedule_named

RUNS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


@given(run=RUNS, name=st.sampled_from(sorted(SCHEDULES)))
def test_every_factor_is_above_zero_and_at_most_one(run, name):
    assert 0.0 < SCHEDULES[name](*run) <= 1.0


@given(run=RUNS, warmup=st.integers(0, 20))
def test_warm_up_only_lowers(run, warmup):
    for schedule in (poly, cosine):
        assert 0.0 <= schedule(*run, warmup=warmup) <= 1.0
    assert linear_warmup(run[0], warmup=warmup) == min(1.0, (run[0] + 1) / (warmup + 1))


@pytest.mark.parametrize("schedule", [poly, cosine])
def test_falls_after_the_warm_up(schedule):
    factors = [schedule(i, 100, warmup=10) for i in range(100)]
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[10] == 1.0


def test_poly_is_what_nnunet_uses():
    assert [poly(i, 1000) for i in (0, 1, 999)] == [1.0, (1 - 1 / 1000) ** 0.9, (1 - 999 / 1000) ** 0.9]


def test_cosine_ends_at_its_floor():
    assert cosine(10_000, 10_000, floor=0.1) == pytest.approx(0.1)
    assert cosine(50, 100) == pytest.approx(0.5)


@pytest.mark.parametrize("iterations", [5, 10, 101, 240])
def test_one_cycle_equals_torch(iterations):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=iterations)
    for iteration in range(iterations):
        assert one_cycle(iteration, iterations) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        if iteration < iterations - 1:
            theirs.step()


def test_one_cycle_refuses_a_rise_that_is_no_share():
    with pytest.raises(ConfigError, match=r"rise is 1.5"):
        one_cycle(0, 10, rise=1.5)


def test_constant():
    assert {constant(i, 7) for i in range(7)} == {1.0}


def test_names():
    assert schedule_named("poly") is poly
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        schedule_named("cosin")


def test_a_schedule_sets_the_learning_rate(make_trainer, batches):
    history = make_trainer(iterations=9, lr=0.5, schedule=cosine).fit(batches)
    assert history.column("lr") == [0.5 * cosine(i, 9) for i in range(9)]
    assert not math.isclose(history.column("lr")[0], history.column("lr")[-1])
