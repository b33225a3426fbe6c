"""Branches: what they read, draw and return; taps, memory, images; the control on the same voxels."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.losses import cross_entropy
from segkit.voxel_metric import MetricBranch, SameVoxelCE, TripletPairLoss, VoxelSampler, gather_voxels
from segkit.voxel_metric.coarse import coarse_labels
from tests.voxel_metric.batches import batch_of, generator, net_of

SAMPLER = VoxelSampler(per_class=8, band_mm=2.0)


def features_of(net, batch):
    return net.forward_features(batch["image"], [*net.taps, "logits"])


@pytest.mark.parametrize("size", [(12, 10), (12, 8, 8)])
@pytest.mark.parametrize("tap", ["decoder0", "decoder1", "encoder0", "bottom"])
def test_terms_are_those_of_embeddings_of_voxels_drawn_on_the_grid_of_the_tap(size, tap):
    net, batch = net_of(len(size)), batch_of(*size)
    branch = MetricBranch(net, taps=[tap], sampler=VoxelSampler("random", per_class=8), dim=5)
    features = features_of(net, batch)
    found = branch(features, batch, generator())
    random = generator()
    sample = branch.sample(tap, features["logits"], batch, random)
    cells = coarse_labels(batch["label"], net.taps[tap].stride, 3).flatten(1)
    assert torch.equal(cells[sample.image, sample.voxel], sample.labels)
    embeddings = branch.heads[tap](gather_voxels(features[tap], sample))
    assert embeddings.shape == (len(sample), 5)
    wanted = TripletPairLoss()(embeddings, sample.labels, random)
    torch.testing.assert_close(found, wanted)


def test_several_taps_have_heads_of_their_own_and_are_averaged():
    net, batch = net_of(), batch_of(12, 10)
    branch = MetricBranch(net, taps=["decoder0", "decoder1"], sampler=SAMPLER)
    assert [head.in_channels for head in branch.heads.values()] == [4, 6]
    features = features_of(net, batch)
    random = generator()
    singles = []
    for name in branch.taps:
        sample = branch.sample(name, features["logits"], batch, random)
        rows = branch.heads[name](gather_voxels(features[name], sample))
        singles.append(branch.loss(rows, sample.labels, random)["pair"])
    torch.testing.assert_close(branch(features, batch, generator())["pair"], sum(singles) / 2)


@pytest.mark.parametrize(
    "make", [lambda net: MetricBranch(net, sampler=SAMPLER), lambda net: SameVoxelCE(SAMPLER)]
)
def test_the_gradient_reaches_the_trunk_and_every_parameter_of_the_branch(make):
    net, batch = net_of(), batch_of(12, 10)
    branch = make(net)
    found = branch(features_of(net, batch), batch, generator())
    sum(weight * found[name] for name, weight in branch.weights.items()).backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in branch.parameters())
    assert sum(float(p.grad.abs().sum()) for p in net.encoders[0].parameters()) > 0


@pytest.mark.parametrize("label", [0, 1, -1])
def test_one_class_in_the_crop_gives_zero_with_a_gradient_of_zero(label):
    net, batch = net_of(), batch_of(12, 10)
    batch["label"] = torch.full_like(batch["label"], label)
    branch = MetricBranch(net, sampler=SAMPLER)
    found = branch(features_of(net, batch), batch, generator())
    total = found["triplet"] + found["pair"]
    assert float(total.detach()) == 0
    total.backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) == 0 for p in branch.parameters())


def test_within_images_no_tuple_crosses():
    net, batch = net_of(), batch_of(12, 10)
    batch["label"][0] = 0  # the first image has one class alone: no tuple within it
    branch = MetricBranch(net, sampler=SAMPLER, across_images=False)
    features = features_of(net, batch)
    found = branch(features, batch, generator())
    random = generator()
    sample = branch.sample("decoder0", features["logits"], batch, random)
    rows = branch.heads["decoder0"](gather_voxels(features["decoder0"], sample))
    own = sample.image == 1
    terms = [branch.loss(rows[one], sample.labels[one], random) for one in (~own, own)]
    assert float(terms[0]["pair"].detach()) == 0
    torch.testing.assert_close(found["pair"], terms[1]["pair"] / 2)


def test_the_memory_joins_the_pool_without_a_gradient_and_keeps_the_newest():
    net, batch = net_of(), batch_of(12, 10)
    pools = []

    def loss(rows, labels, random):
        pools.append((rows, labels))
        return TripletPairLoss()(rows, labels, random)

    branch = MetricBranch(net, sampler=SAMPLER, loss=loss, memory=60)
    for i in range(3):
        branch(features_of(net, batch), batch, generator(i))
    new = 2 * 3 * 8
    assert [len(rows) for rows, _ in pools] == [new + 60] * 3
    assert [int((labels >= 0).sum()) for _, labels in pools] == [new, 2 * new, new + 60]
    torch.testing.assert_close(pools[2][0][new : 2 * new], pools[1][0][:new].detach())
    (to_memory,) = torch.autograd.grad(pools[2][0].sum(), [branch.heads["decoder0"].layers[0].weight])
    assert bool(to_memory.isfinite().all())
    branch.eval()
    before = branch.memory_rows.clone()
    branch(features_of(net, batch), batch, generator(9))
    assert torch.equal(branch.memory_rows, before)
    assert {"memory_rows", "memory_labels"} <= set(branch.state_dict())


def test_the_error_policy_looks_at_the_logits():
    net, batch = net_of(), batch_of(12, 10)
    features = features_of(net, batch)
    features["logits"] = torch.nn.functional.one_hot(batch["label"].roll(1, 1), 3).movedim(-1, 1).float()
    branch = MetricBranch(net, sampler=VoxelSampler("error", per_class=6))
    sample = branch.sample("decoder0", features["logits"], batch, generator())
    wrong = (features["logits"].argmax(1) != batch["label"]).flatten(1)[sample.image, sample.voxel]
    assert int(wrong.sum()) == len(sample) // 2
    control = SameVoxelCE(VoxelSampler("error", per_class=6))
    assert float(control(features, batch, generator())["sampled_ce"]) > 0


def test_the_control_is_cross_entropy_on_the_voxels_of_the_branch():
    net, batch = net_of(), batch_of(12, 10)
    features = features_of(net, batch)
    sample = MetricBranch(net, sampler=SAMPLER).sample("decoder0", features["logits"], batch, generator())
    found = SameVoxelCE(SAMPLER)(features, batch, generator())["sampled_ce"]
    values = cross_entropy(features["logits"], batch["label"]).flatten(1)[sample.image, sample.voxel]
    torch.testing.assert_close(found, values.mean())


@pytest.mark.parametrize(
    "make", [lambda net: MetricBranch(net, sampler=SAMPLER), lambda net: SameVoxelCE(SAMPLER)]
)
def test_what_is_not_valid_is_not_drawn(make):
    net, batch = net_of(), batch_of(12, 10)
    batch["valid"] = torch.zeros_like(batch["label"], dtype=torch.bool)
    found = make(net)(features_of(net, batch), batch, generator())
    assert all(float(value.detach()) == 0 for value in found.values())


def test_other_losses_and_those_of_the_peer_fit_in():
    from pytorch_metric_learning.losses import SupConLoss

    from segkit.voxel_metric import named_loss, sup_con

    net, batch = net_of(), batch_of(12, 10)
    peer = SupConLoss(temperature=0.1)
    found = [
        MetricBranch(net, sampler=SAMPLER, loss=named_loss("sup_con", loss), weights={"sup_con": 1.0})
        for loss in (sup_con, peer)
    ]
    assert all(branch.weights == {"sup_con": 1.0} for branch in found)
    found[1].load_state_dict(found[0].state_dict())
    values = [branch(features_of(net, batch), batch, generator())["sup_con"] for branch in found]
    torch.testing.assert_close(*values)


def test_one_tap_may_be_named_without_a_list():
    assert MetricBranch(net_of(), taps="decoder1").taps == ("decoder1",)


def test_mistakes_get_a_sentence():
    net, batch = net_of(), batch_of(12, 10)
    with pytest.raises(ConfigError, match=r"unknown tap 'decoder7'.*known: bottom, decoder0, decoder1"):
        MetricBranch(net, taps=["decoder7"])
    with pytest.raises(ConfigError, match="needs a tap"):
        MetricBranch(net, taps=[])
    with pytest.raises(ConfigError, match="memory of 0 or more"):
        MetricBranch(net, memory=-1)
    del batch["distance_mm"]
    with pytest.raises(DataError, match=r"with_distances\(\)"):
        MetricBranch(net)(features_of(net, batch), batch, generator())
