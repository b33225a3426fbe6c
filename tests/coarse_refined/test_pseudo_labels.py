from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import PseudoLabelLoss
from segkit.coarse_refined.pseudo_labels import largest_parts, pseudo_labels
from segkit.errors import ConfigError
from segkit.losses import DiceCELoss


def test_labels_are_the_most_probable_class_where_it_is_sure():
    p = torch.tensor([[0.96, 0.5, 0.04], [0.04, 0.5, 0.96]])
    assert pseudo_labels(p.log()[None], kappa=0.95).tolist() == [[0, -1, 1]]


def test_exactly_sure_enough_is_sure():
    assert pseudo_labels(torch.zeros(1, 2, 1), kappa=0.5).tolist() == [[0]]


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


def test_of_every_structure_the_largest_part_stays():
    labels = torch.zeros(2, 4, 7, dtype=torch.int64)
    labels[0, 0, :3], labels[0, 2:, 5:], labels[0, 3, 0], labels[1, 1, 1] = 1, 1, 2, 1
    before = labels.clone()
    expected = labels.clone()
    expected[0, 0, :3] = 0
    assert torch.equal(largest_parts(labels, 3), expected) and torch.equal(labels, before)


def test_parts_that_touch_in_a_corner_are_two_and_ignored_pixels_stay():
    labels = torch.tensor([[[1, 0, 0], [-1, 1, 1], [0, 0, 1]]])
    assert largest_parts(labels, 2).tolist() == [[[0, 0, 0], [-1, 1, 1], [0, 0, 1]]]
