"""Selection among the images of one process and of all, on two processes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from segkit.errors import DataError
from segkit.loss_envelope import TopKSigmaLoss
from segkit.loss_envelope.gathering import gather_images, processes
from segkit.losses.probing import example
from tests.helpers.ddp import run_in_group

OPTIONS = {"top_k": 0.5, "sigma": 0.3}
WAYS = [
    {**OPTIONS, "selection": selection, "temperature_image": temperature}
    for selection in ("device", "gathered")
    for temperature in (0.0, 0.3, "mad")
]


def small_net():
    torch.manual_seed(0)
    return nn.Conv2d(1, 3, 3, padding=1).double()


def backward(net, options, images, labels):
    """Value and gradient of one step."""
    loss = TopKSigmaLoss(**options)
    value = loss(net(images), labels)
    value.backward()
    found = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    return value.detach(), found


def member(rank, images, labels):
    half = slice(2 * rank, 2 * rank + 2)
    steps = [
        backward(DistributedDataParallel(small_net()), each, images[half], labels[half]) for each in WAYS
    ]
    weights = TopKSigmaLoss(**WAYS[-1]).weights(small_net()(images[half]), labels[half]).images
    own = torch.arange(float(1 + 2 * rank)) + 10 * rank  # one image here, three there
    gathered = gather_images(own.requires_grad_(), torch.ones(len(own), dtype=torch.bool))
    broken = images[half].clone()
    if rank == 1:
        broken[1] = float("nan")
    try:
        TopKSigmaLoss(**WAYS[-1])(small_net()(broken), labels[half])
    except DataError as error:
        sentence = str(error)
    return steps, weights, tuple(each.detach() for each in gathered), sentence


@pytest.fixture(scope="module")
def batch():
    _, labels = example(5, 6, batch=4, ignored=True)
    images = torch.randn(4, 1, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return images, labels


@pytest.fixture(scope="module")
def group(batch):
    return run_in_group(member, 2, *batch)


@pytest.mark.slow
def test_selection_per_device_averages_the_gradients_of_the_halves(group, batch):
    images, labels = batch
    for way, options in enumerate(WAYS[:3]):
        halves = [backward(small_net(), options, images[i : i + 2], labels[i : i + 2]) for i in (0, 2)]
        for rank in (0, 1):
            value, gradients = group[rank][0][way]
            torch.testing.assert_close(value, halves[rank][0])
            for found, first, second in zip(gradients, halves[0][1], halves[1][1], strict=True):
                torch.testing.assert_close(found, (first + second) / 2)


@pytest.mark.slow
def test_gathered_selection_is_that_of_one_big_batch(group, batch):
    for way, options in enumerate(WAYS[3:], start=3):
        value, gradients = backward(small_net(), options, *batch)
        for rank in (0, 1):
            torch.testing.assert_close(group[rank][0][way][0], value)
            for found, whole in zip(group[rank][0][way][1], gradients, strict=True):
                torch.testing.assert_close(found, whole)


@pytest.mark.slow
def test_the_two_ways_differ(group):
    per_device, gathered = group[0][0][1][1], group[0][0][4][1]
    assert not torch.allclose(per_device[0], gathered[0])


@pytest.mark.slow
def test_weights_of_all_processes_sum_to_one(group, batch):
    weights = torch.cat([group[0][1], group[1][1]])
    torch.testing.assert_close(
        weights, TopKSigmaLoss(**WAYS[-1]).weights(small_net()(batch[0]), batch[1]).images
    )


@pytest.mark.slow
def test_processes_may_have_different_numbers_of_images(group):
    for _, _, (losses, present), _ in group:
        assert losses.tolist() == [0, 10, 11, 12] and present.all()


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_processes(group):
    for each in group:
        assert "loss of image 3 of 4 images of all processes" in each[3]


def test_without_a_group_gathering_changes_nothing(batch):
    losses, present = torch.rand(3), torch.ones(3, dtype=torch.bool)
    assert processes() == 1 and gather_images(losses, present)[0] is losses
    alone, gathered = (
        TopKSigmaLoss(**OPTIONS, selection=each)(small_net()(batch[0]), batch[1])
        for each in ("device", "gathered")
    )
    assert torch.equal(alone, gathered)
