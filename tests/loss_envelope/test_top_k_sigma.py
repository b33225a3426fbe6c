"""The envelope as a user meets it: its limits, its weights, its bounds, its edges."""

from __future__ import annotations

import pytest
import torch

from segkit.loss_envelope import TopKSigmaLoss
from segkit.losses import CrossEntropyLoss, DiceCELoss, cross_entropy, soft_dice
from segkit.losses.probing import example

SELECTIVE = {"top_k": 0.5, "sigma": 0.3, "temperature_image": 0.0}


@pytest.mark.parametrize(
    ("options", "progress"), [({"sigma": 0.0}, 1.0), ({"sigma": 0, "top_k": 4}, 1.0), ({"sigma": 0.5}, 0.05)]
)
@pytest.mark.parametrize("dice_weight", [0.0, 0.7])
def test_without_selection_it_is_the_plain_mean_bit_for_bit(options, progress, dice_weight):
    logits, labels = example(9, 8, batch=4)
    logits = logits.detach().float().requires_grad_()
    plain = DiceCELoss(dice_weight=dice_weight) if dice_weight else CrossEntropyLoss()
    value = TopKSigmaLoss(dice_weight=dice_weight, **options)(logits, labels, progress=progress)
    assert torch.equal(value, plain(logits, labels))


@pytest.mark.parametrize("dice_weight", [0.0, 0.7])
def test_hard_selection_equals_sorting(dice_weight):
    logits, labels = example(6, 7, batch=4, ignored=True)
    values = []
    for z, y in zip(logits.detach(), labels, strict=True):
        losses, kept = cross_entropy(z[None], y[None])[0], []
        for k in range(3):
            ascending = losses[y == k].sort().values
            kept.append(ascending[: len(ascending) - int(0.3 * len(ascending))])
        dice = soft_dice(z[None], y[None]).mean()
        values.append(torch.cat(kept).mean() + dice_weight * dice)
    expected = torch.stack(values).sort(descending=True).values[:2].mean()
    loss = TopKSigmaLoss(dice_weight=dice_weight, **SELECTIVE)
    torch.testing.assert_close(loss(logits, labels), expected)
