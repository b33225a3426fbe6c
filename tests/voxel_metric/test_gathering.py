"""Gather, then project: the same rows as the other way round, and gradients that lie as the features do."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import DataError
from segkit.nets import PointwiseHead
from segkit.voxel_metric import VoxelSample, gather_voxels


def sample_of(batch, cells, n, seed=0):
    random = torch.Generator().manual_seed(seed)
    image = torch.randint(batch, (n,), generator=random)
    voxel = torch.randint(cells, (n,), generator=random)
    return VoxelSample(image, voxel, torch.zeros(n, dtype=torch.int64))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_gathering_then_projecting_is_projecting_then_gathering(layout):
    features = torch.randn(2, 5, 3, 4, 6, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    sample = sample_of(2, 72, 9)
    head = PointwiseHead(5, [7], 4).double()
    found = head(gather_voxels(features, sample))
    dense = head(features).movedim(1, -1).reshape(2, 72, 4)
    wanted = dense[sample.image, sample.voxel]
    torch.testing.assert_close(found, wanted)
    (mine,) = torch.autograd.grad(found.square().sum(), features)
    torch.testing.assert_close(mine, torch.autograd.grad(wanted.square().sum(), features)[0])
    assert mine.stride() == features.stride()


def test_rows_are_voxels_and_not_runs_of_one_channel():
    features = torch.arange(24).reshape(1, 2, 3, 4).float()
    voxel = torch.tensor([0, 7])
    sample = VoxelSample(torch.zeros(2, dtype=torch.int64), voxel, voxel)
    assert gather_voxels(features, sample).tolist() == [[0.0, 12.0], [7.0, 19.0]]
    mask = torch.zeros(1, 1, 3, 4, dtype=torch.bool)
    mask.view(-1)[voxel] = True
    naive = features[mask.expand_as(features)].reshape(-1, 2)  # what public code does
    assert naive.tolist() == [[0.0, 7.0], [12.0, 19.0]]


def test_a_voxel_drawn_twice_gets_both_gradients():
    features = torch.zeros(1, 2, 4, requires_grad=True)
    zero = torch.zeros(3, dtype=torch.int64)
    rows = gather_voxels(features, VoxelSample(zero, torch.tensor([1, 1, 3]), zero))
    (found,) = torch.autograd.grad(rows.sum(), features)
    assert found[0].tolist() == [[0, 2, 0, 1], [0, 2, 0, 1]]


def test_features_that_were_cut_to_the_image_and_empty_samples():
    features = torch.randn(1, 3, 5, 6, requires_grad=True)
    cut = features[:, :, :4, :5]
    sample = sample_of(1, 20, 6)
    torch.testing.assert_close(gather_voxels(cut, sample), cut.reshape(3, 20).T[sample.voxel])
    torch.autograd.grad(gather_voxels(cut, sample).sum(), features)
    nothing = gather_voxels(features, sample_of(1, 30, 0))
    assert nothing.shape == (0, 3)
    assert bool((torch.autograd.grad(nothing.sum(), features)[0] == 0).all())


@pytest.mark.parametrize("sample", [sample_of(3, 8, 50), sample_of(2, 20, 50)])
def test_a_sample_of_another_grid_is_refused(sample):
    with pytest.raises(DataError, match="does not lie in features of shape"):
        gather_voxels(torch.zeros(2, 3, 2, 4), sample)
