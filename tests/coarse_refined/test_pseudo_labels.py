from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import PseudoLabelLoss
from segkit.coarse_refined.pseudo_labels import pseudo_labels
from segkit.errors import ConfigError
from segkit.losses import DiceCELoss


def test_labels_are_the_most_probable_class_where_it_is_sure():
    p = torch.tensor([[0.96, 0.5, 0.04], [0.04, 0.5, 0.96]])
    assert pseudo_labels(p.log()[None], kappa=0.95).tolist() == [[0, -1, 1]]


def test_it_is_the_supervised_loss_with_those_labels():
    logits, target = (torch.randn(2, 3, 5, 5, requires_grad=True) for _ in range(2))
    value = PseudoLabelLoss(0.5)(logits, target)
    supervised = DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True)
    torch.testing.assert_close(value, supervised(logits, pseudo_labels(target, kappa=0.5)))
    value.backward()
    assert target.grad is None


def test_nothing_sure_is_zero_and_connected():
    logits = torch.randn(1, 2, 4, requires_grad=True)
    value = PseudoLabelLoss(0.99)(logits, torch.zeros(1, 2, 4))
    value.backward()
    assert value == 0
    assert logits.grad.abs().max() == 0


def test_numbers_out_of_range():
    with pytest.raises(ConfigError):
        PseudoLabelLoss(1.0)
