from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from segkit.coarse_refined import (
    CoarseRefinedNet,
    ContourPatchSampler,
    IntraPatchRankedLoss,
    Ranking,
    intra_patch_ranked_loss,
)
from segkit.coarse_refined.intra_patch import READINGS
from segkit.errors import ConfigError, DataError
from tests.coarse_refined import oracles
from tests.coarse_refined.shapes import disc, generator, heart

SAMPLER = ContourPatchSampler(8, patches=3, per_side=5)


def patches(p=3, n=4, seed=0):
    z = torch.randn(p, 2 * n, 3, generator=generator(seed), dtype=torch.float64)
    return F.normalize(z, dim=-1)


def test_each_patch_equals_loops():
    z, ranking = patches(), Ranking(t_pos=2.0)
    found = intra_patch_ranked_loss(z, ranking=ranking)
    labels = torch.tensor([1] * 4 + [0] * 4)
    for row, value in zip(z, found.values, strict=True):
        wanted = oracles.ranked_list(row, labels, **vars(ranking))
        assert value.item() == pytest.approx(sum(wanted) / 8)


def test_active_shares_count_pairs():
    z = patches()
    found = intra_patch_ranked_loss(z)
    d = torch.cdist(z, z)
    same = (torch.arange(8)[:, None] < 4) == (torch.arange(8)[None] < 4)
    pairs = same & ~torch.eye(8, dtype=torch.bool)
    assert found.active_positives.item() == pytest.approx((d > 0.8)[:, pairs].double().mean().item())
    assert found.active_negatives.item() == pytest.approx((d < 1.2)[:, ~same].double().mean().item())


def test_pixels_of_other_patches_are_never_compared():
    z = patches()
    moved = z.clone()
    moved[1] = patches(1, seed=9)[0]
    first, second = (intra_patch_ranked_loss(each).values for each in (z, moved))
    assert torch.equal(first[[0, 2]], second[[0, 2]])
    assert first[1] != second[1]


def test_odd_number_of_pixels():
    with pytest.raises(DataError, match="n pixels of each side"):
        intra_patch_ranked_loss(torch.zeros(1, 5, 3))


def terms(reading, labels, **options):
    torch.manual_seed(0)
    net = CoarseRefinedNet(2, 1, 3, (4, 8))
    loss = IntraPatchRankedLoss(reading, sampler=SAMPLER, **options)
    out = net.outputs(torch.randn(len(labels), 1, 24, 24, generator=generator(1)))
    return net, loss(out, labels, embed=net.embed, generator=generator())


@pytest.mark.parametrize(
    ("reading", "count"), [("list", 3), ("hardest", 1), ("scores", 1), ("ap", 1), ("neighbours", 1)]
)
def test_every_reading_gives_a_loss_with_a_gradient(reading, count):
    net, found = terms(reading, heart())
    assert len(found) == count
    found["intra"].backward()
    assert next(net.unet.parameters()).grad.abs().max() > 0
    assert (net.embed.layers[0].weight.grad is not None) == (reading in ("list", "neighbours"))


@pytest.mark.parametrize("reading", READINGS)
def test_without_a_contour_it_is_zero_and_connected(reading):
    net, found = terms(reading, torch.zeros(2, 24, 24, dtype=torch.int64))
    assert found["intra"] == 0
    found["intra"].backward()
    grads = [p.grad.abs().max() for p in net.parameters() if p.grad is not None]
    assert grads
    assert max(grads) == 0


def test_training_on_it_separates_the_sides():
    torch.manual_seed(0)
    labels = disc()
    features = labels[:, None].float() + 0.3 * torch.randn(1, 6, 24, 24)
    head = CoarseRefinedNet(2, 1, 2, (6, 8)).embed
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    values = []
    for step in range(30):
        found = SAMPLER(labels, generator(step))
        rows = found.gather(features)
        loss = intra_patch_ranked_loss(head(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])).values.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert sum(values[-5:]) < 0.5 * sum(values[:5])


def test_unknown_reading_and_option():
    with pytest.raises(ConfigError, match="did you mean 'list'"):
        IntraPatchRankedLoss("lists")
    with pytest.raises(ConfigError, match="has no option"):
        IntraPatchRankedLoss("hardest", margin=1.0)
