"""Soft Dice and cross-entropy from one softmax."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from segkit.errors import ConfigError
from segkit.losses.inputs import as_rows
from segkit.losses.reduction import reduce
from segkit.losses.region import SoftDiceLoss, dice_from_terms
from segkit.losses.softmax import softmax_terms


def dice_ce(
    logits: Tensor,
    labels: Tensor,
    *,
    valid: Tensor | None = None,
    squared: bool = False,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Small where every voxel is probably right and every structure is covered.

    $$L = \lambda_D \frac{1}{B K'} \sum_{b,k} \ell^D_{bk} + \lambda_C \frac{1}{N} \sum_i \ell^C_i$$

    with $\ell^D$ of `soft_dice` and $\ell^C$ of `cross_entropy`; the sum that [isensee2021nnunet] trains
    with, its λ_D = λ_C = 1 being ours. The two come from one softmax, and a module adds them.

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. Gathered voxels are one
            image: (1, K, N).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        squared: as in `soft_dice`; nnU-Net: False.
        smooth: as in `soft_dice`, in voxels; nnU-Net: 1e-5.
        background: as in `soft_dice`; nnU-Net: False.
        pooled: as in `soft_dice`; nnU-Net: True for its 2-D and low-resolution nets.

    Returns:
        The values of `soft_dice`, (B, K') or (1, K') in [0, 1], and of `cross_entropy`, (B, *S) in [0, ∞),
        both in the dtype of the logits; both 0 for a perfect prediction. `DiceCELoss` takes the mean of
        each over what
        counts: images with a valid voxel and their classes, and valid voxels.

    Empty and ignored:
        As in the two: an ignored voxel changes neither value nor gradient; if all are ignored, both are 0
        with a gradient of 0, connected to the logits.

    Cost:
        Time O(N K) and one map of the size of the logits kept for the gradient, for N voxels and K classes.
        The gradient is written by hand and can be differentiated only once.

    Differs from:
        `monai.losses.DiceCELoss`, which makes one-hot maps of the labels, takes two softmaxes, and knows no
        ignored voxels; nnU-Net, whose Dice term is −D, so that its sum is at best −1.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: `smooth` is negative.

    Example:
        >>> import torch
        >>> dice, entropy = dice_ce(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 1, 1]]), smooth=0.0)
        >>> dice, entropy
        (tensor([[0.5000]]), tensor([[0.6931, 0.6931, 0.6931, 0.6931]]))
    """
    terms = softmax_terms(as_rows(logits, labels, valid), squared=squared)
    dice = dice_from_terms(terms, smooth=smooth, background=background, pooled=pooled)
    return dice.to(logits.dtype), terms.nll.view(labels.shape).to(logits.dtype)


class DiceCELoss(SoftDiceLoss):
    """Weighted sum of the mean soft Dice and the mean cross-entropy.

    Args:
        dice_weight: λ_D.
        ce_weight: λ_C.
        options: those of `SoftDiceLoss`: squared, smooth, background, pooled, skip_absent.

    Raises:
        ConfigError: a weight is negative.

    Example:
        >>> import torch
        >>> loss = DiceCELoss(smooth=0.0)(torch.zeros(1, 2, 4), torch.tensor([[0, 0, 1, 1]]))
        >>> round(float(loss), 4)
        1.1931
    """

    def __init__(self, *, dice_weight: float = 1.0, ce_weight: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        if min(dice_weight, ce_weight) < 0:
            raise ConfigError(
                f"the weights of DiceCELoss must not be negative, got {dice_weight}, {ce_weight}"
            )
        self.dice_weight, self.ce_weight = dice_weight, ce_weight

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `dice_ce`."""
        rows = as_rows(logits, labels, valid)
        terms = softmax_terms(rows, squared=self.squared)
        entropy = reduce(terms.nll, rows.counts)
        return (self.dice_weight * self.mean_dice(terms) + self.ce_weight * entropy).to(logits.dtype)
