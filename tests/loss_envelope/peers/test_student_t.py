"""The T-loss against the density that it is the likelihood of, and its tail that is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_t
from torch import nn

from segkit.errors import ConfigError
from segkit.loss_envelope import TLoss, t_loss
from segkit.losses.probing import example
from segkit.train import Supervised


@pytest.mark.parametrize("nu", [0.3, 1.0, 20.0])
def test_two_classes_give_the_likelihood_of_the_paper(nu):
    logits, labels = example(3, 4, classes=2)
    error = torch.sigmoid(logits[:, 1] - logits[:, 0]) - labels
    wanted = [
        -multivariate_t(np.zeros(12), np.eye(12), df=nu).logpdf(each.detach().flatten().numpy()) / 12
        for each in error
    ]
    torch.testing.assert_close(t_loss(logits, labels, nu=nu), torch.tensor(wanted, dtype=torch.float64))


def test_the_gradient_by_the_degrees_of_freedom_is_right():
    logits, labels = example(3, 2, ignored=True)
    nu = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z, v: t_loss(z, labels, nu=v), (logits, nu))


def test_no_mask_and_a_full_mask_are_one():
    logits, labels = example(3, 4)
    full = torch.ones_like(labels, dtype=torch.bool)
    torch.testing.assert_close(t_loss(logits, labels, valid=full), t_loss(logits, labels), rtol=0, atol=0)


def test_an_image_with_gross_errors_weighs_less_than_with_squared_errors():
    logits, labels = example(30, classes=2)
    with torch.no_grad():
        logits[0] = 3.0 * nn.functional.one_hot(labels[0], 2).T  # nearly right
        logits[1] = 3.0 * nn.functional.one_hot(1 - labels[1], 2).T  # wrong all over
    (of_t,) = torch.autograd.grad(t_loss(logits, labels).sum(), logits)
    squared = (torch.softmax(logits, 1)[:, 1] - labels).square().sum()
    (of_squares,) = torch.autograd.grad(squared, logits)
    right, wrong = (of_t / of_squares).flatten(1).mean(1)
    assert right > 5 * wrong


def test_the_tail_is_trained_with_the_net():
    torch.manual_seed(0)
    method = Supervised(nn.Conv2d(1, 2, 1), TLoss(nu=1.0))
    optimizer = torch.optim.Adam(method.parameters(), lr=0.1)
    images = torch.randn(2, 1, 6, 6)
    labels = (images[:, 0] > 0).long()
    loss = method.losses["total"]
    for _ in range(20):
        optimizer.zero_grad()
        loss(method.net(images), labels).backward()
        optimizer.step()
    assert abs(loss.log_nu.item()) > 0.2
    assert "loss_modules.0.log_nu" in method.state_dict()


def test_single_precision_keeps_the_difference_of_large_terms():
    labels = torch.arange(400_000).remainder(2)[None]
    near = (2 * labels - 1)[:, None] * torch.tensor([-4.0, 4.0])[None, :, None]
    further = near * 0.995
    step = (t_loss(further, labels) - t_loss(near, labels)).item()
    exact = (t_loss(further.double(), labels) - t_loss(near.double(), labels)).item()
    assert step == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("nu", [0.0, -1.0, float("inf"), float("nan")])
def test_the_degrees_of_freedom_are_positive(nu):
    with pytest.raises(ConfigError, match="nu of the T-loss, its degrees of freedom, must be positive"):
        TLoss(nu=nu)
    with pytest.raises(ConfigError, match="must be positive"):
        t_loss(*example(2), nu=nu)
