"""The ranked losses of this room once more, as loops in plain Python over lists of floats."""

from __future__ import annotations

import math

import torch


def distance(a, b) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def list_mean(excess: list[float], temperature: float) -> float:
    """Mean of what violates, weighted by e^(T · excess)."""
    violating = [e for e in excess if e > 0]
    weights = [math.exp(temperature * e) for e in violating]
    return sum(w * e for w, e in zip(weights, violating, strict=True)) / sum(weights) if weights else 0.0


def anchor_value(
    own, positives, negatives, *, alpha=1.2, margin=0.4, t_pos=0.0, t_neg=5.0, beta=0.5
) -> float:
    near = list_mean([distance(own, other) - (alpha - margin) for other in positives], t_pos)
    far = list_mean([alpha - distance(own, other) for other in negatives], t_neg)
    return (1 - beta) * near + beta * far


def ranked_list(embeddings, labels, **options) -> list[float]:
    """`ranked_list_loss` of every row; rows labelled −1 have the value 0."""
    rows, classes = embeddings.tolist(), labels.tolist()
    values = []
    for i, (row, k) in enumerate(zip(rows, classes, strict=True)):
        positives = [rows[j] for j in range(len(rows)) if j != i and classes[j] == k]
        negatives = [rows[j] for j in range(len(rows)) if classes[j] not in (k, -1)]
        values.append(0.0 if k == -1 else anchor_value(row, positives, negatives, **options))
    return values


def ranked_list_by_autograd(z, labels, *, alpha=1.2, margin=0.4, t_pos=0.0, t_neg=5.0, beta=0.5):
    """The same in torch operations, with detached weights, for its gradient."""
    d = (z[:, None] - z[None]).square().sum(-1).clamp(min=1e-24).sqrt()
    same = labels[:, None] == labels[None]
    total = z.sum() * 0
    for i in range(len(z)):
        for mask, excess, temperature, share in (
            (same[i] & (torch.arange(len(z)) != i), d[i] - (alpha - margin), t_pos, 1 - beta),
            (~same[i], alpha - d[i], t_neg, beta),
        ):
            violating = excess[mask & (excess > 0)]
            if len(violating):
                weight = torch.softmax(temperature * violating, 0).detach()
                total = total + share * (weight * violating).sum()
    return total / len(z)
