"""The envelope beside plain cross-entropy, beside a selection with `torch.topk` and beside a sort.

A step is the value and its gradient by the logits. The labels are two balls, one inside the other, and the
logits are right in most voxels, since the cost of a selection depends on how the values lie.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.bench.timing import Row, Timing, bench_row, compare
from segkit.experiments.memory import peak_memory
from segkit.loss_envelope import TopKCrossEntropyLoss, TopKSigmaLoss
from segkit.losses import DiceCELoss
from segkit.losses.inputs import IGNORE

BATCH, CLASSES = 4, 3
Step = Callable[[Tensor, Tensor], Tensor]

ENVELOPES: Mapping[str, Mapping[str, Any]] = {
    "hard, by class": {"temperature_image": 0.0},
    "smooth images": {},
    "smooth images and voxels": {"temperature_voxel": 0.1},
    "whole image": {"scope": "image"},
    "band of 3 voxels": {"scope": "band"},
}
"""Settings of `TopKSigmaLoss` without Dice that are timed; each drops 2 % and keeps half of the images."""


def envelope(**options: Any) -> Step:
    """An envelope at its full extent: half of the images, all but 2 % of their voxels."""
    return TopKSigmaLoss(**{"top_k": 0.5, "sigma": 0.02, "dice_weight": 0.0, **options})


def nnunet_top_k(logits: Tensor, labels: Tensor, *, percent: float = 10) -> Tensor:
    """The arithmetic of nnU-Net's `TopKLoss`, faults and all: the share is one of all voxels, ignored or not.

    Args:
        logits: (B, K, *S).
        labels: (B, *S).
        percent: how many of a hundred voxels are kept.
    """
    entropy = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none").flatten()
    return torch.topk(entropy, int(entropy.numel() * percent / 100), sorted=False).values.mean()


def by_sorting(logits: Tensor, labels: Tensor) -> Tensor:
    """The hard envelope over whole images as one would write it first."""
    entropy = F.cross_entropy(logits, labels, reduction="none").flatten(1)
    kept = entropy.shape[1] - int(0.02 * entropy.shape[1])
    of_image = entropy.sort(dim=1).values[:, :kept].mean(1)
    return of_image.sort(descending=True).values[: len(of_image) // 2].mean()


def batch(side: int, *, images: int = BATCH) -> tuple[Tensor, Tensor]:
    """Logits (B, 3, side, side, side) that want a gradient, and labels."""
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, side)
    radius = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    one = (radius < 0.6).long() + (radius < 0.3).long()
    labels = one.expand(images, -1, -1, -1).contiguous()
    right = 3.0 * F.one_hot(labels, CLASSES).movedim(-1, 1)
    logits = right + torch.randn(right.shape, generator=generator)
    return logits.contiguous().requires_grad_(), labels


def run(*, quick: bool) -> list[Row]:
    """One size with every setting, then the default over sizes from 32³ to 128³, then memory."""
    side, sides = (12, (8, 12)) if quick else (64, (32, 64, 128))
    repeats = 3 if quick else 15
    logits, labels = batch(side)

    def row(
        operation: str, ours: Step, peer: str, theirs: Step, *, target: float | None, **how: Tensor
    ) -> Row:
        z, y = how.get("logits", logits), how.get("labels", labels)
        timings = compare(
            {"ours": partial(_step, ours, z, y), "peer": partial(_step, theirs, z, y)}, repeats=repeats
        )
        return bench_row(timings, operation=operation, size=_text(z), peer=peer, target=target)

    plain = ("torch cross_entropy", F.cross_entropy)
    rows = [
        row(f"envelope, {name}", envelope(**options), *plain, target=2.0)
        for name, options in ENVELOPES.items()
    ]
    topk = ("nnU-Net's top 10 %, torch.topk", nnunet_top_k)
    rows += [
        row("envelope, smooth images", envelope(), *topk, target=1.0),
        row("top-k cross-entropy of this room", TopKCrossEntropyLoss(), *topk, target=1.0),
        row("envelope, whole image, hard", _hard_image(), "the same by sorting", by_sorting, target=1.0),
        row("envelope and Dice", envelope(dice_weight=1.0), "segkit DiceCELoss", DiceCELoss(), target=2.0),
    ]
    for each in sides:
        z, y = batch(each)
        rows.append(row(f"envelope at {each}³", envelope(), *plain, target=None, logits=z, labels=y))
    rows += _growth(rows[-len(sides) :], sides)
    return rows + _memory(sides[-1], repeats=1 if quick else 5)


def _hard_image() -> Step:
    return envelope(scope="image", temperature_image=0.0)


def _growth(rows: list[Row], sides: tuple[int, ...]) -> list[Row]:
    """Each larger size beside as many of the smallest as it has voxels: linear growth is a ratio of 1."""
    found = []
    for row, side in zip(rows[1:], sides[1:], strict=True):
        times = (side / sides[0]) ** 3
        expected = Timing((rows[0]["ours_ms"] * times,), None)
        timings = {"ours": Timing((row["ours_ms"],), None), "peer": expected}
        peer = f"{times:g} times {sides[0]}³"
        found.append(
            bench_row(timings, operation=f"envelope, growth to {side}³", size=row["size"], peer=peer)
        )
    return found


def _memory(side: int, *, repeats: int) -> list[Row]:
    """What a step needs at its peak above another one, in maps of the losses: ratios of megabytes.

    Measured in a process of its own, where every large block comes from the system and goes back to it:
    otherwise the peak tells in what order blocks were freed before.
    """
    logits, labels = batch(side)
    code = f"from segkit.bench import loss_envelope as b; print(b.peaks({side}))"
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    child = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    peak, one_map = json.loads(child.stdout), labels.numel() * 4 / 2**20
    rows = []
    for ours, peer in (("envelope", "torch cross_entropy"), ("envelope and Dice", "segkit DiceCELoss")):
        timings = compare(
            {
                "ours": partial(_step, STEPS[ours](), logits, labels),
                "peer": partial(_step, STEPS[peer](), logits, labels),
            },
            repeats=repeats,
        )
        row = bench_row(
            timings,
            operation=f"{ours}, peak memory above {peer} (ratio of MB)",
            size=_text(logits),
            peer="one map of the losses",
            target=1.0,
        )
        if None not in peak.values():
            above = peak[ours] - peak[peer]
            row["ours_peak_mb"], row["peer_peak_mb"], row["ratio"] = above, one_map, above / one_map
        rows.append(row)
    return rows


STEPS: Mapping[str, Callable[[], Step]] = {
    "envelope": envelope,
    "envelope and Dice": partial(envelope, dice_weight=1.0),
    "torch cross_entropy": lambda: F.cross_entropy,
    "segkit DiceCELoss": DiceCELoss,
}
"""The steps whose memory is measured, by name, for a process that has nothing but the name."""


def peaks(side: int) -> str:
    """The peak memory that each of `STEPS` adds, in MiB, as JSON: the middle of three steps."""
    logits, labels = batch(side)
    found = {}
    for name, make in STEPS.items():
        step, added = make(), []
        for _ in range(3):
            with peak_memory() as peak:
                _step(step, logits, labels)
            added.append(peak.added_mb)
        known = [each for each in added if each is not None]
        found[name] = median(known) if known else None
    return json.dumps(found)


def _text(logits: Tensor) -> str:
    return " × ".join(map(str, logits.shape))


def _step(loss: Step, logits: Tensor, labels: Tensor) -> None:
    torch.autograd.grad(loss(logits, labels), logits)
