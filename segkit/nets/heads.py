"""Heads that look at one voxel at a time, so that they may be applied to gathered voxels alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from monai.networks.layers.utils import get_act_layer
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, unknown_name

POINTWISE_NORMS = ("none", "layer")


class PointwiseHead(nn.Module):
    """Linear layers over the channels of each voxel: convolutions of size 1, written as matrix products.

    A loss that needs the projections of a few thousand voxels gathers their features and calls the head on
    the rows; the dense map is never projected. For that to be the same function, nothing here may mix
    voxels: there is no batch, instance or group norm to choose.

    Parameters, for C inputs, hidden widths h₁…hₙ and D outputs: C·h₁ + h₁ + … + hₙ·D + D, and 2·hᵢ more per
    hidden layer with `norm="layer"`; 3,168 for `PointwiseHead(16, [64], 32)`.

    Args:
        in_channels: channels C of the features.
        hidden: widths of the hidden layers; empty for one linear map.
        out_channels: channels D of the result.
        norm: after each hidden layer, "none" or "layer" (over the channels of the voxel).
        act: an activation that MONAI knows, after each hidden layer.
        normalise: divide each result by its Euclidean norm, so that it lies on the unit sphere.

    Raises:
        ConfigError: the norm is unknown or a width is not positive.

    Example:
        >>> head = PointwiseHead(8, [16], 4, normalise=True)
        >>> features = torch.randn(2, 8, 5, 6)
        >>> rows = features.movedim(1, -1)[:, 2, 3]
        >>> torch.allclose(head(rows), head(features)[:, :, 2, 3], atol=1e-6)
        True
    """

    def __init__(
        self,
        in_channels: int,
        hidden: Sequence[int],
        out_channels: int,
        *,
        norm: str = "none",
        act: str = "relu",
        normalise: bool = False,
    ) -> None:
        super().__init__()
        if norm not in POINTWISE_NORMS:
            raise unknown_name("norm of a pointwise head", norm, POINTWISE_NORMS)
        if min(in_channels, out_channels, *hidden) < 1:
            raise ConfigError(
                f"a pointwise head needs positive widths, not {[in_channels, *hidden, out_channels]}"
            )
        self.in_channels, self.out_channels, self.normalise = in_channels, out_channels, normalise
        layers: list[nn.Module] = []
        widths = [in_channels, *hidden]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), *([nn.LayerNorm(after)] if norm == "layer" else [])]
            layers.append(get_act_layer(act))
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """Project every voxel.

        Args:
            features: maps (B, C, *S), or gathered rows (N, C).

        Returns:
            Maps (B, D, *S), or rows (N, D).

        Raises:
            DataError: the features do not have C channels.
        """
        if features.ndim < 2 or features.shape[1] != self.in_channels:
            raise DataError(
                f"the head expects maps (B, {self.in_channels}, *S) or rows (N, {self.in_channels}), "
                f"got shape {tuple(features.shape)}"
            )
        rows = self.layers(features.movedim(1, -1))
        if self.normalise:
            rows = F.normalize(rows.to(torch.promote_types(rows.dtype, torch.float32)), dim=-1).to(rows.dtype)
        return rows.movedim(-1, 1)
