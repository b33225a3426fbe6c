"""An experiment that takes a fraction of a second: two tiny nets on discs in noise."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from segkit.data import Case
from segkit.data.splitting import make_split
from segkit.experiments import Arm, Draw, Plan
from segkit.train import Supervised

GROUPS = [f"patient_{i:02d}" for i in range(12)]


def discs(name: str) -> list[Case]:
    """Two images per patient: a bright disc, 16 × 16 pixels; the same at each call."""
    cases = []
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    for number, group in enumerate(GROUPS):
        for visit in range(2):
            generator = torch.Generator().manual_seed(2 * number + visit)
            centre = 5 + 6 * torch.rand(2, generator=generator)
            label = ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 16).long()
            image = label + 0.5 * torch.randn(16, 16, generator=generator)
            cases.append(
                Case(
                    image[None].float(),
                    label,
                    (1.0, 1.0),
                    np.eye(4),
                    f"{group}_{visit}",
                    group,
                    ("ground", "disc"),
                )
            )
    return cases


def split(name: str):
    """Seven patients to train, two to validate, three to test."""
    return make_split(GROUPS, (7, 2, 3), seed=0)


class Whole:
    """Batch i: `size` training cases, drawn with the seed of the draw."""

    def __init__(self, draw: Draw, size: int) -> None:
        self.draw, self.size = draw, size

    def __getitem__(self, iteration: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.draw.seed("batches") + iteration)
        chosen = torch.randint(len(self.draw.train), (self.size,), generator=generator).tolist()
        cases = [self.draw.train[i] for i in chosen]
        return {
            "image": torch.stack([c.image for c in cases]),
            "label": torch.stack([c.label for c in cases]),
        }


def batches(draw: Draw, size: int = 2) -> Whole:
    return Whole(draw, size)


def net(n_classes: int, width: int = 4) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, n_classes, 3, padding=1)
    )


def supervised(draw: Draw, weight: float = 1.0) -> Supervised:
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, weight]))
    return Supervised(draw.module(partial(net, draw.n_classes)), loss)


PLAN = Plan(
    slug="chapter",
    experiment="trial",
    question="Does a weight on the disc help?",
    dataset="discs",
    prepare=discs,
    split=split,
    arms={
        "plain": Arm("cross-entropy", supervised),
        "weighted": Arm("weight 4 on the disc", partial(supervised, weight=4.0)),
        "again": Arm("the same as plain, with other chance", supervised, salt="again"),
    },
    baseline="plain",
    batches=batches,
    updates=6,
    training={"lr": 1e-2, "precision": "32-true"},
    settings=({"n_labelled": 2}, {"n_labelled": 4}),
    draws=3,
    metrics=("dice", "hd95_mm"),
)
