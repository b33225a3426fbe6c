from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segkit.errors import ConfigError
from segkit.nets.blocks import ConvBlock, PatchUp, Pointwise, Upsample, start_from_prior


@pytest.mark.parametrize("stride", [(2, 2), (1, 3), (2, 2, 2), (1, 2, 2)])
def test_patch_up_is_a_transposed_convolution(stride):
    """The one whose kernel is its stride, with the same weights."""
    dims = len(stride)
    up = PatchUp(dims, 3, 2, stride)
    transposed = (nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d)(3, 2, stride, stride)
    weight = up.mix.conv.weight.view(*stride, 2, 3)
    with torch.no_grad():
        transposed.weight.copy_(weight.movedim((-1, -2), (0, 1)))
        transposed.bias.zero_()
        up.mix.conv.bias.zero_()
    x = torch.randn(2, 3, *(4, 3, 2)[:dims])
    torch.testing.assert_close(up(x), transposed(x))


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("stride", [(2, 2), (1, 2, 2)])
def test_mixing_before_interpolating_is_mixing_after(stride, linear):
    dims = len(stride)
    up = Upsample(dims, 3, 2, stride, linear=linear)
    x = torch.randn(2, 3, *(4, 3, 2)[:dims])
    after = up.mix(F.interpolate(x, scale_factor=stride, mode=up.mode))
    torch.testing.assert_close(up(x), after)


PARTS = [
    Pointwise(3, 4, 5),
    PatchUp(3, 4, 5, (2, 2, 2)),
    Upsample(3, 4, 5, (2, 2, 2), linear=False),
    Upsample(3, 4, 5, (2, 1, 2), linear=True),
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("half", [False, True])
def test_layout_is_kept_and_does_not_matter(part, half):
    x = torch.randn(2, 4, 3, 3, 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        plain, last = part(x), part(x.to(memory_format=torch.channels_last_3d))
    assert plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(last, plain, atol=2e-2 if half else 1e-5, rtol=0)


def block(**options):
    style = {"depth": 2, "norm": "instance", "act": "relu", "residual": False, "stride": (1, 1)} | options
    return ConvBlock(2, 3, style.pop("outputs", 5), **style)


def test_block_is_convolution_norm_activation():
    net = block(depth=1)
    x = torch.randn(2, 3, 6, 7)
    wanted = F.relu(F.instance_norm(F.conv2d(x, net.convs[0].conv.weight, padding=1)))
    torch.testing.assert_close(net(x), wanted)


@pytest.mark.parametrize("outputs", [3, 5])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2)])
def test_residual_block_adds_its_input(outputs, stride):
    net = block(outputs=outputs, residual=True, stride=stride)
    x = torch.randn(2, 3, 6, 8)
    for norm in net.norms:
        nn.init.zeros_(norm.weight)  # what the convolutions add is then nothing
    torch.testing.assert_close(net(x), F.relu(net.shortcut(x)))


def test_an_activation_in_place_changes_neither_input_nor_gradient():
    torch.manual_seed(0)
    net = block(residual=True, outputs=3, act="leakyrelu").double()
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    assert torch.autograd.gradcheck(net, (x,))
    assert torch.equal(x, before)


def test_prior_is_what_the_head_predicts():
    head = Pointwise(2, 4, 6)  # two blocks of three classes
    start_from_prior(head, (9.0, 0.5, 0.5), 3)
    logits = head(torch.zeros(1, 4, 1, 1)).view(2, 3)
    torch.testing.assert_close(logits.softmax(1), torch.tensor([[0.9, 0.05, 0.05]] * 2))


@pytest.mark.parametrize("prior", [(0.5, 0.5), (1.0, 0.0, 0.0), (1.0, -1.0, 1.0)])
def test_prior_must_fit(prior):
    with pytest.raises(ConfigError, match="one positive share for each of 3 classes"):
        start_from_prior(Pointwise(2, 4, 3), prior, 3)
