"""Every loss of the library, with what the battery needs to know of it. A new loss joins with one entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from segkit.losses import CrossEntropyLoss, DiceCELoss, SoftDiceLoss, cross_entropy, dice_ce, soft_dice
from segkit.losses.masking import ignored_values_are_zero
from segkit.losses.probing import Loss
from segkit.losses.properties import (
    PROPERTIES,
    has_closed_form,
    matches_oracle,
    stays_within_memory,
)
from tests.losses import oracles


@dataclass(frozen=True)
class Entry:
    """A loss and its claims.

    Attributes:
        name: of the case in the report of pytest.
        function: the documented pure function.
        module: makes the `nn.Module` with the options of this entry.
        oracle: the same loss as a loop over voxels.
        closed_forms: (logits, labels, value), with values known on paper.
        maps: how many tensors of the size of the logits are kept for the gradient; the rest is per voxel and
            small beside K = 8 classes.
        voxel_values: the values per voxel before the reduction, where the loss has such.
        not_claimed: names of properties that the loss does not have, each with the reason.
        compiled: whether the slow suite compiles this entry (one per formula is enough).
    """

    name: str
    function: Callable[..., Any]
    module: Callable[[], Loss]
    oracle: Callable[[Tensor, Tensor], float]
    closed_forms: tuple[tuple[Tensor, Tensor, float], ...]
    maps: float
    voxel_values: Callable[[Tensor, Tensor], Tensor] | None = None
    not_claimed: dict[str, str] = field(default_factory=dict)
    compiled: bool = True

    @property
    def distributed(self) -> bool:
        """Whether two processes with half of the batch each give the gradient of the whole batch."""
        return "shards_average_to_batch" not in self.not_claimed

    def checks(self, loss: Loss | None = None) -> Iterator[tuple[str, Callable[[], None]]]:
        """Name and thunk of every check, on this entry's module or on a loss that pretends to be it."""
        loss = self.module() if loss is None else loss
        yield "matches_oracle", partial(matches_oracle, loss, self.oracle)
        yield "has_closed_form", partial(self._closed_forms, loss)
        if self.voxel_values is not None:
            yield "ignored_values_are_zero", partial(ignored_values_are_zero, self.voxel_values)
        yield "stays_within_memory", partial(stays_within_memory, loss, maps=self.maps)
        for name, check in PROPERTIES.items():
            if name not in self.not_claimed:
                yield name, partial(check, loss)

    def _closed_forms(self, loss: Loss) -> None:
        for logits, labels, value in self.closed_forms:
            has_closed_form(loss, logits, labels, value)


def volume(*labels: int) -> Tensor:
    """One image of a row of voxels."""
    return torch.tensor([labels])


def uniform(classes: int, voxels: int) -> Tensor:
    return torch.zeros(1, classes, voxels, dtype=torch.float64, requires_grad=True)


def certain(*predicted: int, classes: int = 3) -> Tensor:
    """Logits that give each voxel its class with probability 1 (up to e⁻¹⁰⁰)."""
    onehot = torch.nn.functional.one_hot(torch.tensor([predicted]), classes)
    return (100.0 * onehot.movedim(-1, 1)).double().requires_grad_()


PERFECT = (certain(0, 1, 2, 1), volume(0, 1, 2, 1), 0.0)
POOLED = {"shards_average_to_batch": "sums run over the batch before the quotient is taken"}
SKIPPING = {"shards_average_to_batch": "shards may have different numbers of classes that are present"}

REGISTRY = (
    Entry(
        name="cross_entropy",
        function=cross_entropy,
        module=CrossEntropyLoss,
        oracle=oracles.cross_entropy,
        closed_forms=(
            PERFECT,
            (uniform(4, 3), volume(0, 3, 1), math.log(4)),
            (certain(0, 1), volume(1, 1), 50.0),
        ),
        maps=1.2,
        voxel_values=cross_entropy,
    ),
    Entry(
        name="cross_entropy_weighted",
        function=cross_entropy,
        module=lambda: _padded(CrossEntropyLoss, class_weight=[1.0, 3.0, 0.5, 2.0]),
        oracle=lambda z, y: oracles.cross_entropy(z, y, class_weight=[1.0, 3.0, 0.5, 2.0]),
        closed_forms=(PERFECT, (uniform(4, 2), volume(0, 1), 2 * math.log(4))),
        maps=1.2,
        compiled=False,
    ),
    Entry(
        name="soft_dice",
        function=soft_dice,
        module=SoftDiceLoss,
        oracle=oracles.soft_dice,
        closed_forms=(
            PERFECT,
            # class 1: overlap ½, mass 3/2, size 1, s = 1 → 1 − 2 / 3.5
            (uniform(2, 3), volume(0, 0, 1), 3 / 7),
            # class 1 is absent: 1 − s / (mass + s) with mass 4/2
            (uniform(2, 4), volume(0, 0, 0, 0), 1 - 1 / 3),
        ),
        maps=1.3,
    ),
    Entry(
        name="soft_dice_vnet",
        function=soft_dice,
        module=partial(SoftDiceLoss, squared=True, smooth=0.0, background=True, pooled=True),
        oracle=partial(oracles.soft_dice, squared=True, smooth=0.0, background=True, pooled=True),
        closed_forms=(
            PERFECT,
            # both classes: overlap ½, mass 2 · ¼, size 1 → 1 − 1 / 1.5
            (uniform(2, 2), volume(0, 1), 1 / 3),
            (certain(1, 1, 1, classes=2), volume(0, 0, 0), 1.0),
        ),
        maps=1.3,
        not_claimed=POOLED,
        compiled=False,
    ),
    Entry(
        name="soft_dice_skipping",
        function=soft_dice,
        module=partial(SoftDiceLoss, skip_absent=True),
        oracle=partial(oracles.soft_dice, skip_absent=True),
        closed_forms=(PERFECT, (uniform(3, 4), volume(0, 0, 0, 0), 0.0)),
        maps=1.3,
        not_claimed=SKIPPING,
        compiled=False,
    ),
    Entry(
        name="dice_ce",
        function=dice_ce,
        module=DiceCELoss,
        oracle=oracles.dice_ce,
        closed_forms=(
            PERFECT,
            (uniform(2, 3), volume(0, 0, 1), 3 / 7 + math.log(2)),
        ),
        maps=1.3,
        voxel_values=lambda logits, labels: dice_ce(logits, labels)[1],
    ),
    Entry(
        name="dice_ce_weighted",
        function=dice_ce,
        module=partial(DiceCELoss, dice_weight=0.5, ce_weight=2.0, smooth=1e-5, squared=True),
        oracle=partial(oracles.dice_ce, dice_weight=0.5, ce_weight=2.0, smooth=1e-5, squared=True),
        closed_forms=(PERFECT,),
        maps=1.3,
        compiled=False,
    ),
)


def _padded(make: Callable[..., Any], *, class_weight: list[float]) -> Loss:
    """The battery varies the number of classes; use as many of the weights as there are."""

    def loss(logits: Tensor, labels: Tensor, valid: Tensor | None) -> Tensor:
        weights = (class_weight * 2)[: logits.shape[1]]
        return make(class_weight=weights)(logits, labels, valid)

    return loss


def entry(name: str) -> Entry:
    return next(each for each in REGISTRY if each.name == name)
