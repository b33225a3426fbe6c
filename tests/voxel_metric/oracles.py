"""The losses of tuples by plain loops over what is summed, and pools of rows to try them on."""

from __future__ import annotations

import torch


def pool(n=24, d=4, classes=3, *, seed=0, dtype=torch.float64, spread=1.0):
    """Random rows around one direction per class, and their labels, in random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (n,), generator=generator)
    labels[: 2 * classes] = torch.arange(classes).repeat(2)[:n]
    centres = torch.randn(classes, d, dtype=dtype, generator=generator)
    noise = torch.randn(n, d, dtype=dtype, generator=generator)
    return (centres[labels] + spread * noise).requires_grad_(), labels


def squared(embeddings):
    z = torch.nn.functional.normalize(embeddings, dim=1)
    return (z[:, None] - z[None]).square().sum(-1)


def all_triplets(labels):
    m = range(len(labels))
    return [
        (a, p, n) for a in m for p in m for n in m
        if a != p and labels[a] == labels[p] != labels[n] and min(labels[a], labels[n]) >= 0
    ]  # fmt: skip


def next_of_class(labels):
    """Row → the next row of its class, the first after the last."""
    found = {}
    for k in labels.unique().tolist():
        rows = (labels == k).nonzero()[:, 0].tolist()
        found |= dict(zip(rows, rows[1:] + rows[:1], strict=True)) if len(rows) > 1 and k >= 0 else {}
    return found


def mined(distance, labels, mining, margin):
    """One triplet for each anchor, by looking at every positive and negative."""
    found = []
    for a, successor in next_of_class(labels).items():
        positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(len(labels)) if labels[n] >= 0 and labels[n] != labels[a]]
        if not negatives:
            continue
        p = max(positives, key=lambda j: distance[a, j]) if mining == "batch-hard" else successor
        window = [n for n in negatives if distance[a, p] < distance[a, n] < distance[a, p] + margin]
        allowed = window if window and mining == "semi-hard" else negatives
        found.append((a, p, min(allowed, key=lambda j: distance[a, j])))
    return found


def triplet(embeddings, labels, *, mining, margin):
    distance = squared(embeddings)
    plain = distance.detach()
    triplets = all_triplets(labels) if mining == "batch-all" else mined(plain, labels, mining, margin)
    hinges = [distance[a, p] - distance[a, n] + margin for a, p, n in triplets]
    active = [hinge for hinge in hinges if hinge > 0]
    return sum(active) / len(active) if active else embeddings.sum() * 0


def pair(embeddings, labels, *, margin):
    distance = squared(embeddings)
    same, other = [], []
    for i in range(len(labels)):
        for j in range(i):
            if min(labels[i], labels[j]) < 0:
                continue
            if labels[i] == labels[j]:
                same.append(distance[i, j] / 2)
            else:
                d = distance[i, j].clamp(min=1e-6).sqrt()
                other.append((margin - d).clamp(min=0) ** 2 / 2)
    return (sum(same) / len(same) + sum(other) / len(other)) / 2 if same and other else embeddings.sum() * 0


def active_share(embeddings, labels, *, margin, positives=None):
    """Share of triplets above 0: of all, or of those with the given positive for each anchor, which stands
    for all positives of its class.
    """
    distance = squared(embeddings).detach()
    above, total = 0.0, 0.0
    for a, p, n in all_triplets(labels):
        partner = p if positives is None else positives[a]
        above += float(distance[a, partner] - distance[a, n] + margin > 0)
        total += 1
    return above / total
