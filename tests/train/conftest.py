"""A run of a few milliseconds: one small 3-D net with dropout on random images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from segkit.train import Supervised, Trainer, seed_everything
from tests.helpers.threads import one_thread as one_thread


class RandomBatches:
    """Batches that are functions of (seed, iteration), as the Trainer asks for."""

    def __init__(self, *, batch_size: int = 2, side: int = 6, seed: int = 0) -> None:
        self.batch_size, self.side, self.seed = batch_size, side, seed

    def __getitem__(self, iteration: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(1000 * self.seed + iteration)
        shape = (self.batch_size, *[self.side] * 3)
        label = torch.randint(0, 3, shape, generator=generator)
        noise = torch.randn(shape, generator=generator)
        return {"image": (label + noise)[:, None], "label": label}


def small_net(*, width: int = 4, dropout: float = 0.2) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(1, width, 3, padding=1),
        nn.BatchNorm3d(width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv3d(width, 3, 3, padding=1),
    )


@pytest.fixture
def batches() -> RandomBatches:
    return RandomBatches()


@pytest.fixture
def make_method() -> Callable[..., Supervised]:
    """A supervised method with weights that depend on the seed alone."""

    def make(seed: int = 0, **options: Any) -> Supervised:
        seed_everything(seed)
        return Supervised(small_net(**options), nn.CrossEntropyLoss())

    return make


@pytest.fixture
def make_trainer(make_method: Callable[..., Supervised]) -> Callable[..., Trainer]:
    """A Trainer over `make_method()`, quiet and without a log unless told otherwise."""

    def make(method: Any = None, **options: Any) -> Trainer:
        settings = {"iterations": 12, "lr": 1e-2, "logger": None, "accelerator": "cpu"} | options
        return Trainer(make_method() if method is None else method, **settings)

    return make
