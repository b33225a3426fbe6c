"""Scenario 2 before its first update is the baseline."""

from __future__ import annotations

import itertools

import pytest
import torch

from segkit.errors import ConfigError
from segkit.mask_prior import widen_input
from segkit.nets import UNet, ViTSegmenter

ROUNDING = 2e-5
"""Other numbers of channels may be summed in another order: the processor decides which kernel is picked."""

OPTIONS = [
    {},
    {"residual": True, "norm": "group"},
    {"strides": (2, 2), "up": "transpose"},
    {"down": "conv3", "skip": "add"},
    {"norm": "batch", "convs": 1},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("dims", "extra", "batch"), list(itertools.product((2, 3), (1, 3), (1, 2))))
def test_with_zero_weights_logits_are_equal(options, dims, extra, batch):
    torch.manual_seed(0)
    narrow, wide = (UNet(dims, c, 3, (6, 10), **options).double() for c in (1, 1 + extra))
    image, prior = (torch.randn(batch, c, *(12, 14, 10)[:dims]).double() for c in (1, extra))
    widen_input(narrow, wide)
    torch.testing.assert_close(wide(torch.cat([image, prior], 1)), narrow(image), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dims", "layout"), [(2, torch.channels_last), (3, torch.channels_last_3d)])
def test_so_are_those_in_channels_last_memory(dims, layout):
    torch.manual_seed(1)
    narrow, wide = (UNet(dims, c, 3, (8, 16)) for c in (1, 2))
    widen_input(narrow, wide)
    inputs = torch.randn(2, 2, *(12, 14, 10)[:dims])
    narrow, wide = narrow.to(memory_format=layout), wide.to(memory_format=layout)
    image = inputs[:, :1].contiguous(memory_format=layout)
    found = wide(inputs.contiguous(memory_format=layout))
    torch.testing.assert_close(found, narrow(image), atol=ROUNDING, rtol=0)


def test_a_vision_transformer_is_widened_too():
    torch.manual_seed(0)
    options = {"feature_size": 4, "hidden_size": 16, "mlp_size": 16}
    narrow, wide = (ViTSegmenter(2, c, 2, 16, **options).eval() for c in (1, 2))
    widen_input(narrow, wide)
    inputs = torch.randn(1, 2, 16, 16)
    torch.testing.assert_close(wide(inputs), narrow(inputs[:, :1]), atol=1e-6, rtol=0)


def test_the_new_weights_learn_from_the_first_step_on():
    narrow, wide = UNet(2, 1, 2, (4, 8)), UNet(2, 2, 2, (4, 8))
    widen_input(narrow, wide)
    wide(torch.randn(1, 2, 8, 8)).square().mean().backward()
    first = wide.encoders[0].convs[0].get_parameter("conv.weight")
    assert (first[:, 1] == 0).all() and first.grad[:, 1].abs().max() > 0
    assert torch.equal(first[:, :1], narrow.encoders[0].convs[0].get_parameter("conv.weight"))


def test_the_new_weights_may_keep_what_they_drew():
    narrow, wide = UNet(2, 1, 2, (4, 8)), UNet(2, 2, 2, (4, 8))
    drawn = wide.encoders[0].convs[0].get_parameter("conv.weight")[:, 1].clone()
    widen_input(narrow, wide, zero=False)
    first = wide.encoders[0].convs[0].get_parameter("conv.weight")
    assert torch.equal(first[:, 1], drawn)
    assert torch.equal(first[:, 0], narrow.encoders[0].convs[0].get_parameter("conv.weight")[:, 0])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (UNet(2, 2, 2, (4, 8), residual=True), "have other layers"),
        (UNet(2, 2, 3, (4, 8)), "may differ in their input channels alone"),
        (UNet(2, 2, 2, (6, 8)), "may differ in their input channels alone"),
    ],
)
def test_networks_that_differ_in_more_are_refused(other, message):
    with pytest.raises(ConfigError, match=message):
        widen_input(UNet(2, 1, 2, (4, 8)), other)


def test_a_network_is_not_made_narrower():
    with pytest.raises(ConfigError, match="input channels alone"):
        widen_input(UNet(2, 2, 2, (4, 8)), UNet(2, 1, 2, (4, 8)))
