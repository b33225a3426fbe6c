from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.nets import PointwiseHead, count_parameters


def make(norm="none", normalise=False, hidden=(16,)):
    torch.manual_seed(0)
    return PointwiseHead(8, hidden, 5, norm=norm, normalise=normalise)


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("normalise", [False, True])
@given(size=st.lists(st.integers(1, 6), min_size=1, max_size=3), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=10)
def test_maps_and_gathered_rows_agree(norm, normalise, size, seed):
    head = make(norm, normalise)
    features = torch.randn(2, 8, *size, generator=torch.Generator().manual_seed(seed))
    chosen = torch.rand(2, *size, generator=torch.Generator().manual_seed(seed)) < 0.5
    dense = head(features)
    assert dense.shape == (2, 5, *size)
    rows = head(features.movedim(1, -1)[chosen])
    torch.testing.assert_close(rows, dense.movedim(1, -1)[chosen])


def test_it_is_a_stack_of_convolutions_of_size_1():
    head = make()
    first, second = (layer for layer in head.layers if isinstance(layer, nn.Linear))
    features = torch.randn(2, 8, 4, 3)
    hidden = torch.relu(nn.functional.conv2d(features, first.weight[..., None, None], first.bias))
    wanted = nn.functional.conv2d(hidden, second.weight[..., None, None], second.bias)
    torch.testing.assert_close(head(features), wanted)


def test_no_voxel_sees_another():
    head = make("layer")
    features = torch.randn(1, 8, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(head(features)[0, :, 1, 2].sum(), features)
    assert (gradient.abs().sum(1)[0] > 0).nonzero().tolist() == [[1, 2]]


def test_normalised_results_lie_on_the_sphere():
    head = make(normalise=True)
    features = torch.randn(2, 8, 4, 3)
    torch.testing.assert_close(head(features).norm(dim=1), torch.ones(2, 4, 3))
    with torch.autocast("cpu", torch.bfloat16):
        half = head(features)
    assert half.dtype == torch.bfloat16
    assert (half.float().norm(dim=1) - 1).abs().max() < 0.01


def test_documented_parameters():
    assert count_parameters(PointwiseHead(16, [64], 32)) == 3168
    assert "3,168" in PointwiseHead.__doc__
    assert count_parameters(PointwiseHead(16, [64, 32], 8, norm="layer")) == (
        16 * 64 + 64 + 64 * 32 + 32 + 32 * 8 + 8 + 2 * (64 + 32)
    )


def test_without_hidden_layers_it_is_linear():
    head = make(hidden=())
    one, two = torch.randn(2, 10, 8).unbind()
    torch.testing.assert_close(head(one + two) + head(torch.zeros(10, 8)), head(one) + head(two))


def test_norms_that_mix_voxels_are_not_offered():
    with pytest.raises(ConfigError, match="unknown norm of a pointwise head 'batch'"):
        make("batch")


@pytest.mark.parametrize("hidden", [(0,), (4, -1)])
def test_widths_are_positive(hidden):
    with pytest.raises(ConfigError, match="positive widths"):
        make(hidden=hidden)


@pytest.mark.parametrize("shape", [(8,), (2, 7), (2, 7, 8)])
def test_wrong_features_are_refused(shape):
    with pytest.raises(DataError, match=r"maps \(B, 8, \*S\) or rows \(N, 8\)"):
        make()(torch.zeros(shape))
