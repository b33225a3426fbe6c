"""The step of MetricUNet, its warm-up, and what is left of it after training: a plain U-Net."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from segkit.data import PatchBatches, phantoms, z_score
from segkit.errors import ConfigError
from segkit.losses import DiceCELoss, SoftDiceLoss
from segkit.nets import UNet, count_parameters
from segkit.train import State, Supervised, Trainer, load_network
from segkit.voxel_metric import (
    ContourBranch,
    MetricBranch,
    MetricUNet,
    SameVoxelCE,
    TripletPairLoss,
    VoxelSampler,
    with_distances,
)
from tests.voxel_metric.batches import batch_of, generator, net_of

SAMPLER = VoxelSampler(per_class=8, band_mm=2.0)


def state(iteration=50):
    return State(iteration, 100, generator())


def test_the_total_is_segmentation_plus_ramped_and_weighted_terms():
    net, batch = net_of(), batch_of(12, 10)
    branch = MetricBranch(net, sampler=SAMPLER, weights={"triplet": 0.3, "pair": 0.2})
    method = MetricUNet(net, branch, warm_up=0.2)
    terms = method.step(batch, state(5))
    wanted = terms["segmentation"] + 0.25 * (0.3 * terms["triplet"] + 0.2 * terms["pair"])
    torch.testing.assert_close(terms["total"], wanted)
    torch.testing.assert_close(terms["segmentation"], DiceCELoss()(net(batch["image"]), batch["label"]))
    assert {"active_share", "mined_share"} <= set(terms)
    assert all(value.ndim == 0 for value in terms.values())


def test_branches_come_in_over_the_warm_up():
    method = MetricUNet(net_of(), SameVoxelCE(SAMPLER))
    assert [method.ramp(state(i)) for i in (0, 5, 10, 99)] == [0.0, 0.5, 1.0, 1.0]
    assert MetricUNet(net_of(), [], warm_up=0).ramp(state(0)) == 1.0


@pytest.mark.parametrize("size", [(12, 10), (12, 8, 8)])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_any_number_of_classes_in_two_and_three_dimensions(size, classes):
    net, batch = net_of(len(size), classes), batch_of(*size, classes=classes)
    method = MetricUNet(net, [MetricBranch(net, sampler=SAMPLER), ContourBranch(net), SameVoxelCE(SAMPLER)])
    terms = method.step(batch, state())
    terms["total"].backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in method.parameters())
    assert method.predict(batch["image"]).shape == (2, classes, *size)


@pytest.mark.parametrize("label", [0, 2, -1])
@pytest.mark.parametrize("options", [{}, {"across_images": False}, {"memory": 16}])
def test_a_crop_of_one_class_trains_the_segmentation_alone(label, options):
    net, batch = net_of(), batch_of(12, 10)
    batch["label"] = torch.full_like(batch["label"], label)
    method = MetricUNet(net, MetricBranch(net, sampler=SAMPLER, **options))
    terms = method.step(batch, state())
    assert float(terms["triplet"].detach()) == float(terms["pair"].detach()) == 0
    torch.testing.assert_close(terms["total"], terms["segmentation"])
    terms["total"].backward()
    assert all(bool((p.grad == 0).all()) for p in method.branches.parameters() if p.grad is not None)


def test_without_branches_it_is_the_supervised_method():
    net, batch = net_of(), batch_of(12, 10)
    batch["valid"] = batch["label"] != 1
    found = MetricUNet(net, [], loss=SoftDiceLoss()).step(batch, state())["total"]
    torch.testing.assert_close(found, Supervised(net, SoftDiceLoss()).step(batch, state())["total"])


def test_losses_run_in_full_precision_under_autocast():
    net, batch = net_of(), batch_of(12, 10)
    method = MetricUNet(net, MetricBranch(net, sampler=SAMPLER))
    with torch.autocast("cpu", torch.bfloat16):
        terms = method(batch, state())
    assert {value.dtype for value in terms.values()} == {torch.float32}
    exact = method(batch, state())
    assert float(terms["pair"].detach()) == pytest.approx(float(exact["pair"].detach()), rel=0.05)


def test_what_training_leaves_is_a_plain_unet(tmp_path):
    """Parameters, operations and predictions of the exported net are those of the U-Net alone."""
    kwargs = {"spatial_dims": 3, "in_channels": 1, "n_classes": 3, "channels": [4, 8], "convs": 1}
    cases = [with_distances(z_score(case)) for case in phantoms("hippocampus", 2)]
    keys = ("image", "label", "distance_mm")
    batches = PatchBatches(cases, patch=(16, 16, 16), batch_size=2, seed=0, foreground=1.0, keys=keys)
    net = UNet(**kwargs)
    method = MetricUNet(net, MetricBranch(net, sampler=SAMPLER, memory=20))
    trainer = Trainer(
        method, iterations=3, folder=tmp_path, config={"architecture": {"name": "UNet", "kwargs": kwargs}},
        logger=None, accelerator="cpu",
    )  # fmt: skip
    history = trainer.fit(batches)
    assert {"triplet", "pair", "active_share", "segmentation"} <= history.rows[-1].keys()

    exported, _ = load_network(tmp_path)
    plain = UNet(**kwargs)
    assert type(exported) is UNet
    assert count_parameters(exported) == count_parameters(plain) < count_parameters(method)
    image = batches[0]["image"]
    counts = []
    for one in (exported, plain):
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            one(image)
        counts.append(flops.get_total_flops())
    assert counts[0] == counts[1]
    with torch.no_grad():
        torch.testing.assert_close(exported(image).softmax(1), method.eval().predict(image))


@pytest.mark.slow
def test_training_separates_the_features_of_a_phantom():
    cases = [with_distances(z_score(case)) for case in phantoms("hippocampus", 2)]
    keys = ("image", "label", "distance_mm")
    batches = PatchBatches(cases, patch=(24, 24, 24), batch_size=2, seed=0, foreground=1.0, keys=keys)
    torch.manual_seed(0)
    net = UNet(3, 1, 3, channels=(8, 16), convs=1)
    branch = MetricBranch(net, sampler=VoxelSampler(per_class=32), loss=TripletPairLoss())
    history = Trainer(MetricUNet(net, branch), iterations=60, lr=5e-3, logger=None, accelerator="cpu").fit(
        batches
    )
    pair, share = history.column("pair"), history.column("active_share")
    assert sum(pair[-5:]) < 0.7 * sum(pair[:5])
    assert sum(share[-5:]) < 0.7 * sum(share[:5])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: MetricUNet(net, [], warm_up=2), "the warm-up is a share of the updates"),
        (lambda net: MetricUNet(net, [SameVoxelCE(SAMPLER)] * 2), "two branches give the term 'sampled_ce'"),
        (
            lambda net: MetricUNet(net, MetricBranch(net, sampler=SAMPLER, weights={"triplett": 1})),
            "did you mean 'triplet'",
        ),
    ],
)
def test_mistakes_get_a_sentence(make, words):
    with pytest.raises(ConfigError, match=words):
        make(net_of()).step(batch_of(12, 10), state())
