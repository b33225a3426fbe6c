"""The projector and the predictor: two linear layers with a batch norm over points between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, unknown_name

HEAD_NORMS = ("batch", "layer")


class RowHead(nn.Module):
    """Linear → norm → ReLU → linear, over the channels of every point.

    `segkit.nets.PointwiseHead` has no norm that mixes points. Here the mixing is wanted: batch norm over all
    points of a batch spreads the projections, without which networks that only predict each other collapse
    sooner. Parameters, for C inputs, H hidden and D outputs: C·H + 2·H + H·D + D.

    Args:
        inputs: channels C of the features.
        hidden: channels H in between. BYOL [grill2020byol]: 4096.
        outputs: channels D. BYOL: 256.
        norm: "batch", or "layer" (over the channels of each point alone).

    Raises:
        ConfigError: an unknown norm or a width that is not positive.

    Example:
        >>> head = RowHead(8, 16, 4)
        >>> valid = torch.tensor([[True, True, False]])
        >>> head(torch.randn(1, 3, 8), valid)[0, 2]
        tensor([0., 0., 0., 0.], grad_fn=<SelectBackward0>)
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, norm: str = "batch") -> None:
        super().__init__()
        if norm not in HEAD_NORMS:
            raise unknown_name("norm of a head", norm, HEAD_NORMS)
        if min(inputs, hidden, outputs) < 1:
            raise ConfigError(f"a head needs positive widths, not {[inputs, hidden, outputs]}")
        self.inputs, self.outputs = inputs, outputs
        between = nn.BatchNorm1d(hidden) if norm == "batch" else nn.LayerNorm(hidden)
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden, bias=False), between, nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
        )

    def forward(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        """Project features at points.

        Args:
            rows: (B, Q, C).
            valid: bool (B, Q): points that do not count have no part in the norm, and the result 0. With
                fewer than two points that count all take part, since a norm needs two.

        Returns:
            (B, Q, D), in at least float32: losses lose digits in half precision.

        Raises:
            DataError: the rows do not have C channels, or there is only one to be normalised.
        """
        if rows.ndim != 3 or rows.shape[2] != self.inputs:
            raise DataError(f"the head expects rows (B, Q, {self.inputs}), got shape {tuple(rows.shape)}")
        flat = rows.flatten(0, 1)
        if self.training and len(flat) < 2 and isinstance(self.layers[1], nn.BatchNorm1d):
            raise DataError("batch norm cannot normalise a single vector: use more images, or norm='layer'")
        if valid is None or bool(valid.all()) or int(valid.sum()) < 2:
            out = self.layers(flat)
            return out.to(torch.promote_types(out.dtype, torch.float32)).reshape(*rows.shape[:2], -1)
        kept = valid.flatten()
        out = self.layers(flat[kept])
        out = out.to(torch.promote_types(out.dtype, torch.float32))
        whole = torch.zeros(len(flat), self.outputs, dtype=out.dtype, device=out.device)
        return whole.masked_scatter(kept[:, None], out).reshape(*rows.shape[:2], -1)
