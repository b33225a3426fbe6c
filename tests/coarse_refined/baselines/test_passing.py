from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined.baselines import ZeroWeight
from segkit.losses import DiceCELoss
from segkit.train import Supervised, seed_everything
from tests.coarse_refined.methods import state, unet
from tests.coarse_refined.shapes import two_streams


def test_its_term_is_nothing():
    assert ZeroWeight(unet()).step(two_streams(), state())["unlabelled"] == 0


def gradient(make, norm):
    seed_everything(0)
    method = make(unet(norm=norm))
    given = two_streams()
    given["unlabelled_image"] = 5 * given["unlabelled_image"] + 3
    method.step(given, state())["total"].backward()
    return torch.cat([p.grad.flatten() for p in method.net.parameters()])


def supervised(net):
    return Supervised(net, DiceCELoss(dice_weight=0.5, ce_weight=0.5, pooled=True))


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_with_group_and_instance_norm_it_is_supervised_training(norm):
    torch.testing.assert_close(gradient(ZeroWeight, norm), gradient(supervised, norm), atol=1e-6, rtol=1e-4)


def test_with_batch_norm_unlabelled_images_change_what_is_learnt():
    one, other = gradient(ZeroWeight, "batch"), gradient(supervised, "batch")
    assert (one - other).norm() > 0.1 * other.norm()
