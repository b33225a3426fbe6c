"""Triplets and pairs of sampled voxels beside pytorch-metric-learning, and what the branch adds to a step.

The yardstick is one Gram matrix: the product of M × 32 embeddings with themselves and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW

from segkit.bench._hippocampus import BATCH, NETWORK, PATCH
from segkit.bench.timing import Row, bench_row, compare
from segkit.data import PatchBatches, phantoms, z_score
from segkit.losses import DiceCELoss
from segkit.nets import UNet
from segkit.train import Method, State, Supervised, fastest_precision
from segkit.train.hardware import to_channels_last
from segkit.voxel_metric import MetricBranch, MetricUNet, triplet_pair, with_distances

DIM, CLASSES = 32, 2
ENUMERATED = 512
"""Rows up to which the peer's semi-hard miner is run: it lists every triplet."""


def run(*, quick: bool) -> list[Row]:
    """Losses at 512, 2048 and 4096 voxels, forward and backward; whole steps on two sizes of crops."""
    rows = [row for m in ((48,) if quick else (512, 2048, 4096)) for row in loss_rows(m, quick=quick)]
    crops = ((16, 16, 16),) if quick else (PATCH, (64, 64, 64))
    return rows + [step_row(crop, quick=quick) for crop in crops]


def loss_rows(m: int, *, quick: bool) -> list[Row]:
    """Semi-hard triplets and pairs together, beside one Gram matrix and beside the peer's losses."""
    from pytorch_metric_learning import losses, miners

    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(m, DIM, generator=generator).requires_grad_()
    labels = torch.arange(m) % CLASSES
    unit = F.normalize(embeddings.detach(), dim=1).requires_grad_()
    ones = torch.ones(m, m)
    triplet = losses.TripletMarginLoss(margin=0.2)

    def gram() -> None:
        torch.autograd.grad(unit @ unit.T, unit, ones)

    def ours() -> None:
        terms = triplet_pair(embeddings, labels)
        torch.autograd.grad(terms.triplet + terms.pair, embeddings)

    def mined(miner: Callable[[Tensor, Tensor], object]) -> None:
        torch.autograd.grad(triplet(embeddings, labels, miner(embeddings, labels)), embeddings)

    def contrastive() -> None:
        torch.autograd.grad(losses.ContrastiveLoss()(embeddings, labels), embeddings)

    peers: dict[str, tuple[Callable[[], object], float | None]] = {
        "one Gram matrix": (gram, 3.0),
        "pytorch-metric-learning, batch-hard": (partial(mined, miners.BatchHardMiner()), 1 / 3),
        "pytorch-metric-learning, contrastive": (contrastive, None),
    }
    if m <= ENUMERATED:
        miner = miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard")
        peers["pytorch-metric-learning, semi-hard"] = (partial(mined, miner), 1 / 300)
    # Each peer has its own comparison: one that fills gigabytes leaves nothing in the cache for the others.
    return [
        bench_row(
            compare({"ours": ours, "peer": operation}, repeats=3 if quick else 11),
            operation="semi-hard triplet + pair, value and gradient",
            size=f"{m} × {DIM}",
            peer=name,
            target=target,
        )
        for name, (operation, target) in peers.items()
    ]


def step_row(crop: tuple[int, ...], *, quick: bool) -> Row:
    """A training step of the quick recipe's network with the metric branch, beside the same without."""
    cases = [with_distances(z_score(case)) for case in phantoms("hippocampus", BATCH)]
    keys = ("image", "label", "distance_mm")
    batch = PatchBatches(cases, patch=crop, batch_size=BATCH, seed=0, foreground=1.0, keys=keys)[0]
    nets = [UNet(**NETWORK) for _ in range(2)]
    timings = compare(
        {
            "ours": _step(MetricUNet(nets[0], MetricBranch(nets[0])), batch),
            "peer": _step(Supervised(nets[1], DiceCELoss()), batch),
        },
        repeats=3 if quick else 11,
    )
    return bench_row(
        timings,
        operation=f"training step with the metric branch, {fastest_precision()}",
        size=" × ".join(map(str, batch["image"].shape)),
        peer="the plain U-Net's step",
        target=1.1,
    )


def _step(method: Method, batch: dict[str, Tensor]) -> Callable[[], object]:
    """Forward, losses, backward and update of one batch, in the precision of this machine."""
    to_channels_last(method)
    optimizer = AdamW(method.parameters())
    half = fastest_precision() == "bf16-mixed"

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            terms = method(batch, State(50, 100, torch.Generator().manual_seed(0)))
        terms["total"].backward()
        optimizer.step()

    return step
