"""Every property of DESIGN's battery, on every registered loss."""

from __future__ import annotations

import pytest

from segkit.losses.properties import compiles
from tests.losses.registry import REGISTRY, entry
from tests.losses.sharding import require_gradient_of_one_big_batch

CASES = [pytest.param(check, id=f"{each.name}-{name}") for each in REGISTRY for name, check in each.checks()]


@pytest.mark.parametrize("check", CASES)
def test_property(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in REGISTRY if each.compiled])
def test_compiled_equals_eager(name):
    compiles(entry(name).module())


DISTRIBUTED = [each.name for each in REGISTRY if each.distributed]


def loss_of(name):
    return entry(name).module()


@pytest.mark.slow
def test_two_processes_give_the_gradient_of_one_big_batch():
    require_gradient_of_one_big_batch(loss_of, DISTRIBUTED)


def test_the_claim_of_distribution_is_made_where_it_holds():
    assert {"cross_entropy", "soft_dice", "dice_ce"} <= set(DISTRIBUTED)
