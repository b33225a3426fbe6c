"""The peers that weigh a voxel by p of its label: their weights, their limits, what they refuse."""

from __future__ import annotations

import math

import pytest
import torch

from segkit.errors import ConfigError
from segkit.loss_envelope import (
    FocalLoss,
    GeneralizedCELoss,
    SymmetricCELoss,
    focal,
    generalized_cross_entropy,
    symmetric_cross_entropy,
)
from segkit.losses import CrossEntropyLoss, cross_entropy
from segkit.losses.probing import example


def weight(values, logits, labels):
    """What a loss multiplies the gradient of cross-entropy with, voxel by voxel."""
    (ours,) = torch.autograd.grad(values(logits, labels).sum(), logits)
    (plain,) = torch.autograd.grad(cross_entropy(logits, labels).sum(), logits)
    return ours.gather(1, labels[:, None])[:, 0] / plain.gather(1, labels[:, None])[:, 0]


WEIGHTS = {
    focal: lambda p: (1 - p) ** 2 - 2 * p * (1 - p) * p.log(),
    generalized_cross_entropy: lambda p: p**0.7,
    symmetric_cross_entropy: lambda p: 0.1 + 4 * p,
}


@pytest.mark.parametrize("values", WEIGHTS)
def test_the_weight_of_a_voxel_is_the_one_in_the_docstring(values):
    logits, labels = example(6, 5)
    p = torch.softmax(logits.detach(), 1).gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(weight(values, logits, labels), WEIGHTS[values](p))


def test_focal_stresses_and_the_other_two_suppress_a_voxel_that_contradicts_its_label():
    logits = torch.tensor([[[-5.0, 0.0], [0.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(1, 2, dtype=torch.int64)
    for values, larger in (
        (focal, True),
        (generalized_cross_entropy, False),
        (symmetric_cross_entropy, False),
    ):
        wrong, unsure = weight(values, logits, labels)[0].tolist()
        assert (wrong > unsure) == larger


@pytest.mark.parametrize(
    "loss",
    [
        FocalLoss(gamma=0.0),
        GeneralizedCELoss(q=1e-9),
        SymmetricCELoss(alpha=1.0, beta=0.0),
    ],
)
def test_cross_entropy_is_a_limit_of_each(loss):
    logits, labels = example(4, 5, ignored=True)
    torch.testing.assert_close(loss(logits, labels), CrossEntropyLoss()(logits, labels))


def test_a_power_below_one_has_a_gradient_at_a_perfect_voxel():
    logits = torch.tensor([[[900.0, 2.0], [0.0, 0.0]]], requires_grad=True)
    FocalLoss(gamma=0.5)(logits, torch.zeros(1, 2, dtype=torch.int64)).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[..., 0].abs().max() == 0


def test_a_hopeless_voxel_has_a_bounded_loss_and_still_a_direction():
    logits = torch.tensor([[[-30.0], [0.0]]], dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(1, 1, dtype=torch.int64)
    value = generalized_cross_entropy(logits, labels, q=0.5)
    assert value.item() == pytest.approx(2, abs=1e-5)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert gradient[0, 0, 0].item() == pytest.approx(-math.exp(-15), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: FocalLoss(gamma=-1.0), "gamma of the focal loss must not be negative, got -1.0"),
        (lambda: GeneralizedCELoss(q=0.0), r"must lie in \(0, 1\], got 0.0"),
        (lambda: GeneralizedCELoss(q=1.5), "got 1.5"),
        (lambda: SymmetricCELoss(alpha=-0.1), "needs alpha ≥ 0"),
        (lambda: SymmetricCELoss(log_zero=0.0), "log_zero < 0, got 0.1, 1.0 and 0.0"),
        (lambda: focal(*example(2), gamma=float("nan")), "got nan"),
        (lambda: generalized_cross_entropy(*example(2), q=-0.5), "got -0.5"),
        (lambda: symmetric_cross_entropy(*example(2), beta=-1.0), "beta ≥ 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make()
