"""Every loss of this room between points (B, Q, C), as `(online, target, valid) → scalar`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from segkit.local_ssl import (
    local_consistency,
    local_info_nce,
    mean_consistency,
    symmetric_consistency,
    vicreg_terms,
)
from segkit.losses import reduce
from tests.local_ssl import oracles

PointLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Entry:
    """A loss and what it owes.

    Attributes:
        name: of the test.
        function: the public function, for its docstring.
        loss: as a scalar of (online, target, valid).
        oracle: the same as loops.
        stops: whether no gradient reaches the target.
        scale_free: whether lengths of features do not matter.
        shards: whether the mean over samples is that over processes.
    """

    name: str
    function: Callable[..., object]
    loss: PointLoss
    oracle: Callable[[Tensor, Tensor, Tensor], float]
    stops: bool = True
    scale_free: bool = True
    shards: bool = True


def _nce(online: Tensor, target: Tensor, valid: Tensor | None, *, pooled: bool = False) -> Tensor:
    return reduce(local_info_nce(online, target, valid=valid, pooled=pooled), valid)


def _vicreg(online: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    terms = vicreg_terms(online, target, valid=valid)
    return 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]


def _vicreg_oracle(online: Tensor, target: Tensor, valid: Tensor) -> float:
    invariance, variance, covariance = oracles.vicreg(online, target, valid)
    return 25 * invariance + 25 * variance + covariance


def _both_ways(online: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    return symmetric_consistency((online, 2 * online), (target, target.flip(-1)), valid=valid)


def _both_ways_oracle(online: Tensor, target: Tensor, valid: Tensor) -> float:
    first = oracles.consistency(online, target.flip(-1), valid)
    return (first + oracles.consistency(online, target, valid)) / 2


REGISTRY = [
    Entry(
        "local_consistency",
        local_consistency,
        lambda p, z, valid: mean_consistency(p, z, valid=valid),
        oracles.consistency,
    ),
    Entry(
        "local_consistency of maps",
        local_consistency,
        lambda p, z, valid: mean_consistency(p, z, valid=valid, norm="map"),
        oracles.consistency_of_maps,
    ),
    Entry("symmetric_consistency", local_consistency, _both_ways, _both_ways_oracle),
    Entry("local_info_nce", local_info_nce, _nce, oracles.info_nce),
    Entry(
        "local_info_nce of a batch",
        local_info_nce,
        partial(_nce, pooled=True),
        partial(oracles.info_nce, pooled=True),
        shards=False,
    ),
    Entry("vicreg_terms", vicreg_terms, _vicreg, _vicreg_oracle, stops=False, scale_free=False, shards=False),
]
