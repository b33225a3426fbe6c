from __future__ import annotations

import monai.losses
import pytest
import torch

from segkit.errors import ConfigError
from segkit.losses import CrossEntropyLoss, DiceCELoss, SoftDiceLoss, cross_entropy, dice_ce, soft_dice


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, 5, generator=generator, requires_grad=True)
    return logits, torch.randint(-1, 4, (2, 6, 5), generator=generator)


@pytest.mark.parametrize(
    "options", [{}, {"squared": True, "smooth": 0.1}, {"pooled": True, "background": True}]
)
def test_values_are_those_of_the_parts(batch, options):
    dice, entropy = dice_ce(*batch, **options)
    torch.testing.assert_close(dice, soft_dice(*batch, **options))
    torch.testing.assert_close(entropy, cross_entropy(*batch))


def test_loss_and_gradient_are_the_weighted_sum(batch):
    logits, labels = batch
    together = DiceCELoss(dice_weight=0.3, ce_weight=2.0, skip_absent=True)(logits, labels)
    apart = 0.3 * SoftDiceLoss(skip_absent=True)(logits, labels) + 2.0 * CrossEntropyLoss()(logits, labels)
    torch.testing.assert_close(together, apart)
    gradients = (torch.autograd.grad(each, logits)[0] for each in (together, apart))
    torch.testing.assert_close(*gradients)


def test_valid_takes_voxels_out(batch):
    logits, labels = batch
    valid = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) > 0.3
    loss = DiceCELoss()
    torch.testing.assert_close(loss(logits, labels, valid), loss(logits, labels.masked_fill(~valid, -1)))


def test_it_is_monais_without_smoothing_and_ignored_voxels(batch):
    logits, labels = batch[0], batch[1].clamp(min=0)
    theirs = monai.losses.DiceCELoss(
        softmax=True, to_onehot_y=True, include_background=False, smooth_nr=1.0, smooth_dr=1.0
    )
    torch.testing.assert_close(DiceCELoss()(logits, labels), theirs(logits, labels[:, None]))


def test_negative_weights_are_refused():
    with pytest.raises(ConfigError, match="must not be negative"):
        DiceCELoss(dice_weight=-1.0)


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="smoothing"):
        DiceCELoss(smoothing=1.0)
