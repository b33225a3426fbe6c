"""The peer of `segkit bench train`: the quick recipe's network, trained by MONAI's parts and a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import torch
from monai import data, losses, transforms, utils

from segkit.bench._hippocampus import BATCH, NETWORK, PATCH, RATE, Files, Predictor, Trained
from segkit.nets import UNet
from segkit.train import Supervised, seed_everything

CONSTANT_RATE = 2e-3
"""The best of 1e-3, 2e-3 and 4e-3 on the validation part, without a schedule."""
LOOK_EVERY = 20


def monai_pipeline(
    files: Files, *, updates: int, seed: int = 0, reached: Callable[[Predictor], bool] | None = None
) -> Trained:
    """Train with `CacheDataset`, `DataLoader`, dictionary transforms and `DiceCELoss`, in float32.

    Args:
        files: image and label of every training case.
        updates: how many; the learning rate makes one cycle over them, as in the quick recipe.
        seed: of the weights and the patches.
        reached: if given, the learning rate is constant, and the run ends when this is true of the network,
            asked every 20 updates outside the clock, at the latest after `updates`.
    """
    start = perf_counter()
    loader = _loader(files, seed)
    prepared = clock = perf_counter()
    seed_everything(seed)
    net = UNet(**NETWORK)
    loss = losses.DiceCELoss(include_background=False, to_onehot_y=True, softmax=True)
    predict = Supervised(net, loss).predict
    optimizer = torch.optim.AdamW(net.parameters(), lr=CONSTANT_RATE)
    cycle = None if reached else torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=updates + 1)
    seconds = 0.0
    for done, batch in zip(range(1, updates + 1), _endless(loader), strict=False):
        optimizer.zero_grad()
        loss(net(batch["image"]), batch["label"]).backward()
        optimizer.step()
        if cycle is not None:
            cycle.step()
        elif done % LOOK_EVERY == 0:
            seconds += perf_counter() - clock
            if reached is not None and reached(predict):
                return Trained(predict, done, prepared - start, seconds)
            clock = perf_counter()
    return Trained(predict, updates, prepared - start, seconds + perf_counter() - clock)


def _loader(files: Files, seed: int) -> data.DataLoader:
    keys = ["image", "label"]
    steps = transforms.Compose(
        [
            transforms.LoadImaged(keys),
            transforms.EnsureChannelFirstd(keys),
            transforms.NormalizeIntensityd("image"),
            transforms.SpatialPadd(keys, PATCH),
            transforms.RandSpatialCropd(keys, PATCH, random_size=False),
        ]
    )
    utils.set_determinism(seed)
    items = [dict(zip(keys, map(str, pair), strict=True)) for pair in files]
    cached = data.CacheDataset(items, steps, progress=False)
    # No worker processes: sending a batch costs more here than cutting it, and the cores are busy anyway.
    return data.DataLoader(cached, batch_size=BATCH, shuffle=True, drop_last=True)


def _endless(loader: data.DataLoader) -> Iterator[dict[str, Any]]:
    while True:
        yield from loader
