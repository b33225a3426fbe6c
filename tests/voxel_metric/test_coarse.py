"""Coarse cells: who has most of one, and that they lie where a network's features do."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError
from segkit.nets import UNet
from segkit.voxel_metric import coarse_labels, coarse_mean


@pytest.mark.parametrize("stride", [(2, 2), (1, 3), (4, 2)])
def test_cells_are_those_of_a_loop(stride):
    labels = torch.randint(-1, 3, (2, 7, 9), generator=torch.Generator().manual_seed(0))
    labels[0, :4, :4] = 1
    found = coarse_labels(labels, stride, 3)
    for (b, i, j), value in zip(
        torch.cartesian_prod(*map(torch.arange, found.shape)), found.flatten(), strict=True
    ):
        cell = labels[b, i * stride[0] : (i + 1) * stride[0], j * stride[1] : (j + 1) * stride[1]]
        shares = [(cell == k).float().mean() for k in range(3)]
        best = max(range(3), key=lambda k: shares[k])
        assert int(value) == (best if shares[best] >= 0.75 - 1e-6 else -1)
    assert {1, -1} <= set(found.flatten().tolist())


def test_the_grid_is_that_of_the_tap():
    net = UNet(3, 1, 2, channels=(2, 4, 8), strides=[1, (1, 2, 2), 2])
    labels = torch.zeros(1, 5, 9, 6, dtype=torch.int64)
    for name, features in net.forward_features(torch.zeros(1, 1, 5, 9, 6), list(net.taps)).items():
        stride = net.taps[name].stride
        assert coarse_labels(labels, stride, 2).shape[1:] == features.shape[2:]
        assert coarse_mean(torch.zeros(1, 3, 5, 9, 6), stride).shape[2:] == features.shape[2:]


def test_a_stride_of_one_changes_nothing():
    labels = torch.tensor([[0, -1, 1]])
    assert torch.equal(coarse_labels(labels, (1,), 2), labels)
    maps = torch.rand(1, 2, 3)
    assert coarse_mean(maps, (1,)) is maps


def test_cells_at_the_border_are_means_of_what_is_there():
    assert coarse_mean(torch.tensor([[[1.0, 3.0, 8.0]]]), (2,)).tolist() == [[[2.0, 8.0]]]


@pytest.mark.parametrize("purity", [0.5, 1.1])
def test_a_purity_that_two_classes_could_have_is_refused(purity):
    with pytest.raises(ConfigError, match="purity"):
        coarse_labels(torch.zeros(1, 2, dtype=torch.int64), (2,), 2, purity=purity)
