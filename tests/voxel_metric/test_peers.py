"""Our tuples and those of pytorch-metric-learning: equal where they mean the same, and where they do not."""

from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning import distances, losses, miners, reducers

from segkit.voxel_metric import mine, triplet_pair
from tests.voxel_metric import oracles
from tests.voxel_metric.oracles import pool

SQUARED = distances.LpDistance(power=2)


@pytest.fixture(params=range(4))
def rows(request):
    return pool(30, seed=request.param)


def same(found, wanted, embeddings):
    torch.testing.assert_close(found, wanted)
    slopes = [torch.autograd.grad(each, embeddings, retain_graph=True)[0] for each in (found, wanted)]
    torch.testing.assert_close(*slopes)


def test_batch_hard_is_their_triplet_loss_with_their_miner(rows):
    u, labels = rows
    triplets = miners.BatchHardMiner(distance=SQUARED)(u, labels)
    wanted = losses.TripletMarginLoss(margin=0.2, distance=SQUARED)(u, labels, triplets)
    same(triplet_pair(u, labels, mining="batch-hard").triplet, wanted, u)


def test_batch_all_is_their_triplet_loss_without_a_miner(rows):
    u, labels = rows
    wanted = losses.TripletMarginLoss(margin=0.2, distance=SQUARED)(u, labels)
    same(triplet_pair(u, labels, mining="batch-all").triplet, wanted, u)


def test_semi_hard_is_their_triplet_loss_on_our_triplets(rows):
    u, labels = rows
    wanted = losses.TripletMarginLoss(margin=0.2, distance=SQUARED)(u, labels, mine(u, labels))
    same(triplet_pair(u, labels).triplet, wanted, u)


def test_their_semi_hard_triplets_hold_ours_except_those_of_the_fallback(rows):
    u, labels = rows
    theirs = miners.TripletMarginMiner(0.2, type_of_triplets="semihard", distance=SQUARED)(u, labels)
    theirs = set(zip(*(each.tolist() for each in theirs), strict=True))
    ours = set(zip(*(each.tolist() for each in mine(u, labels)), strict=True))
    distance = oracles.squared(u).detach()
    fallback = {(a, p, n) for a, p, n in ours if distance[a, n] <= distance[a, p]}
    assert ours - fallback <= theirs
    assert len(ours) < len(theirs)


def test_the_pair_term_is_the_mean_of_theirs_with_the_hinge_squared(rows):
    u, labels = rows
    contrastive = losses.ContrastiveLoss(
        pos_margin=0, neg_margin=1, reducer=reducers.DoNothingReducer(), distance=distances.LpDistance()
    )(u, labels)
    positive, negative = (contrastive[name]["losses"] for name in ("pos_loss", "neg_loss"))
    wanted = ((positive.square() / 2).mean() + (negative.square() / 2).mean()) / 2
    found = triplet_pair(u, labels).pair
    torch.testing.assert_close(found, wanted)


def test_out_of_the_box_theirs_are_other_losses(rows):
    """Their distance is not squared, their contrastive hinge is not, and their means leave out zeros."""
    u, labels = rows
    found = triplet_pair(u, labels, mining="batch-all", margin=0.05)
    assert not torch.isclose(found.triplet, losses.TripletMarginLoss()(u, labels))
    distance = oracles.squared(u).sqrt()
    hinges = [distance[a, p] - distance[a, n] + 0.05 for a, p, n in oracles.all_triplets(labels)]
    active = torch.stack([hinge for hinge in hinges if hinge > 0])
    torch.testing.assert_close(losses.TripletMarginLoss()(u, labels), active.mean())

    upper = torch.ones(len(u), len(u)).triu(1).bool()
    equal = labels[:, None] == labels
    kinds = (distance[upper & equal], (1 - distance[upper & ~equal]).relu())
    means = [values[values > 0].mean() for values in kinds]
    torch.testing.assert_close(losses.ContrastiveLoss()(u, labels), sum(means))
    assert not torch.isclose(found.pair, sum(means))
