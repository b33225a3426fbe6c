"""Triplets and pairs: loops as oracles, closed forms, gradients."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.voxel_metric import MINING, TripletPairLoss, mine, triplet_pair
from tests.voxel_metric import oracles
from tests.voxel_metric.oracles import pool


def gradient(embeddings, labels, term, **options):
    value = getattr(triplet_pair(embeddings, labels, **options), term)
    return torch.autograd.grad(value, embeddings)[0]


@pytest.mark.parametrize("mining", MINING)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(6, 20),
    classes=st.integers(1, 4),
    margin=st.sampled_from([0.0, 0.2, 1.5]),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
    ignored=st.booleans(),
)
def test_values_and_gradients_are_those_of_loops(mining, seed, n, classes, margin, spread, ignored):
    u, labels = pool(n, classes=classes, seed=seed, spread=spread)
    if ignored:
        labels[::3] = -1
    found = triplet_pair(u, labels, margin=margin, mining=mining)
    wanted = oracles.triplet(u, labels, mining=mining, margin=margin)
    torch.testing.assert_close(found.triplet, wanted)
    torch.testing.assert_close(
        torch.autograd.grad(found.triplet, u, retain_graph=True)[0], torch.autograd.grad(wanted, u)[0]
    )
    wanted = oracles.pair(u, labels, margin=1.0)
    torch.testing.assert_close(found.pair, wanted)
    torch.testing.assert_close(torch.autograd.grad(found.pair, u)[0], torch.autograd.grad(wanted, u)[0])


@pytest.mark.parametrize("mining", MINING)
def test_the_active_share_is_that_before_mining(mining):
    u, labels = pool(20, seed=3)
    found = triplet_pair(u, labels, mining=mining)
    positives = None if mining == "batch-all" else oracles.next_of_class(labels)
    wanted = oracles.active_share(u, labels, margin=0.2, positives=positives)
    assert float(found.active_share) == pytest.approx(wanted)
    assert not found.active_share.requires_grad


def test_drawn_positives_estimate_the_share_of_all_triplets():
    u, labels = pool(30, seed=5)
    shares = [
        float(triplet_pair(u, labels, generator=torch.Generator().manual_seed(i)).active_share)
        for i in range(60)
    ]
    assert len(set(shares)) > 5
    wanted = oracles.active_share(u, labels, margin=0.2)
    assert sum(shares) / len(shares) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("mining", MINING[:2])
def test_mined_triplets_are_rows_of_what_was_given(mining):
    u, labels = pool(24, seed=1)
    labels[4] = -1
    distance = oracles.squared(u).detach()
    wanted = [
        (a, p, n)
        for a, p, n in oracles.mined(distance, labels, mining, 0.2)
        if distance[a, p] - distance[a, n] + 0.2 > 0
    ]
    found = mine(u, labels, mining=mining)
    assert sorted(zip(*(each.tolist() for each in found), strict=True)) == sorted(wanted)
    assert wanted


def test_semi_hard_prefers_the_window_to_the_hardest_negative():
    angles = torch.tensor([0.0, 0.5, 0.3, 0.55, 3.0], dtype=torch.float64)
    u = torch.stack([angles.cos(), angles.sin()], 1)
    labels = torch.tensor([0, 0, 1, 1, 1])
    first = {name: mine(u, labels, mining=name).negative[0].item() for name in MINING[:2]}
    assert first == {"semi-hard": 3, "batch-hard": 2}


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("term", ["triplet", "pair"])
def test_gradients_are_those_of_finite_differences(mining, term):
    u, labels = pool(12, seed=2)
    assert torch.autograd.gradcheck(lambda x: getattr(triplet_pair(x, labels, mining=mining), term), (u,))


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("term", ["triplet", "pair"])
def test_gradients_are_tangent_to_the_sphere_and_shrink_with_the_length(mining, term):
    u, labels = pool(16, seed=4)
    found = gradient(u, labels, term, mining=mining)
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(
        (found * u.detach()).sum(1), torch.zeros(16, dtype=u.dtype), atol=1e-12, rtol=0
    )
    long = (3 * u.detach()).requires_grad_()
    torch.testing.assert_close(gradient(long, labels, term, mining=mining), found / 3)


def test_the_gradient_of_a_triplet_sums_to_zero_before_the_normalisation():
    u, _ = pool(3, classes=1)
    z = torch.nn.functional.normalize(u.detach(), dim=1)
    a, p, n = z
    by_hand = torch.stack([2 * (n - p), 2 * (p - a), 2 * (a - n)])
    torch.testing.assert_close(by_hand.sum(0), torch.zeros(4, dtype=torch.float64))
    # With labels 0 0 1 rows 0 and 1 are both anchors, and each other's positive.
    other = torch.stack([2 * (a - p), 2 * (n - a), 2 * (p - n)])
    tangent = (by_hand + other) / 2
    tangent = tangent - (tangent * z).sum(1, keepdim=True) * z
    u = z.clone().requires_grad_()
    found = gradient(u, torch.tensor([0, 0, 1]), "triplet", margin=4.0)
    torch.testing.assert_close(found, tangent)


@pytest.mark.parametrize("mining", MINING)
def test_a_common_rotation_changes_nothing(mining):
    u, labels = pool(20, seed=6)
    turn, _ = torch.linalg.qr(pool(4)[0].detach())
    for found, wanted in zip(
        triplet_pair(u @ turn, labels, mining=mining), triplet_pair(u, labels, mining=mining), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("mining", MINING)
def test_the_order_of_rows_changes_no_pair_and_no_mined_triplet(mining):
    u, labels = pool(20, seed=12)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    found, wanted = (triplet_pair(*rows, mining=mining) for rows in ((u[order], labels[order]), (u, labels)))
    torch.testing.assert_close(found.pair, wanted.pair)
    if mining != "semi-hard":  # whose positive is the next row of the class
        torch.testing.assert_close(found.triplet, wanted.triplet)


@pytest.mark.parametrize("mining", MINING)
def test_zero_value_and_gradient_where_every_margin_holds(mining):
    u = torch.eye(3, dtype=torch.float64).repeat_interleave(3, 0).requires_grad_()
    labels = torch.arange(3).repeat_interleave(3)
    found = triplet_pair(u, labels, mining=mining)
    assert [float(each.detach()) for each in found] == [0, 0, 0, 0]
    (of_both,) = torch.autograd.grad(found.triplet + found.pair, u)
    assert float(of_both.abs().max()) == 0


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_collapse_point_is_stationary(mining, dtype):
    u = torch.tensor([[0.6, 0.8, 0.0]], dtype=dtype).repeat(8, 1).requires_grad_()
    labels = torch.arange(8) % 2
    found = triplet_pair(u, labels, mining=mining)
    assert float(found.triplet.detach()) == pytest.approx(0.2, abs=1e-6)
    assert float(found.pair.detach()) == pytest.approx(0.25 * (1 - 1e-3) ** 2, abs=1e-6)
    for term in (found.triplet, found.pair):
        (slope,) = torch.autograd.grad(term, u, retain_graph=True)
        assert float(slope.abs().max()) < 1e-4


def test_closed_forms_on_a_square():
    u = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    found = triplet_pair(u, torch.tensor([0, 0, 1, 1]), margin=1.0, pair_margin=2.0)
    # D is 2 to neighbours and 4 across. Anchors 0 and 2 … have positive 2, nearest negative 2: hinge m.
    assert float(found.triplet) == pytest.approx(1.0)
    # ½·2 for the same class; other class: two at √2, two at 2 = m_c.
    assert float(found.pair) == pytest.approx((1.0 + 0.5 * (2 - math.sqrt(2)) ** 2 / 2) / 2)


def test_a_class_of_one_voxel_is_a_negative_and_no_anchor():
    u, labels = pool(7, classes=2, seed=8)
    labels = torch.tensor([0, 0, 0, 1, 0, 0, 0])
    assert 3 not in mine(u, labels, margin=4.0).anchor.tolist()
    assert set(mine(u, labels, margin=4.0).negative.tolist()) == {3}


def test_the_mined_share_is_one_of_anchors():
    u = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    assert float(triplet_pair(u, torch.tensor([0, 0, 1]), margin=4.0).mined_share) == 1.0
    assert float(triplet_pair(u, torch.tensor([0, 0, 1]), margin=0.0).mined_share) == 0.0


def test_small_steps_separate_the_classes():
    u, labels = pool(40, classes=2, seed=11, spread=0.5)
    values = []
    for _ in range(40):
        terms = triplet_pair(u, labels, mining="batch-all", margin=1.0)
        loss = terms.triplet * terms.active_share + terms.pair
        values.append(float(loss.detach()))
        u = (u - 0.2 * torch.autograd.grad(loss, u)[0]).detach().requires_grad_()
    assert all(after < before for before, after in pairwise(values))
    assert values[-1] < values[0] / 1.5


def test_the_module_gives_named_terms():
    u, labels = pool(20)
    generator = torch.Generator().manual_seed(3)
    loss = TripletPairLoss(margin=0.4, pair_margin=0.7, mining="semi-hard")
    found = loss(u, labels, generator)
    wanted = triplet_pair(u, labels, margin=0.4, pair_margin=0.7, generator=generator.manual_seed(3))
    assert found == wanted._asdict()
