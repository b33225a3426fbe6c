"""Triplets and pairs at their limits: nothing to compare, ignored rows, half precision, memory, mistakes."""

from __future__ import annotations

import math

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.losses.probing import saved_bytes
from segkit.voxel_metric import MINING, mine, triplet_pair
from tests.voxel_metric.oracles import pool
from tests.voxel_metric.test_tuples import gradient


@pytest.mark.slow
@pytest.mark.parametrize("mining", MINING)
def test_compiled_equals_eager(mining):
    u, labels = pool(24, seed=13, dtype=torch.float32)

    def loss(rows):
        terms = triplet_pair(rows, labels, mining=mining)
        return terms.triplet + terms.pair

    fast, slow = torch.compile(loss)(u), loss(u)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(torch.autograd.grad(fast, u)[0], torch.autograd.grad(slow, u)[0])


@pytest.mark.parametrize("mining", MINING[:2])
def test_at_the_collapse_point_no_row_is_its_own_positive(mining, monkeypatch):
    monkeypatch.setattr("segkit.voxel_metric.scanning._CELLS", 3 * 12)
    found = mine(torch.ones(12, 3), torch.arange(12) // 6, mining=mining)
    assert len(found.anchor) == 12
    assert bool((found.anchor != found.positive).all())


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("labels", [[], [0], [0, 0, 0], [0, 1, 2], [-1, -1, -1], [-1, 2, -1]])
def test_without_tuples_the_loss_is_zero_and_connected(mining, labels):
    u = torch.randn(len(labels), 3, requires_grad=True)
    found = triplet_pair(u, torch.tensor(labels, dtype=torch.int64), mining=mining)
    assert [float(each.detach()) for each in found[:2]] == [0, 0]
    (slope,) = torch.autograd.grad(found.triplet + found.pair, u)
    assert bool((slope == 0).all())


@pytest.mark.parametrize("mining", MINING)
def test_ignoring_is_removing_and_an_ignored_nan_stays_where_it_is(mining):
    u, labels = pool(18, seed=7)
    labels[[1, 8]] = -1
    spoilt = u.detach().clone()
    spoilt[[1, 8]] = math.nan
    spoilt.requires_grad_()
    kept = labels >= 0
    for found, wanted in zip(
        triplet_pair(spoilt, labels, mining=mining),
        triplet_pair(u[kept], labels[kept], mining=mining),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)
    slope = gradient(spoilt, labels, "triplet", mining=mining) + gradient(
        spoilt, labels, "pair", mining=mining
    )
    assert bool(slope.isfinite().all()) and bool((slope[[1, 8]] == 0).all())


@pytest.mark.parametrize("mining", MINING)
def test_a_row_of_zeros_has_a_finite_gradient(mining):
    u, labels = pool(12, classes=2)
    u = u.detach().float()
    u[3] = 0
    u.requires_grad_()
    for term in ("triplet", "pair"):
        assert bool(gradient(u, labels, term, mining=mining).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_losses_keep_the_dtype_and_compute_in_full_precision(dtype):
    u, labels = pool(40, seed=9, dtype=torch.float32)
    rounded = u.detach().to(dtype)
    exact = triplet_pair(rounded.double(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        found = triplet_pair(rounded, labels)
    assert found.triplet.dtype == found.pair.dtype == dtype
    tolerance = 1e-2 if dtype.itemsize == 2 else 1e-5
    assert float(found.triplet) == pytest.approx(float(exact.triplet), rel=tolerance)
    assert float(found.pair) == pytest.approx(float(exact.pair), rel=tolerance)


@pytest.mark.parametrize("seed", range(10, 14))
@pytest.mark.parametrize("mining", MINING)
def test_pools_of_many_strips_give_what_one_strip_gives(mining, seed, monkeypatch):
    u, labels = pool(60, seed=seed)
    wanted = triplet_pair(u, labels, mining=mining)
    slopes = [gradient(u, labels, term, mining=mining) for term in ("triplet", "pair")]
    monkeypatch.setattr("segkit.voxel_metric.scanning._CELLS", 7 * 60)
    for found, value in zip(triplet_pair(u, labels, mining=mining), wanted, strict=True):
        torch.testing.assert_close(found, value)
    for term, slope in zip(("triplet", "pair"), slopes, strict=True):
        torch.testing.assert_close(gradient(u, labels, term, mining=mining), slope)


def test_no_matrix_of_all_pairs_is_kept():
    u, labels = pool(1024, d=16, classes=2, dtype=torch.float32)
    for mining in MINING:
        kept = saved_bytes(lambda x, y, _: sum(triplet_pair(x, y, mining=mining)[:2]), u, labels)  # noqa: B023
        assert kept < 24 * u.numel() * 4 < 1024**2 * 4


@pytest.mark.slow
def test_the_peak_is_far_below_six_matrices():
    from segkit.experiments.memory import peak_memory

    u, labels = pool(4096, d=32, classes=2, dtype=torch.float32)
    triplet_pair(u[:64], labels[:64])
    with peak_memory() as peak:
        terms = triplet_pair(u, labels)
        (terms.triplet + terms.pair).backward()
    assert peak.added_mb < 6 * 4096**2 * 4 / 2**20 / 4


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((torch.zeros(3, 2), torch.zeros(4, dtype=int)), {}, DataError, r"got torch.float32 \(3, 2\)"),
        ((torch.zeros(3), torch.zeros(3, dtype=int)), {}, DataError, "shape"),
        ((torch.zeros(3, 2), torch.zeros(3)), {}, DataError, "labels integers"),
        ((torch.zeros(3, 2, dtype=int), torch.zeros(3, dtype=int)), {}, DataError, "floating point"),
        ((torch.zeros(3, 2), torch.zeros(3, dtype=int)), {"mining": "semihard"}, ConfigError, "'semi-hard'"),
        ((torch.zeros(3, 2), torch.zeros(3, dtype=int)), {"margin": -1}, ConfigError, r"\[0, 4\]"),
        ((torch.zeros(3, 2), torch.zeros(3, dtype=int)), {"pair_margin": 3}, ConfigError, r"\[0, 2\]"),
    ],
)
def test_mistakes_get_a_sentence(arguments, options, error, words):
    with pytest.raises(error, match=words):
        triplet_pair(*arguments, **options)


def test_mine_knows_no_batch_all():
    with pytest.raises(ConfigError, match="mining of single triplets"):
        mine(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64), mining="batch-all")
