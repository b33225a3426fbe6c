"""Training runs that a test may kill."""

from __future__ import annotations

import torch
from torch import nn

from segkit.train import Supervised, Trainer, cosine, seed_everything
from tests.helpers.forked import serve


class RandomBatches:
    def __getitem__(self, iteration):
        generator = torch.Generator().manual_seed(iteration)
        label = torch.randint(0, 3, (2, 6, 6, 6), generator=generator)
        return {"image": label[:, None] + torch.randn(2, 1, 6, 6, 6, generator=generator), "label": label}


def train(folder: str) -> int:
    """A run with all that a checkpoint must hold: momenta, statistics, an average, a schedule, dropout."""
    seed_everything(0)
    net = nn.Sequential(
        nn.Conv3d(1, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU(), nn.Dropout(0.3), nn.Conv3d(8, 3, 1)
    )
    trainer = Trainer(
        Supervised(net, nn.CrossEntropyLoss()), iterations=60, lr=1e-2, schedule=cosine, ema=0.95, clip=1.0,
        folder=folder, resume=True, checkpoint_every=2, logger=None, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(RandomBatches())
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train)
