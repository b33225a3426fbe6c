"""A few residual blocks at full resolution that correct logits, and start by correcting nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.nets.blocks import Pointwise
from segkit.nets.norms import make_norm

CONV = {2: nn.Conv2d, 3: nn.Conv3d}


class Refiner(nn.Module):
    """Residual blocks with growing dilation between two layers of size 1, the last of which starts at zero.

    Args:
        spatial_dims: 2 or 3.
        inputs: channels of features, coarse probabilities and image together.
        n_classes: channels of the correction.
        width: features inside.
        norm: "instance", "group" or "batch".
        dilations: one block for each.

    Example:
        >>> bool(Refiner(2, 7, 3, width=4)(torch.randn(1, 7, 6, 5)).abs().max() == 0)
        True
    """

    def __init__(
        self,
        spatial_dims: int,
        inputs: int,
        n_classes: int,
        *,
        width: int,
        norm: str = "group",
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        conv = CONV[spatial_dims]
        self.first = Pointwise(spatial_dims, inputs, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                conv(width, width, 3, padding=dilation, dilation=dilation, bias=False),
                make_norm(norm, width, spatial_dims),
                nn.LeakyReLU(0.01),
            )
            for dilation in dilations
        )
        self.last = Pointwise(spatial_dims, width, n_classes)
        start_at_zero(self.last)

    def forward(self, x: Tensor) -> Tensor:
        """Corrections (B, K, *S) of logits, from x (B, inputs, *S)."""
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        correction: Tensor = self.last(x)
        return correction


def start_at_zero(layer: nn.Module) -> None:
    """Set all parameters of a layer to zero."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
