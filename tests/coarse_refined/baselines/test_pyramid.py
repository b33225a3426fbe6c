from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from segkit.coarse_refined.baselines import URPC
from segkit.coarse_refined.baselines.pyramid import rectified
from segkit.errors import ConfigError
from tests.coarse_refined.baselines.tables import batch
from tests.coarse_refined.methods import state, unet


def published(logits):
    """The public formula, written out with KLDivLoss."""
    p = [each.softmax(1) for each in logits]
    mean = sum(p) / len(p)
    total = 0.0
    for each in p:
        variance = F.kl_div(each.log(), mean, reduction="none").sum(1, keepdim=True)
        weight = torch.exp(-variance)
        total = total + ((mean - each) ** 2 * weight).mean() / (weight.mean() + 1e-8) + variance.mean()
    return total / len(p)


@pytest.mark.parametrize("size", [(5, 4), (3, 4, 5)])
def test_the_rectified_term_is_the_published_one(size):
    logits = 2 * torch.randn(4, 2, 3, *size)
    torch.testing.assert_close(rectified(logits), published(logits), atol=1e-5, rtol=1e-4)


def test_gradient_flows_into_the_mean():
    logits = torch.randn(2, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(rectified, logits)


def test_scales_come_from_the_levels_of_the_decoder():
    method, given = URPC(unet(), scales=2), batch(classes=2)
    terms = method.step(given, state())
    image = given["unlabelled_image"]
    maps = method.net.forward_features(image)
    coarse = F.interpolate(method.heads[0](maps["decoder1"]), size=(6, 4), mode="nearest")
    wanted = published([maps["logits"], coarse])
    torch.testing.assert_close(terms["unlabelled"], wanted, atol=1e-5, rtol=1e-4)


def test_more_scales_than_levels():
    with pytest.raises(ConfigError, match="choose 2 to 2"):
        URPC(unet(), scales=4)
