"""Predicted parents: found, on the grid of the case, cross-fitted, and behind one prediction."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from segkit.data import crop_or_pad, phantoms, slices, z_score
from segkit.errors import ConfigError, DataError
from segkit.losses import DiceCELoss
from segkit.mask_prior import Cascade, ParentNetwork, cross_fitted_masks, fit_parent_network, parent_mask
from segkit.mask_prior import parent_network as module
from segkit.nets import UNet
from tests.mask_prior.small import ball

NAMES = ("a", "bb", "ccc", "dddd")


@pytest.fixture(scope="module")
def cases():
    return [ball(n, (24, 26), (9 + i, 10 + i), 5 + i / 2) for i, n in enumerate(NAMES)]


@pytest.fixture(scope="module")
def network(cases):
    return fit_parent_network(cases, grid=(16, 16), iterations=40, channels=(4, 8), members=2, seed=1)


def overlap(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_the_parent_is_found_on_the_grid_of_the_case(network, cases):
    for case in [*cases, ball("new", (40, 30), (21, 12), 7)]:
        mask, report = network.mask(case.with_(label=None))
        assert mask.shape == case.shape and mask.dtype == torch.bool
        assert overlap(mask, case.label > 0) > 0.85
        assert (report.origin, report.name) == ("network", "parent")
        probability = network.probability(case)
        assert float(probability.min()) >= 0 and float(probability.max()) <= 1


def test_the_seed_decides_and_members_differ(cases):
    make = partial(fit_parent_network, cases, grid=(16, 16), iterations=3, channels=(4, 8))
    a, b, c = make(seed=1, members=2), make(seed=1, members=2), make(seed=2, members=2)
    image = torch.randn(1, 1, 16, 16)
    assert torch.equal(a(image), b(image)) and not torch.equal(a(image), c(image))
    first, second = (member(image) for member in a.members)
    assert not torch.equal(first, second)
    mean = (first.softmax(1) + second.softmax(1))[:, 1:] / 2
    torch.testing.assert_close(a(image), mean)
    state = torch.random.get_rng_state()
    make(seed=3)
    assert torch.equal(state, torch.random.get_rng_state())  # the caller's random numbers stay


def test_the_parent_may_be_some_of_the_classes(cases):
    network = fit_parent_network(cases, grid=(24, 26), classes=["left"], iterations=60, channels=(4, 8))
    left, right = (cases[0].label == k for k in (1, 2))
    found = network.mask(cases[0]).voxels
    assert overlap(found, left) > 0.6 > overlap(found, right)


def test_it_works_in_3d():
    case = z_score(phantoms("hippocampus", 1)[0])
    network = fit_parent_network([case], grid=(12, 16, 12), iterations=2, channels=(4, 8))
    assert network.mask(case).voxels.shape == case.shape


def test_real_hearts_are_found_slice_by_slice(cases_of):
    volumes = cases_of("acdc", 2)
    planes = [plane for volume in volumes for plane in slices(z_score(volume.with_(meta={})), axis=0)]
    planes = [crop_or_pad(p, (128, 128), pad_label=0) for p in planes if (p.label > 0).any()]
    network = fit_parent_network(planes, grid=(32, 32), iterations=40, batch_size=8, channels=(8, 16, 32))
    dice = [overlap(network.mask(p).voxels, parent_mask(p).voxels) for p in planes]
    assert sum(dice) / len(dice) > 0.5  # on cases it was trained on: that the parts fit together


def test_nothing_found_is_an_empty_mask_and_said_so(network, cases):
    mask, report = network.mask(cases[0], threshold=1.0)
    assert not mask.any() and report.note == "the parent mask is empty and says nothing about position"


def test_cross_fitted_masks_come_from_networks_that_did_not_see_the_patient(cases, network):
    seen = []

    def fit(part):
        seen.append({case.group for case in part})
        return network

    twins = [*cases, cases[0].with_(id="twin")]
    masks = cross_fitted_masks(twins, folds=2, fit=fit)
    assert seen == [{"bb", "dddd"}, {"a", "ccc"}]
    assert len(masks) == 5
    assert all(torch.equal(m.voxels, network.mask(c).voxels) for m, c in zip(masks, twins, strict=True))


def test_one_patient_cannot_be_cross_fitted(cases, network):
    for few, folds in ((cases[:1], 2), (cases, 1), (cases, 5)):
        with pytest.raises(ConfigError, match="train the second stage on jittered masks"):
            cross_fitted_masks(few, folds=folds, fit=lambda part: network)


def test_what_cannot_be_trained_is_refused(cases):
    with pytest.raises(DataError, match="no cases to train a parent network on"):
        fit_parent_network([], grid=(16, 16))
    with pytest.raises(DataError, match="has no label to make a parent mask of"):
        fit_parent_network([cases[0].with_(label=None)], grid=(16, 16))
    with pytest.raises(ConfigError, match="one member or more"):
        fit_parent_network(cases, grid=(16, 16), members=0)


def test_a_cascade_predicts_from_the_image_alone(network, cases):
    torch.manual_seed(0)
    net = UNet(2, 2, 3, (4, 8))
    cascade = Cascade(net, DiceCELoss(), channels={"mask": 1}, parent=network)
    image = torch.stack([case.image for case in cases[:2]])
    mask = torch.stack([network.mask(case).voxels for case in cases[:2]])[:, None].float()
    expected = net(torch.cat([image, mask], 1)).softmax(1)
    torch.testing.assert_close(cascade.predict(image), expected)
    oracle = torch.ones_like(mask)
    torch.testing.assert_close(cascade.predict(torch.cat([image, oracle], 1)), expected)
    soft = Cascade(net, DiceCELoss(), channels={"mask": 1}, parent=network, soft=True)
    probability = torch.stack([network.probability(case) for case in cases[:2]])[:, None]
    torch.testing.assert_close(soft.predict(image), net(torch.cat([image, probability], 1)).softmax(1))


def test_the_first_stage_is_neither_trained_nor_switched(network):
    cascade = Cascade(UNet(2, 2, 3, (4, 8)), DiceCELoss(), channels={"mask": 1}, parent=network).train()
    assert cascade.net.training and not any(m.training for m in network.modules())
    assert not any(p.requires_grad for p in network.parameters())
    assert any(name.startswith("parent.") for name in cascade.state_dict())


def test_a_cascade_of_anything_but_one_mask_is_refused(network):
    for options in ({"channels": {"coordinates": 2}}, {"channels": {"mask": 1}, "scenario": "image"}):
        net = UNet(2, 1 if "scenario" in options else 3, 3, (4, 8))
        with pytest.raises(ConfigError, match="a cascade predicts one mask of one channel"):
            Cascade(net, DiceCELoss(), parent=network, **options)


def test_the_module_is_importable_by_processes():
    assert module.fit_parent_network is fit_parent_network and ParentNetwork.__module__ == module.__name__
