"""Cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.losses.inputs import IGNORE, Rows, as_rows
from segkit.losses.reduction import reduce


def cross_entropy(
    logits: Tensor, labels: Tensor, *, valid: Tensor | None = None, class_weight: Tensor | None = None
) -> Tensor:
    r"""Small where the labelled class has a high probability.

    $$\ell_i = -w_{y_i} \log p_{i y_i}, \qquad p_{ik} = \frac{\exp z_{ik}}{\sum_j \exp z_{ij}}, \qquad
    \frac{\partial \ell_i}{\partial z_{ik}} = w_{y_i} (p_{ik} - \mathbb{1}[k = y_i])$$

    Section 3 of [ronneberger2015unet] states it with a weight per pixel.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. *S may be empty (gathered voxels).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        class_weight: (K,), non-negative, no unit; by default 1 each. The paper weighs every pixel, by class
            frequency and by the distance to the nearest cells (w₀ = 10, σ ≈ 5 pixels).

    Returns:
        (B, *S), in the dtype of the logits, in [0, ∞); 0 for a perfect prediction and log K for a uniform
        one. `reduce(values, valid)` is the mean over valid voxels. Its denominator is their number, also
        with class weights.

    Empty and ignored:
        A voxel that does not count has value 0 and gradient 0. If none counts, the reduced loss is 0 and its
        gradient 0, connected to the logits.

    Cost:
        Time O(N K) and one map of the size of the logits kept for the gradient, for N voxels and K classes.

    Differs from:
        `torch.nn.functional.cross_entropy`: with weights its mean divides by the sum of the weights of the
        labels, so that the gradient of a voxel depends on the labels of all others; with nothing but
        ignored voxels its mean is NaN.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: the class weights are not K numbers.

    Example:
        >>> logits = torch.tensor([[[0.0, 4.0], [0.0, 0.0]]])  # one image, two classes, two voxels
        >>> cross_entropy(logits, torch.tensor([[1, 0]]))
        tensor([[0.6931, 0.0181]])
    """
    values = entropy_of_rows(as_rows(logits, labels, valid), class_weight)
    return values.view(labels.shape).to(logits.dtype)


def entropy_of_rows(rows: Rows, class_weight: Tensor | None) -> Tensor:
    """The values of `cross_entropy`, (B, N)."""
    logits, labels, counts = rows
    if class_weight is not None and tuple(class_weight.shape) != (logits.shape[1],):
        raise ConfigError(
            f"class_weight of shape {tuple(class_weight.shape)} is not one number for each of "
            f"{logits.shape[1]} classes"
        )
    if counts is not None:  # a NaN under the mask would be 0 · NaN in the gradient
        logits = logits.masked_fill(~counts[:, None], 0)
    weight = None if class_weight is None else class_weight.to(logits)
    return F.cross_entropy(logits, labels, weight, ignore_index=IGNORE, reduction="none")


class CrossEntropyLoss(nn.Module):
    """Mean of `cross_entropy` over the voxels that count.

    Args:
        class_weight: weight of each class, K numbers; by default 1 each.

    Example:
        >>> float(CrossEntropyLoss()(torch.zeros(1, 4, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)))
        1.386...
    """

    class_weight: Tensor | None

    def __init__(self, *, class_weight: Sequence[float] | None = None) -> None:
        super().__init__()
        weight = None if class_weight is None else torch.tensor(class_weight, dtype=torch.float32)
        self.register_buffer("class_weight", weight, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `cross_entropy`."""
        rows = as_rows(logits, labels, valid)
        return reduce(entropy_of_rows(rows, self.class_weight), rows.counts).to(logits.dtype)
