from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from segkit.errors import ConfigError
from segkit.train import EMA, ema_decay

VALUES = st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=12)


def follow(values, decay, warmup):
    """The average after a weight and a running statistic took these values, one per update."""
    net = nn.BatchNorm1d(1)
    average = EMA(net, decay, warmup=warmup)
    for iteration, value in enumerate(values):
        net.weight.data.fill_(value)
        net.running_mean.fill_(value)
        net.num_batches_tracked.fill_(iteration)
        average.update(net, iteration)
    return average.module


@given(values=VALUES, decay=st.sampled_from([0.0, 0.5, 0.9, 0.99]))
def test_closed_form_without_warm_up(values, decay):
    n = len(values)
    # Weight and statistic start at 1 and 0.
    expected = sum((1 - decay) * decay ** (n - 1 - i) * v for i, v in enumerate(values))
    module = follow(values, decay, warmup=False)
    assert module.weight.item() == pytest.approx(decay**n + expected, abs=1e-5)
    assert module.running_mean.item() == pytest.approx(expected, abs=1e-5)


@given(values=VALUES)
def test_warm_up_is_the_plain_mean_at_first(values):
    module = follow(values, 0.99, warmup=True)
    assert module.weight.item() == pytest.approx(sum(values) / len(values), abs=1e-5)
    assert module.running_mean.item() == pytest.approx(sum(values) / len(values), abs=1e-5)


def test_whole_numbers_are_copied():
    assert follow([1.0] * 5, 0.9, warmup=False).num_batches_tracked.item() == 4


def test_a_constant_network_is_its_own_average():
    torch.manual_seed(0)
    net = nn.Conv3d(2, 3, 3)
    average = EMA(net, 0.999)
    for iteration in range(2000):
        average.update(net, iteration)
    assert torch.equal(average.module.weight, net.weight)


@given(t=st.integers(0, 10_000), decay=st.floats(0, 0.9999))
def test_the_decay_rises_to_its_limit(t, decay):
    assert 0.0 <= ema_decay(t, decay) <= ema_decay(t + 1, decay) <= decay
    assert ema_decay(t, decay, warmup=False) == decay


def test_it_is_frozen_and_stays_in_evaluation_mode():
    holder = nn.ModuleDict({"teacher": EMA(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), 0.9)})
    holder.train()
    teacher = holder["teacher"]
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in holder.parameters())
    assert not teacher(torch.ones(1, 2, requires_grad=True)).requires_grad


def test_it_does_not_share_memory_with_the_network():
    net = nn.Linear(2, 2)
    average = EMA(net, 0.9)
    before = average.module.weight.clone()
    net.weight.data.zero_()
    assert torch.equal(average.module.weight, before)
    average.update(net, 0)
    assert torch.equal(average.module.weight, torch.zeros(2, 2))


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0])
def test_a_decay_out_of_range(decay):
    with pytest.raises(ConfigError, match="0 ≤ decay < 1"):
        EMA(nn.Linear(1, 1), decay)


def test_the_trainer_predicts_with_it(make_trainer, batches):
    plain = make_trainer(iterations=8)
    plain.fit(batches)
    averaged = make_trainer(iterations=8, ema=0.9)
    averaged.fit(batches)

    name = "net.0.weight"
    assert plain.predictor is plain.method
    assert torch.equal(averaged.method.state_dict()[name], plain.method.state_dict()[name])
    assert not torch.equal(averaged.predictor.state_dict()[name], plain.method.state_dict()[name])
    assert not averaged.predictor.training
