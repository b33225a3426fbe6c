"""Answers to the exercises on losses that need not look like ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.exercises import check
from segkit.exercises.unet.losses import _soft_dice, check_soft_dice


def test_softmax_gradient_in_numpy():
    def answer(logits, labels):
        z = logits.numpy()
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        p[np.arange(len(p)), labels.numpy()] -= 1
        return p / len(p)

    assert check("unet.softmax_gradient", answer)


def test_dice_gradient_by_cases():
    def answer(p, y):
        overlap, sizes = (p * y).sum(), (p + y).sum()
        return torch.where(y > 0, 2 * (overlap - sizes), 2 * overlap) / sizes**2

    assert check("unet.dice_gradient", answer)


def test_soft_dice_by_removing_what_is_ignored():
    """Image by image, class by class, over the labelled voxels alone."""

    def answer(probs, labels):
        losses = []
        for image, truth in zip(probs, labels, strict=True):
            valid = truth >= 0
            for k in range(probs.shape[1]):
                p, y = image[k][valid], (truth[valid] == k).to(probs.dtype)
                losses.append(1 - (2 * (p * y).sum() + 1e-5) / (p.sum() + y.sum() + 1e-5))
        return torch.stack(losses).mean()

    assert check("unet.soft_dice", answer)


@given(st.integers(0, 1000))
def test_the_oracle_does_not_see_ignored_voxels(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 3, (2, 4, 4), generator=generator)
    probs, other = torch.randn(2, 2, 3, 4, 4, generator=generator, dtype=torch.float64).softmax(2)
    mixed = torch.where((labels < 0).unsqueeze(1), other, probs)
    assert torch.equal(_soft_dice(probs, labels), _soft_dice(mixed, labels))


@pytest.mark.parametrize("answer", [3, "soft"])
def test_a_value_is_no_function(answer):
    assert "Pass the function itself" in check("unet.soft_dice", answer).hint


def test_checks_can_be_called_alone():
    assert check_soft_dice(_soft_dice) is None
