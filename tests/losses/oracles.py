"""The losses once more, as loops over voxels in plain Python: slow, short, without PyTorch's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

IGNORE = -1


def softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(z - top) for z in logits]
    return [power / sum(powers) for power in powers]


def images(logits: torch.Tensor, labels: torch.Tensor) -> list[list[tuple[list[float], int]]]:
    """For each image, (probabilities, label) of every voxel that counts."""
    found = []
    for z, y in zip(logits.flatten(2), labels.flatten(1), strict=True):
        voxels = zip(z.T.tolist(), y.tolist(), strict=True)
        found.append([(softmax(each), label) for each, label in voxels if label != IGNORE])
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def cross_entropy(logits, labels, *, class_weight=None) -> float:
    weight = class_weight or [1.0] * logits.shape[1]
    return mean([-weight[y] * math.log(p[y]) for image in images(logits, labels) for p, y in image])


def soft_dice(
    logits, labels, *, squared=False, smooth=1.0, background=False, pooled=False, skip_absent=False
) -> float:
    batch = images(logits, labels)
    if pooled:
        batch = [[voxel for image in batch for voxel in image]]
    values = []
    for image in batch:
        for k in range(0 if background else 1, logits.shape[1]):
            if not image or (skip_absent and all(y != k for _, y in image)):
                continue
            overlap = sum(p[k] for p, y in image if y == k)
            mass = sum(p[k] ** 2 if squared else p[k] for p, _ in image)
            size = sum(1 for _, y in image if y == k)
            values.append(1 - (2 * overlap + smooth) / (mass + size + smooth))
    return mean(values)


def dice_ce(logits, labels, *, dice_weight=1.0, ce_weight=1.0, **options) -> float:
    dice = soft_dice(logits, labels, **options)
    return dice_weight * dice + ce_weight * cross_entropy(logits, labels)
