from __future__ import annotations

from torch import nn

from segkit.nets import count_parameters


def test_shared_parameters_count_once():
    layer = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(layer, layer)) == 12


def test_frozen_parameters_count_when_asked():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)).requires_grad_(False)
    net[1].requires_grad_(True)
    assert count_parameters(net) == 4
    assert count_parameters(net, trainable_only=False) == 16
