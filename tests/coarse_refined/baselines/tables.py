"""Networks whose logits are a table, so that a step can be written down once more in plain numbers."""

from __future__ import annotations

import torch
from torch import nn


class Table(nn.Module):
    """Logits (B, K, H, W) = a · image + b, per class: a pointwise net whose every output is known."""

    def __init__(self, classes=3, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.slope = nn.Parameter(torch.randn(classes, generator=generator))
        self.bias = nn.Parameter(torch.randn(classes, generator=generator))

    def forward(self, image):
        return image * self.slope.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


def batch(seed=0, classes=3):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(5, 1, 6, 4, generator=generator)
    label = torch.randint(0, classes, (2, 6, 4), generator=generator)
    return {"image": image[:2], "label": label, "unlabelled_image": image[2:]}
