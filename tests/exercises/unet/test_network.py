"""The oracles of the exercises on networks, against networks."""

from __future__ import annotations

import pytest
import torch

from segkit.exercises import check
from segkit.exercises.unet.network import _receptive_field, _weights


@pytest.mark.parametrize("layers", [[(3, 1), (3, 1)], [(3, 2), (3, 1)], [(5, 2), (2, 2), (3, 1)]])
def test_receptive_field_by_an_impulse(layers):
    """Which inputs does the middle output depend on? Ask its gradient."""
    x = torch.zeros(1, 1, 101, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
    y[0, 0, y.shape[-1] // 2].backward()
    assert int((x.grad != 0).sum()) == _receptive_field(layers)


def test_balanced_weights_balance():
    labels = torch.tensor([0] * 12 + [2] * 4)
    weights = _weights(labels, 4)
    assert weights[labels].mean() == 1
    assert weights[0] * 12 == weights[2] * 4
    assert weights[1] == weights[3] == 0


def test_weights_by_loops():
    def answer(labels, n_classes):
        counts = [(labels == k).sum().item() for k in range(n_classes)]
        share = labels.numel() / sum(count > 0 for count in counts)
        return [share / count if count else 0 for count in counts]

    assert check("unet.class_weights", answer)


def test_parameters_as_one_sum():
    assert check("unet.block_parameters", lambda i, o, k, d: o * (k**d * (i + o) + 6))
