"""The losses of this room once more, as loops over voxels in plain Python."""

from __future__ import annotations

import math
from itertools import product
from statistics import median

from segkit.loss_envelope import Spread
from tests.losses.oracles import IGNORE, images, mean, softmax


def labelled(logits, labels) -> list[float]:
    """The probability of the label of every voxel of the batch that counts."""
    return [p[y] for image in images(logits, labels) for p, y in image]


def focal(logits, labels, *, gamma=2.0) -> float:
    return mean([-((1 - p) ** gamma) * math.log(p) for p in labelled(logits, labels)])


def generalized_cross_entropy(logits, labels, *, q=0.7) -> float:
    return mean([(1 - p**q) / q for p in labelled(logits, labels)])


def symmetric_cross_entropy(logits, labels, *, alpha=0.1, beta=1.0, log_zero=-4.0) -> float:
    values = []
    for image in images(logits, labels):
        for p, y in image:
            reverse = -sum(p[k] * (0.0 if k == y else log_zero) for k in range(len(p)))
            values.append(-alpha * math.log(p[y]) + beta * reverse)
    return mean(values)


def top_k_cross_entropy(logits, labels, *, share=0.1) -> float:
    descending = sorted((-math.log(p) for p in labelled(logits, labels)), reverse=True)
    return mean(descending[: max(1, math.floor(share * len(descending) + 1e-9))])


def ohem(logits, labels, *, threshold=0.7, keep=0.2) -> float:
    ascending = sorted(labelled(logits, labels))
    fewest = max(1, math.floor(keep * len(ascending) + 1e-9))
    return mean([-math.log(p) for i, p in enumerate(ascending) if i < fewest or p < threshold])


def t_loss(logits, labels, *, nu=1.0) -> float:
    values = []
    for image in images(logits, labels):
        if image:
            n = len(image) * (logits.shape[1] - 1)
            errors = sum((p[k] - (k == y)) ** 2 for p, y in image for k in range(len(p))) / 2
            density = math.lgamma((nu + n) / 2) - math.lgamma(nu / 2) - n / 2 * math.log(math.pi * nu)
            density -= (nu + n) / 2 * math.log(1 + errors / nu)
            values.append(-density / n)
    return mean(values)


def bottom(values: list[float], m: int, temperature: float) -> float:
    """m times the (smooth) mean of the m smallest values, from the variational form."""
    if m == len(values):
        return sum(values)
    if temperature == 0:
        return sum(sorted(values)[:m])
    low, high = min(values) - 50 * temperature, max(values) + 50 * temperature
    for _ in range(200):
        level = (low + high) / 2
        count = sum(1 / (1 + math.exp(min(700.0, (v - level) / temperature))) for v in values)
        low, high = (level, high) if count < m else (low, level)
    hinge = sum(
        max(0.0, level - v) + temperature * math.log1p(math.exp(-abs(level - v) / temperature))
        for v in values
    )
    return m * level - hinge


def near_boundary(labels, place, reach) -> bool:
    """Whether a voxel with another label lies in the cube around a place of one image."""
    around = [
        range(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(place, labels.shape, strict=True)
    ]
    found = {int(labels[other]) for other in product(*around)} - {IGNORE}
    return len(found) > 1


def envelope(
    logits,
    labels,
    *,
    top_k=1.0,
    sigma=Spread(2.0),
    scope="class",
    temperature_image="mad",
    temperature_voxel=0.0,
    dice_weight=1.0,
    dice_on="kept",
    band_width=3.0,
    base="cross_entropy",
    change=lambda p: -math.log(p),
) -> float:
    """`TopKSigmaLoss`: trim each group of each image, then take the mean of the largest image losses."""
    losses = []
    for z, y in zip(logits, labels, strict=True):
        groups: dict[int | None, list[tuple[float, list[float], int]]] = {}
        for place in product(*(range(n) for n in y.shape)):
            label = int(y[place])
            if label == IGNORE:
                continue
            p = softmax(z[(slice(None), *place)].tolist())
            group = 0 if scope == "image" else label
            if scope == "band" and not near_boundary(y, place, int(band_width)):
                group = None
            groups.setdefault(group, []).append((change(p[label]), p, label))
        if not groups:
            continue
        total, kept, weighed = 0.0, 0, []
        for group, members in groups.items():
            values = [value for value, _, _ in members]
            drop = dropped(sigma, values)
            drop = 0 if group is None else drop
            m = max(1, len(values) - drop)
            total, kept = total + bottom(values, m, temperature_voxel), kept + m
            level = sorted(values)[m - 1]
            weighed += [(p, label, float(value <= level)) for value, p, label in members]
        if dice_on == "all":
            weighed = [(p, label, 1.0) for p, label, _ in weighed]
        losses.append(total / kept + dice_weight * _dice(weighed, logits.shape[1]))
    if not losses:
        return 0.0
    k = top_k if isinstance(top_k, int) else max(1, math.ceil(top_k * len(losses) - 1e-9))
    k = min(k, len(losses))
    if temperature_image == "mad":
        off = [abs(value - median(losses)) for value in losses]
        temperature_image = max(1e-3, median(off) / 4)
    return -bottom([-value for value in losses], k, temperature_image) / k


def dropped(sigma, values) -> int:
    """How many of a group's values a rule drops."""
    if isinstance(sigma, Spread):
        mean = sum(values) / len(values)
        sd = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        return sum(v - mean > sigma.factor * sd for v in values)
    return sigma if isinstance(sigma, int) else math.floor(sigma * len(values) + 1e-9)


def _dice(weighed, classes) -> float:
    values = []
    for k in range(1, classes):
        overlap = sum(w * p[k] for p, label, w in weighed if label == k)
        mass = sum(w * p[k] for p, _, w in weighed)
        size = sum(w for _, label, w in weighed if label == k)
        values.append(1 - (2 * overlap + 1) / (mass + size + 1))
    return mean(values)
