"""Every property of DESIGN's battery, on every registered loss."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from segkit.losses.probing import example
from segkit.losses.properties import compiles
from tests.helpers.ddp import run_in_group
from tests.losses.registry import REGISTRY, entry

CASES = [pytest.param(check, id=f"{each.name}-{name}") for each in REGISTRY for name, check in each.checks()]


@pytest.mark.parametrize("check", CASES)
def test_property(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in REGISTRY if each.compiled])
def test_compiled_equals_eager(name):
    compiles(entry(name).module())


DISTRIBUTED = [each.name for each in REGISTRY if each.distributed]


def gradients(rank, names, images, labels):
    """The gradient of a small net under DDP, on this process's half of the batch, for each loss."""
    found = {}
    for name in names:
        net = DistributedDataParallel(small_net())
        half = slice(2 * rank, 2 * rank + 2)
        entry(name).module()(net(images[half]), labels[half], None).backward()
        found[name] = [p.grad.clone() for p in net.parameters()]
    return found


def small_net():
    torch.manual_seed(0)
    return nn.Conv2d(1, 3, 3, padding=1).double()


@pytest.mark.slow
def test_two_processes_give_the_gradient_of_one_big_batch():
    _, labels = example(5, 6, batch=4, ignored=True)
    images = torch.randn(4, 1, 5, 6, dtype=torch.float64)
    first, second = run_in_group(gradients, 2, DISTRIBUTED, images, labels)
    for name in DISTRIBUTED:
        net = small_net()
        entry(name).module()(net(images), labels, None).backward()
        for p, one, other in zip(net.parameters(), first[name], second[name], strict=True):
            torch.testing.assert_close(one, p.grad)
            torch.testing.assert_close(other, p.grad)


def test_the_claim_of_distribution_is_made_where_it_holds():
    assert {"cross_entropy", "soft_dice", "dice_ce"} <= set(DISTRIBUTED)
