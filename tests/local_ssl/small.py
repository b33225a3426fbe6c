"""A network and batches of views that take milliseconds."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from segkit.data import Case, phantoms, z_score
from segkit.local_ssl import TwoBoxes, ViewBatches
from segkit.nets import UNet
from segkit.train import State, Trainer, seed_everything

HEADS: dict[str, Any] = {"hidden": 16, "out": 8}


def net(seed: int = 0, **options: Any) -> UNet:
    seed_everything(seed)
    return UNet(3, 1, 3, **{"channels": (4, 6, 8), "convs": 1, **options})


@lru_cache(maxsize=4)
def cases(number: int = 3) -> list[Case]:
    return [z_score(case) for case in phantoms("hippocampus", number)]


def batches(batch_size: int = 4, **options: Any) -> ViewBatches:
    boxes = TwoBoxes((12, 16, 12), **{"scale": (0.9, 1.1), "overlap": 0.6, "flip_axes": (0, 1, 2), **options})
    return ViewBatches(cases(), boxes, batch_size=batch_size, seed=0, air_below=-3.0)


def state(iteration: int = 0, iterations: int = 10) -> State:
    return State(iteration, iterations, torch.Generator())


def trainer(method: Any, **options: Any) -> Trainer:
    settings = {"iterations": 4, "lr": 1e-2, "logger": None, "accelerator": "cpu", "progress": False}
    return Trainer(method, **{**settings, **options})
