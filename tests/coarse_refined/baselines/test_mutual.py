from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined.baselines import MCNetPlus
from segkit.coarse_refined.baselines.mutual import sharpened
from segkit.errors import ConfigError
from segkit.losses import SoftDiceLoss
from tests.coarse_refined.baselines.tables import batch
from tests.coarse_refined.methods import state, unet


def build(**options):
    torch.manual_seed(0)
    return MCNetPlus([unet(up=up) for up in ("transpose", "linear", "nearest")], **options)


def test_sharpening_is_the_published_formula_and_finite_at_the_ends():
    p = torch.rand(50, dtype=torch.float64)
    torch.testing.assert_close(sharpened(p, 0.1), p**10 / (p**10 + (1 - p) ** 10))
    ends = torch.tensor([0.0, 1.0], requires_grad=True)
    value = sharpened(ends, 0.1)
    value.sum().backward()
    assert value.tolist() == [0.0, 1.0]
    assert ends.grad.isfinite().all()


def test_the_term_covers_all_pairs_and_all_images():
    method, given = build(), batch(classes=2)
    terms = method.step(given, state())
    images = torch.cat([given["image"], given["unlabelled_image"]])
    p = [logits.softmax(1) for _, logits in method.net(images)]
    wanted = sum(((p[i] - sharpened(p[j], 0.1)) ** 2).mean() for i in range(3) for j in range(3) if i != j)
    torch.testing.assert_close(terms["unlabelled"], wanted)
    dice = SoftDiceLoss(pooled=True)
    wanted = 0.5 * sum(dice(each, given["label"]) for _, each in method.net(given["image"]))
    torch.testing.assert_close(terms["supervised"], wanted)


def test_detaching_changes_the_gradient_and_not_the_value():
    def run(detach):
        method = build(detach=detach)
        value = method.step(batch(classes=2), state())["unlabelled"]
        value.backward()
        return value, method.net.decoders[0].head.mix.get_parameter("conv.weight").grad

    (value, free), (same, detached) = run(False), run(True)
    torch.testing.assert_close(value, same)
    assert (free - detached).abs().max() > 1e-4


def test_bad_options():
    with pytest.raises(ConfigError, match="two decoders"):
        MCNetPlus([unet()])
    with pytest.raises(ConfigError, match="temperature"):
        build(temperature=0.0)
