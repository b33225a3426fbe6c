"""The losses that the tuples are compared with: equal to pytorch-metric-learning, and well behaved."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytorch_metric_learning import losses

from segkit.errors import ConfigError, DataError
from segkit.voxel_metric import circle, info_nce, lifted_structure, multi_similarity, sup_con
from tests.voxel_metric.oracles import pool

PEERS = {
    "lifted": (lifted_structure, losses.LiftedStructureLoss(neg_margin=1, pos_margin=0)),
    "multi-similarity": (multi_similarity, losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)),
    "circle": (circle, losses.CircleLoss(m=0.4, gamma=80)),
    "circle of faces": (partial(circle, margin=0.25, scale=256), losses.CircleLoss(m=0.25, gamma=256)),
    "InfoNCE": (info_nce, losses.NTXentLoss(temperature=0.1)),
    "SupCon": (sup_con, losses.SupConLoss(temperature=0.1)),
}
PIXEL_CONTRAST = partial(info_nce, per_anchor=True)
ALL = {name: ours for name, (ours, _) in PEERS.items()} | {"pixel contrast": PIXEL_CONTRAST}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_are_those_of_the_peer(name, seed):
    u, labels = pool(24, seed=seed)
    ours, theirs = (loss(u, labels) for loss in PEERS[name])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    slopes = [torch.autograd.grad(each, u, retain_graph=True)[0] for each in (ours, theirs)]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-6)


def test_pixel_contrast_is_the_loop():
    u, labels = pool(14, seed=3)
    z = torch.nn.functional.normalize(u, dim=1)
    s = z @ z.T / 0.1
    values = []
    for a in range(14):
        rest = sum(s[a, n].exp() for n in range(14) if labels[n] != labels[a])
        of_anchor = [
            -(s[a, p].exp() / (s[a, p].exp() + rest)).log()
            for p in range(14)
            if p != a and labels[p] == labels[a]
        ]
        values += [sum(of_anchor) / len(of_anchor)] if of_anchor else []
    torch.testing.assert_close(PIXEL_CONTRAST(u, labels), sum(values) / len(values))


@pytest.mark.parametrize("name", ALL)
def test_an_ignored_row_is_a_row_that_is_not_there(name):
    u, labels = pool(20, seed=4)
    labels[::4] = -1
    kept = labels >= 0
    found, wanted = ALL[name](u, labels), ALL[name](u[kept], labels[kept])
    torch.testing.assert_close(found, wanted)
    assert bool((torch.autograd.grad(found, u)[0][::4] == 0).all())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("labels", [[], [2], [1, 1, 1], [0, 1, 2], [-1, -1, 0]])
def test_without_tuples_a_loss_is_zero_and_connected(name, labels):
    u = torch.randn(len(labels), 3, requires_grad=True)
    value = ALL[name](u, torch.tensor(labels, dtype=torch.int64))
    assert float(value.detach()) == 0
    assert bool((torch.autograd.grad(value, u)[0] == 0).all())


@pytest.mark.parametrize("name", ALL)
def test_rows_that_coincide_and_half_precision_are_finite(name):
    u = torch.ones(6, 3, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        value = ALL[name](u, torch.tensor([0, 0, 0, 1, 1, 2]))
    assert value.dtype == torch.bfloat16
    (slope,) = torch.autograd.grad(value, u)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("name", ALL)
def test_order_of_rows_and_their_lengths_change_nothing(name):
    u, labels = pool(18, seed=5)
    order = torch.randperm(18, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ALL[name](2 * u[order], labels[order]), ALL[name](u, labels))


def test_mistakes_get_a_sentence():
    u, labels = pool(6)
    for loss in (info_nce, sup_con):
        with pytest.raises(ConfigError, match="temperature"):
            loss(u, labels, temperature=0)
    with pytest.raises(ConfigError, match="scale of the circle loss"):
        circle(u, labels, scale=0)
    with pytest.raises(ConfigError, match="alpha and beta"):
        multi_similarity(u, labels, beta=0)
    with pytest.raises(DataError, match=r"labels integers of shape \(M,\)"):
        sup_con(u, labels[:3])
