"""Every property of DESIGN's battery, on every loss of the room."""

from __future__ import annotations

import pytest

from segkit.losses.properties import compiles
from tests.loss_envelope.registry import REGISTRY, entry
from tests.losses.sharding import require_gradient_of_one_big_batch

CASES = [pytest.param(check, id=f"{each.name}-{name}") for each in REGISTRY for name, check in each.checks()]


@pytest.mark.filterwarnings("ignore:scope='image' drops")
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
@pytest.mark.filterwarnings("ignore:scope='image' drops")
def test_two_processes_give_the_gradient_of_one_big_batch():
    require_gradient_of_one_big_batch(loss_of, DISTRIBUTED)


def test_the_claim_of_distribution_is_made_where_it_holds():
    assert {"focal", "t_loss", "envelope_by_class", "envelope_as_it_comes"} <= set(DISTRIBUTED)
    assert not {"ohem", "top_k_cross_entropy", "envelope_hard_images"} & set(DISTRIBUTED)
