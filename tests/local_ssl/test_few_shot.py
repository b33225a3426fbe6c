"""Fine-tuning: old weights move more slowly, or not at first; a plain start is plain training."""

from __future__ import annotations

import pytest
import torch

from segkit.data import PatchBatches
from segkit.errors import ConfigError
from segkit.local_ssl import FineTuning, adamw, fine_tune, lars, two_rates
from segkit.losses import DiceCELoss
from segkit.train import Supervised, one_cycle
from tests.local_ssl.small import cases, net, state, trainer

OPTIONS = {"accelerator": "cpu", "progress": False}


def patches():
    return PatchBatches(cases(), patch=(8, 12, 8), batch_size=2, seed=0, foreground=1.0)


def encoder(each):
    return [name for name in each.state_dict() if name.startswith(("downs.", "encoders."))]


def moved(each, seed=0):
    before = net(seed).state_dict()
    return {name: (value - before[name]).abs().max().item() for name, value in each.state_dict().items()}


def test_without_options_it_is_supervised_training():
    each, other = net(), net()
    fine_tune(each, patches(), iterations=3, lr=1e-2, **OPTIONS)
    plain = trainer(Supervised(other, DiceCELoss()), iterations=3, schedule=one_cycle)
    plain.fit(patches())
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in each.state_dict().items())


def test_a_factor_of_nothing_keeps_the_old_weights_and_a_small_one_moves_them_less():
    each = net()
    fine_tune(each, patches(), iterations=3, pretrained=encoder(each), factor=0.0, **OPTIONS)
    distances = moved(each)
    assert all((distances[name] == 0) == (name in encoder(each)) for name in distances)
    slow = net()
    fine_tune(slow, patches(), iterations=3, pretrained=encoder(slow), factor=0.1, **OPTIONS)
    fast = net()
    fine_tune(fast, patches(), iterations=3, **OPTIONS)
    name = "encoders.0.convs.0.conv.weight"
    assert 0 < moved(slow)[name] < 0.3 * moved(fast)[name]


def test_frozen_weights_stand_still_and_then_thaw():
    each = net()
    method = FineTuning(each, pretrained=encoder(each), frozen=0.5)
    old = [value for name, value in each.named_parameters() if name in encoder(each)]
    for iteration in range(10):
        each.zero_grad()
        method.step(patches()[0], state(iteration))["total"].backward()
        assert all((value.grad is None) == (iteration < 5) for value in old)
        assert each.head.mix.conv.weight.grad is not None
    wholly = net()
    fine_tune(wholly, patches(), iterations=3, pretrained=encoder(wholly), frozen=1.0, **OPTIONS)
    assert all(moved(wholly)[name] == 0 for name in encoder(wholly))


def test_validation_gives_a_curve():
    looked = fine_tune(
        net(), patches(), iterations=4, validate=lambda predictor: {"seen": 1.0}, validate_every=2, **OPTIONS
    )
    assert ["validation.seen" in row for row in looked.history.rows] == [False, True, False, True]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: FineTuning(net(), pretrained=["encoder"]), "unknown tensor of the network 'encoder'"),
        (lambda: FineTuning(net(), frozen=1.5), r"\[0, 1\], got 1.5"),
        (lambda: two_rates([], factor=-1.0), "must not be negative"),
    ],
)
def test_what_cannot_be_is_refused(make, complaint):
    with pytest.raises(ConfigError, match=complaint):
        make()


@pytest.mark.parametrize("make", [adamw, lars])
def test_optimisers_train_and_leave_norms_and_biases_undecayed(make):
    weight, bias = torch.ones(3, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizer = make(weight_decay=0.5)([weight, bias], lr=0.1)
    weight.grad, bias.grad = torch.zeros(3, 3), torch.zeros(3)
    optimizer.step()
    assert (bias == 1).all()
    assert (weight < 1).all()
    trained = net()
    trainer(Supervised(trained, DiceCELoss()), iterations=2, optimizer=make(), lr=0.2).fit(patches())
    assert moved(trained)["encoders.0.convs.0.conv.weight"] > 0


def test_lars_steps_in_proportion_to_the_norm_of_the_weight():
    small, large = torch.full((2, 2), 1.0), torch.full((2, 2), 10.0)
    steps = []
    for weight in (small, large):
        weight = weight.clone().requires_grad_()
        optimizer = lars(weight_decay=0.0, momentum=0.0, trust=0.01)([weight], lr=1.0)
        weight.grad = torch.ones(2, 2)
        before = weight.detach().clone()
        optimizer.step()
        steps.append((before - weight.detach()).norm() / before.norm())
    assert [step.item() for step in steps] == pytest.approx([0.01, 0.01], rel=1e-4)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pytorch_optimizer", None)
    with pytest.raises(ConfigError, match="LARS needs the package pytorch_optimizer"):
        lars()
