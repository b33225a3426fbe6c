from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from segkit.coarse_refined import (
    CoarseRefinedNet,
    GridPatchSampler,
    InterPatchRankedLoss,
    Ranking,
    graded_patch_ranking,
    inter_patch_ranked_loss,
)
from segkit.errors import ConfigError, DataError
from segkit.losses import reduce
from tests.coarse_refined import oracles
from tests.coarse_refined.shapes import generator, heart


def slots(k=2, q=7, d=3, seed=0):
    z = F.normalize(torch.randn(k, q, d, generator=generator(seed), dtype=torch.float64), dim=-1)
    labels = torch.randint(-1, 2, (k, q), generator=generator(seed + 1))
    labels[:, :3] = torch.tensor([1, 1, 0])
    return z, labels


def loop(z, labels, k, i, ranking):
    rows, classes = z[k].tolist(), labels[k].tolist()
    positives = [rows[j] for j in range(len(rows)) if classes[j] == 1 and j != i]
    negatives = [rows[j] for j in range(len(rows)) if classes[j] == 0]
    return oracles.anchor_value(rows[i], positives, negatives, **vars(ranking))


def test_every_anchor_equals_a_loop():
    (z, labels), ranking = slots(), Ranking(t_pos=1.0)
    found = inter_patch_ranked_loss(z, labels, ranking=ranking)
    assert torch.equal(found.counts, labels == 1)
    for k in range(2):
        for i in range(7):
            wanted = loop(z, labels, k, i, ranking) if labels[k, i] == 1 else 0.0
            assert found.values[k, i].item() == pytest.approx(wanted)


def test_the_memory_fills_the_lists_but_has_no_anchors():
    (z, labels), (past, theirs) = slots(), slots(q=5, seed=3)
    found = inter_patch_ranked_loss(z, labels, others=past, other_labels=theirs)
    both, classes = torch.cat([z, past], 1), torch.cat([labels, theirs], 1)
    assert found.values.shape == (2, 7)
    assert found.values[0, 0].item() == pytest.approx(loop(both, classes, 0, 0, Ranking()))


def test_the_order_of_patches_changes_nothing():
    z, labels = slots()
    order = torch.randperm(7, generator=generator())
    first = inter_patch_ranked_loss(z, labels)
    second = inter_patch_ranked_loss(z[:, order], labels[:, order])
    torch.testing.assert_close(second.values, first.values[:, order])


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [-1, -1, -1], [1, -1, 0]])
def test_without_partners_it_is_zero_and_connected(labels):
    z = slots(1, 3)[0].requires_grad_()
    found = inter_patch_ranked_loss(z, torch.tensor([labels]))
    value = reduce(found.values, found.counts)
    (gradient,) = torch.autograd.grad(value, z)
    assert value == 0
    assert gradient.abs().max() == 0
    assert found.active_positives == found.active_negatives == 0


def test_active_shares_count_pairs_of_anchors():
    z, labels = slots(1, 6)
    labels = torch.tensor([[1, 1, 1, 0, 0, -1]])
    found = inter_patch_ranked_loss(z, labels)
    d = torch.cdist(z, z)[0]
    near = [d[i, j] > 0.8 for i in range(3) for j in range(3) if i != j]
    far = [d[i, j] < 1.2 for i in range(3) for j in (3, 4)]
    assert found.active_positives.item() == pytest.approx(sum(near).item() / 6)
    assert found.active_negatives.item() == pytest.approx(sum(far).item() / 6)


def test_shapes_that_do_not_fit():
    z, labels = slots()
    with pytest.raises(DataError, match="need labels"):
        inter_patch_ranked_loss(z, labels[:, :4])


def test_graded_ranking_equals_all_pairs():
    scores = torch.randn(5, generator=generator(), dtype=torch.float64, requires_grad=True)
    fractions = torch.tensor([0.9, 0.05, 0.5, 0.0, torch.nan], dtype=torch.float64)
    pairs = [(i, j) for i in range(5) for j in range(5) if fractions[i] > fractions[j] + 0.1]
    assert len(pairs) == 5
    wanted = sum(math.log(1 + math.exp(-(scores[i] - scores[j]).item() / 2)) for i, j in pairs) / 5
    assert graded_patch_ranking(scores, fractions, tau=2.0).item() == pytest.approx(wanted)
    torch.autograd.gradcheck(lambda s: graded_patch_ranking(s, fractions), scores)


def test_graded_ranking_without_a_pair_is_zero():
    scores = torch.randn(2, 3, requires_grad=True)
    value = graded_patch_ranking(scores, torch.full((2, 3), 0.5)).sum()
    value.backward()
    assert value == 0
    assert scores.grad.abs().max() == 0


def test_graded_options():
    with pytest.raises(ConfigError, match="tau positive"):
        graded_patch_ranking(torch.zeros(2), torch.zeros(2), tau=0.0)


def setup(labels, **options):
    torch.manual_seed(0)
    net = CoarseRefinedNet(2, 1, 3, (4, 8), embedding=8)
    sampler = GridPatchSampler(4, slots=4, share=0.3, mixed=options.get("graded", False))
    loss = InterPatchRankedLoss(3, embedding=8, sampler=sampler, memory=16, pixels=8, **options)
    image = torch.randn(len(labels), 1, *labels.shape[1:], generator=generator(1))

    def call(seed=0):
        return loss(net.outputs(image), image, labels, embed=net.embed, generator=generator(seed))

    return net, loss, call


@pytest.mark.parametrize("graded", [False, True])
def test_the_module_trains_encoder_and_head(graded):
    net, loss, call = setup(torch.cat([heart(), heart()]), graded=graded)
    if graded:
        torch.nn.init.normal_(loss.direction)
    call()["inter"].backward()
    assert next(net.unet.parameters()).grad.abs().max() > 0
    assert next(net.embed.parameters()).grad.abs().max() > 0


def test_the_memory_fills_in_training_alone():
    _, loss, call = setup(heart())
    loss.eval()
    first = call()["inter"]
    assert (loss.memory.labels == -1).all()
    loss.train()
    call(seed=5)
    assert (loss.memory.labels >= 0).any(1).all()
    stored = loss.memory.rows[loss.memory.labels >= 0]
    torch.testing.assert_close(stored.norm(dim=-1), torch.ones(len(stored)))
    assert call()["inter"] != first


def test_images_without_structures_give_a_zero():
    net, _, call = setup(torch.zeros(2, 24, 24, dtype=torch.int64))
    found = call()
    found["inter"].backward()
    assert found["inter"] == 0
    assert next(net.embed.parameters()).grad.abs().max() == 0


def test_descriptors_are_means_over_the_structure_alone():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[0, :2, :4] = 1  # half of the first patch
    features = torch.zeros(1, 2, 8, 8)
    features[0, 0], features[0, 1] = labels[0], 1 - labels[0]
    loss = InterPatchRankedLoss(2, embedding=2, sampler=GridPatchSampler(4, slots=2), pixels=16)
    patches = loss.sampler(torch.zeros(1, 1, 8, 8), labels, generator(), n_classes=2)
    q = loss._describe(patches, features, labels, lambda rows: rows, generator())
    assert q[0, 0].tolist() == [1.0, 0.0]
    assert q[0, 2].tolist() == [0.0, 1.0]
    assert q[0, 1].tolist() == [0.0, 0.0]  # an empty slot


@pytest.mark.parametrize("options", [{"n_classes": 1}, {"n_classes": 2, "pixels": 0}])
def test_options_out_of_range(options):
    with pytest.raises(ConfigError):
        InterPatchRankedLoss(**options)
