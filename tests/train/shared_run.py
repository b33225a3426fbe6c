"""A run by one process or several: `shared_run.py DEVICES FOLDER`."""

from __future__ import annotations

import sys

import torch
from torch import nn

from segkit.train import Supervised, Trainer


class RandomBatches:
    def __getitem__(self, iteration):
        generator = torch.Generator().manual_seed(iteration)
        label = torch.randint(0, 3, (4, 6, 6, 6), generator=generator)
        return {"image": label[:, None] + torch.randn(4, 1, 6, 6, 6, generator=generator), "label": label}


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # No batch norm: its statistics are those of a process's share, and no big batch has the same.
    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.InstanceNorm3d(4), nn.ReLU(), nn.Conv3d(4, 3, 1))
    trainer = Trainer(
        Supervised(net, nn.CrossEntropyLoss()), iterations=3, lr=0.5, optimizer=torch.optim.SGD, ema=0.9,
        clip=10.0, devices=int(sys.argv[1]), accelerator="cpu", folder=sys.argv[2], logger=None,
    )  # fmt: skip
    trainer.fit(RandomBatches(), validate=lambda predictor: {"processes": trainer.fabric.world_size})
