"""A draw: all that chance decides in a run, fixed once for every arm, so that differences are paired."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from segkit.data import Case

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Draw:
    """What an arm is built from. Two arms that ask the same of a draw get the same answer.

    Attributes:
        index: number of the draw, from 0.
        setting: what else distinguishes this run (`n_labelled`, `updates`, …).
        train: the labelled training cases, label noise applied.
        unlabelled: the other training cases, without their labels.
        n_classes: label values of the data set, the background included.
        salt: empty, except for arms that are meant to differ by chance alone (an A/A comparison).

    Example:
        >>> draw = Draw(index=3, setting={}, train=(), unlabelled=(), n_classes=2)
        >>> a, b = (draw.module(lambda: torch.nn.Linear(4, 2)) for _ in "ab")
        >>> torch.equal(a.weight, b.weight)
        True
    """

    index: int
    setting: Mapping[str, Any]
    train: tuple[Case, ...]
    unlabelled: tuple[Case, ...]
    n_classes: int
    salt: str = field(default="")

    def seed(self, purpose: str) -> int:
        """A number in [0, 2³¹) for one purpose ("weights", "batches"), from draw, salt and purpose alone.

        The same draw of another setting or another plan has the same seeds: with four labelled cases in
        place of two, a run differs by the cases and not by its initial weights.
        """
        text = f"{self.index}/{self.salt}/{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

    def generator(self, purpose: str) -> torch.Generator:
        """A CPU generator with `seed(purpose)`."""
        return torch.Generator().manual_seed(self.seed(purpose))

    def module(self, build: Callable[[], M], purpose: str = "weights") -> M:
        """What `build()` returns, its random initial weights those of the draw.

        Call it once for every part (net, projection head, …), each with its own purpose: then the net of
        an arm that has a head besides starts as that of an arm that has none.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed(purpose))
            return build()
