"""Small batches with distances, for the branches and the method."""

from __future__ import annotations

import torch

from segkit.data import signed_distance_mm
from segkit.nets import UNet


def batch_of(*size, classes=3, seed=0):
    """Two images with a block per structure, and all maps that a branch may ask for."""
    random = torch.Generator().manual_seed(seed)
    label = torch.zeros(2, *size, dtype=torch.int64)
    inner = tuple(slice(2, n - 2) for n in size[1:])
    for k in range(1, classes):
        label[(slice(None), slice(2 * k, 2 * k + 2), *inner)] = k
    image = label[:, None].float() + torch.randn(2, 1, *size, generator=random)
    distance = torch.stack(
        [torch.stack([signed_distance_mm(each == k) for k in range(1, classes)]) for each in label]
    )
    return {"image": image, "label": label, "distance_mm": distance}


def net_of(dims=2, classes=3):
    torch.manual_seed(0)
    return UNet(dims, 1, classes, channels=(4, 6, 8), convs=1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)
