"""The report of what was selected."""

from __future__ import annotations

import math

import pytest
import torch

from segkit.loss_envelope import TopKSigmaLoss

LABELS = torch.tensor([[0] * 12 + [1] * 8, [0] * 20, [-1] * 20])


@pytest.fixture
def logits():
    """Class 0 everywhere with certainty, but in doubt at voxel 11, beside the boundary."""
    logits = torch.zeros(3, 3, 20)
    logits[:, 0] = 10.0
    logits[:, 0, 11] = 0.5
    logits[0, 1, 12:] = torch.linspace(9, 12, 8)
    return logits


def test_shares_by_class_and_near_the_boundary(logits):
    loss = TopKSigmaLoss(sigma={0: 1, 1: 0.25}, dice_weight=0.0)
    report = loss.report(logits, LABELS)
    assert report.trimmed[:2].tolist() == pytest.approx([2 / 32, 2 / 8]) and report.trimmed[2].isnan()
    # dropped: voxel 11 of both images, and 12 and 13 of the first; the second has no boundary
    assert report.near_boundary.item() == pytest.approx(3 / 4)
    assert report.images.tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert report.entropy.item() == pytest.approx(math.log(2))


def test_terms_are_scalars_by_name(logits):
    terms = TopKSigmaLoss(sigma=0.25, top_k=1, temperature_image=0.0).report(logits, LABELS).terms()
    assert all(value.ndim == 0 for value in terms.values())
    assert terms["image_weight_largest"] == 1 and terms["image_weights_entropy"] == 0
    assert terms["trimmed_of_class_1"] == pytest.approx(0.25)


def test_nothing_is_dropped_before_the_warm_up(logits):
    report = TopKSigmaLoss(sigma=0.25).report(logits, LABELS, progress=0.0)
    assert report.trimmed[:2].tolist() == [0, 0] and report.near_boundary.isnan()


def test_a_smooth_selection_drops_to_a_degree(logits):
    report = TopKSigmaLoss(sigma=0.25, temperature_voxel=1.0).report(logits, LABELS)
    assert report.trimmed[:2].tolist() == pytest.approx([8 / 32, 2 / 8], abs=1e-5)


def test_gathered_voxels_have_no_boundary():
    report = TopKSigmaLoss(sigma=0.5).report(torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 1, 1]))
    assert report.trimmed.tolist() == [0, 0]  # each is an image of its own, and keeps its only voxel
