"""Small labelled images, and batches of them."""

from __future__ import annotations

import torch


def disc(size=(24, 24), centre=None, radius=6.0, value=1):
    """Labels (1, *S) of one disc (ball)."""
    centre = centre or [n // 2 for n in size]
    axes = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    away = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
    return (value * (away <= radius**2)).long()[None]


def heart(size=(24, 24)):
    """A ring (2) round a disc (1)."""
    outer, inner = disc(size, radius=min(size) / 3, value=2), disc(size, radius=min(size) / 6)
    return torch.where(inner > 0, inner, outer)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def two_streams(n=2, u=2, size=(16, 16), classes=2, seed=0):
    """A batch with discs whose pixels are brighter."""
    noise = torch.randn(n + u, 1, *size, generator=generator(seed))
    labels = torch.cat([disc(size, [m // 2 + i % 2 for m in size], 4.0) for i in range(n + u)])
    labels = labels.clamp(max=classes - 1)
    image = labels[:, None] + 0.3 * noise
    return {"image": image[:n], "label": labels[:n], "unlabelled_image": image[n:]}
