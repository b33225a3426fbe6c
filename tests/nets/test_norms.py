from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.nets import GroupNorm
from segkit.nets.norms import make_norm

LAYOUT = {2: torch.channels_last, 3: torch.channels_last_3d}


def trained(groups: int, channels: int) -> GroupNorm:
    """A norm whose weights are not those of the beginning."""
    torch.manual_seed(0)
    norm = GroupNorm(groups, channels)
    nn.init.normal_(norm.weight, mean=1)
    nn.init.normal_(norm.bias)
    return norm


@given(
    st.sampled_from([(1, 6), (2, 6), (3, 6), (6, 6), (1, 1), (4, 4)]),
    st.lists(st.integers(1, 5), min_size=2, max_size=3),
    st.integers(1, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_it_is_torchs_group_norm_in_both_layouts(shape, size, batch, channels_last):
    groups, channels = shape
    if channels // groups * torch.Size(size).numel() < 2:
        size = [*size[:-1], size[-1] + 1]
    norm = trained(groups, channels).double()
    x = 3 + torch.randn(batch, channels, *size, dtype=torch.float64)
    if channels_last:
        x = x.to(memory_format=LAYOUT[len(size)])
    torch.testing.assert_close(norm(x), F.group_norm(x.contiguous(), groups, norm.weight, norm.bias))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_written_gradient_is_right(dims, groups):
    norm = trained(groups, 4).double()
    x = torch.randn(2, 4, *(3, 2, 2)[:dims], dtype=torch.float64).to(memory_format=LAYOUT[dims])
    assert not x.is_contiguous()

    def run(x, weight, bias):
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), norm.weight, norm.bias))


def test_layout_and_dtype_are_kept():
    norm = trained(4, 8)
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(2, 8, 4, 5, 6).to(dtype).to(memory_format=torch.channels_last_3d)
        y = norm(x)
        assert y.dtype == dtype
        assert y.is_contiguous(memory_format=torch.channels_last_3d)


def test_half_precision_costs_its_rounding_only():
    x = 20 + torch.randn(1, 8, 12, 12, 12)
    exact = trained(8, 8)(x.bfloat16().float())
    near = trained(8, 8)(x.bfloat16().to(memory_format=torch.channels_last_3d))
    assert (near.float() - exact).abs().max() < 2**-7 * (1 + exact.abs().max())


def test_a_constant_channel_becomes_its_bias():
    norm = trained(3, 3)
    x = torch.full((2, 3, 4, 4), 7.0).to(memory_format=torch.channels_last)
    torch.testing.assert_close(norm(x), norm.bias.view(1, 3, 1, 1).expand(2, 3, 4, 4), rtol=0, atol=1e-3)


def test_images_of_a_batch_do_not_meet():
    """An unlabelled half of a batch must not change what the labelled half becomes."""
    for name in ("instance", "group"):
        norm = make_norm(name, 8, 2)
        x = torch.randn(2, 8, 5, 5).to(memory_format=torch.channels_last)
        changed = torch.stack([x[0], 100 * x[1]]).to(memory_format=torch.channels_last)
        torch.testing.assert_close(norm(x)[0], norm(changed)[0])


def test_one_number_per_group_is_refused():
    with pytest.raises(DataError, match="one number per group"):
        GroupNorm(4, 4)(torch.zeros(2, 4, 1, 1))
    GroupNorm(2, 4)(torch.zeros(2, 4, 1, 1))


def test_groups_must_divide_channels():
    with pytest.raises(ConfigError, match="4 groups do not divide 6 channels"):
        GroupNorm(4, 6)


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (12, 4), (10, 2), (6, 2), (8, 4), (5, 1), (1, 1)])
def test_group_norm_has_at_least_two_channels_per_group(channels, groups):
    assert make_norm("group", channels, 3).groups == groups


def test_batch_norm_is_torchs():
    assert isinstance(make_norm("batch", 4, 3), nn.BatchNorm3d)
    assert isinstance(make_norm("batch", 4, 2), nn.BatchNorm2d)


def test_unknown_norm_is_named():
    with pytest.raises(ConfigError, match="did you mean 'instance'"):
        make_norm("instanse", 4, 3)
