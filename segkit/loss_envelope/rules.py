"""How many voxels of a group lose their say: a share, a count, equal counts, or those far above the rest.

A rule sees the numbers of voxels of all groups, and their losses, and says how many of each to drop. It
never decides which: those with the largest loss go. Whatever the rule, a group keeps its last voxel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from segkit.errors import ConfigError
from segkit.loss_envelope.spreads import count_far_above

_ROUNDING = 1e-6
"""0.29 · 100 is 28.999… in binary; a share of 0.29 of 100 voxels is meant to be 29."""


class Rule(Protocol):
    """Says how many voxels of each group are dropped."""

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """How many of each group to drop.

        Args:
            sizes: (B, G), voxels of each group in each image.
            values: (B, N), the loss of each voxel.
            groups: (B, N), integers in 0 … G−1, or −1 for a voxel that belongs to none.

        Returns:
            (B, G), int64. `kept_counts` sees to it that a group keeps a voxel.
        """
        ...


@dataclass(frozen=True)
class Share:
    """The same share of every group: ⌊share · N⌋ voxels. It does not depend on the resolution.

    Args:
        share: in [0, 1); 0 drops nothing.

    Example:
        >>> Share(0.1).dropped(torch.tensor([[1000, 59]]), torch.empty(0), torch.empty(0))
        tensor([[100,   5]])
    """

    share: float

    def __post_init__(self) -> None:
        _require_share(self.share)

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """See `Rule.dropped`."""
        return (sizes.double() * self.share + _ROUNDING).floor().long()


@dataclass(frozen=True)
class Count:
    """The same number of voxels of every group, whatever its size.

    Args:
        count: 0 or more.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ConfigError(f"the number of voxels to drop must be 0 or more, not {self.count}")

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """See `Rule.dropped`."""
        return torch.full_like(sizes, self.count)


@dataclass(frozen=True)
class EqualCounts:
    """As many voxels of every class of an image: a share of the smallest class that is there.

    Dropping the same share of each class drops many background voxels for each foreground voxel, all near
    the border, and predictions grow. Equal counts take as much from either side of it.

    Args:
        share: of the voxels of the smallest class that the image has, in [0, 1).

    Example:
        >>> EqualCounts(0.1).dropped(torch.tensor([[1000, 50, 0]]), torch.empty(0), torch.empty(0))
        tensor([[5, 5, 5]])
    """

    share: float

    def __post_init__(self) -> None:
        _require_share(self.share)

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """See `Rule.dropped`."""
        largest = sizes.amax(1, keepdim=True)
        smallest = torch.where(sizes > 0, sizes, largest).amin(1, keepdim=True)
        return Share(self.share).dropped(smallest, values, groups).expand_as(sizes)


@dataclass(frozen=True)
class Spread:
    r"""Every voxel with $\ell > \mathrm{mean} + c\,\mathrm{sd}$ of its group; a clean image loses few.

    Args:
        factor: c > 0. For losses that are spread exponentially a share of e^{−1−c} is dropped: 1.8 % at
            c = 3.
    """

    factor: float

    def __post_init__(self) -> None:
        if not 0 < self.factor < float("inf"):
            raise ConfigError(f"the factor of the spread must be positive and finite, not {self.factor}")

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """See `Rule.dropped`."""
        return count_far_above(values, groups, sizes, self.factor)


@dataclass(frozen=True)
class PerClass:
    """A rule of its own for each class; nothing is dropped from a class without one.

    Args:
        rules: class → rule.
    """

    rules: Mapping[int, Rule]

    def dropped(self, sizes: Tensor, values: Tensor, groups: Tensor) -> Tensor:
        """See `Rule.dropped`."""
        counts = torch.zeros_like(sizes)
        for of_class, rule in self.rules.items():
            if of_class not in range(sizes.shape[1]):
                raise ConfigError(f"sigma has a rule for class {of_class}, of {sizes.shape[1]} classes")
            counts[:, of_class] = rule.dropped(sizes, values, groups)[:, of_class]
        return counts


Sigma = float | Rule | Mapping[int, "float | Rule"]
"""A share (float), a count (int), a rule, or one of these for each class."""


def as_rule(sigma: Sigma) -> Rule:
    """The rule that `sigma` stands for: a float is a share, an int a count, a mapping one rule per class.

    Raises:
        ConfigError: a share is outside [0, 1), or a count negative.

    Example:
        >>> as_rule(0.02), as_rule(5)
        (Share(share=0.02), Count(count=5))
    """
    if isinstance(sigma, Mapping):
        return PerClass({of_class: as_rule(each) for of_class, each in sigma.items()})
    if isinstance(sigma, int):
        return Count(sigma)
    return Share(sigma) if isinstance(sigma, float) else sigma


def kept_counts(rule: Rule, sizes: Tensor, values: Tensor, groups: Tensor, *, ramp: float = 1.0) -> Tensor:
    """How many voxels of each group stay: at least one of those that are there.

    Args:
        rule: how many to drop.
        sizes: (B, G), voxels of each group.
        values: (B, N), as for `Rule.dropped`.
        groups: (B, N), as for `Rule.dropped`.
        ramp: in [0, 1], the part of that number which is dropped so far in training.

    Returns:
        (B, G), int64, between 1 and the size; 0 where a group is empty.
    """
    dropped = rule.dropped(sizes, values, groups)
    if ramp < 1:
        dropped = (dropped.double() * ramp + _ROUNDING).floor().long()
    return sizes - torch.minimum(dropped, (sizes - 1).clamp(min=0))


def _require_share(share: float) -> None:
    if not 0 <= share < 1:
        raise ConfigError(
            f"sigma is the share of the voxels that are dropped and must lie in [0, 1), not {share}"
        )
