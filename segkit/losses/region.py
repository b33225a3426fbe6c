"""Soft Dice."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.losses.inputs import IGNORE, as_rows
from segkit.losses.reduction import reduce
from segkit.losses.softmax import SoftmaxTerms, class_counts, softmax_terms


def soft_dice(
    logits: Tensor,
    labels: Tensor,
    *,
    valid: Tensor | None = None,
    squared: bool = False,
    smooth: float = 1.0,
    background: bool = False,
    pooled: bool = False,
) -> Tensor:
    r"""Small where each predicted structure covers the labelled one and little else.

    $$\ell_k = 1 - \frac{2 \sum_i p_{ik}\, y_{ik} + s}{\sum_i p_{ik}^q + \sum_i y_{ik} + s}, \qquad
    y_{ik} = \mathbb{1}[y_i = k], \qquad q \in \{1, 2\}$$

    over the voxels i of one image that count. With q = 2 and s = 0 it is 1 − D of section 3 of
    [milletari2016vnet]; with q = 1 it is the form of [isensee2021nnunet].

    Args:
        logits: (B, K, *S), any floating dtype, any real numbers, K ≥ 2. Gathered voxels are one
            image: (1, K, N).
        labels: (B, *S), integers in 0 … K−1, or IGNORE = −1.
        valid: (B, *S), bool, True where the voxel counts; by default wherever the label is not IGNORE.
        squared: q = 2 (V-Net) if True, q = 1 (nnU-Net) if False.
        smooth: s ≥ 0, in voxels. V-Net has none, nnU-Net 1e-5.
        background: whether class 0 has a value of its own. V-Net has one class; nnU-Net leaves the
            background out.
        pooled: whether the sums run over all images of the batch, as in nnU-Net. By default each image has
            its own, so that a small structure in one image weighs as much as a large one in another.

    Returns:
        (B, K') in the dtype of the logits, K' = K or, without background, K − 1; (1, K') if pooled. In [0,
        1]; 0 for a perfect prediction. `reduce(values, dice_counts(…))` is the mean over the images that
        have a valid voxel, and over their classes.

    Empty and ignored:
        A voxel that does not count is in no sum: value and gradient are those of the image without it. A
        class that is absent from an image has the value M / (M + s), where M is the mass that is predicted
        for it: with s about one voxel it pushes the mass to zero, with s → 0 it is 1 without a gradient.
        Without any valid voxel the value is 0 and so is its gradient, connected to the logits.

    Cost:
        Time O(N K) and one map of the size of the logits kept for the gradient, for N voxels and K classes.
        The gradient is written by hand and can be differentiated only once.

    Differs from:
        nnU-Net's and MONAI's soft Dice, in which s = 1e-5 makes the value of an absent class 1 and its
        gradient zero until almost nothing is predicted; `monai.losses.DiceLoss(ignore_index=…)`, whose mean
        takes an image without a valid voxel for a perfect one.

    Raises:
        DataError: shapes or dtypes do not fit, or a label is outside 0 … K−1.
        ConfigError: `smooth` is negative.

    Example:
        >>> logits = torch.tensor([[[0.0, 9.0, 9.0], [9.0, 0.0, 0.0]]])  # (1, K = 2, N = 3)
        >>> soft_dice(logits, torch.tensor([[1, 1, 0]]), smooth=0.0)  # 1 − 2·1 / (1 + 2)
        tensor([[0.333...]])
    """
    terms = softmax_terms(as_rows(logits, labels, valid), squared=squared)
    values = dice_from_terms(terms, smooth=smooth, background=background, pooled=pooled)
    return values.to(logits.dtype)


def dice_from_terms(terms: SoftmaxTerms, *, smooth: float, background: bool, pooled: bool) -> Tensor:
    """The values of `soft_dice` from the sums of a softmax."""
    if smooth < 0:
        raise ConfigError(f"smooth must not be negative, got {smooth}")
    both, overlap = terms.mass + terms.size, terms.overlap
    if pooled:
        both, overlap = both.sum(0, keepdim=True), overlap.sum(0, keepdim=True)
    # 1 − (2·overlap + s) / (both + s), without the cancellation, and 0 where nothing is there at all.
    whole = both + smooth
    values = (both - 2 * overlap) / torch.where(whole > 0, whole, 1)
    return values if background else values[:, 1:]


def counts_from_size(size: Tensor, *, background: bool, pooled: bool, skip_absent: bool) -> Tensor:
    """`dice_counts` from the number of voxels of each class in each image, (B, K)."""
    if pooled:
        size = size.sum(0, keepdim=True)
    present = size > 0 if skip_absent else (size.sum(1, keepdim=True) > 0).expand_as(size)
    return present if background else present[:, 1:]


def dice_counts(
    labels: Tensor,
    n_classes: int,
    *,
    valid: Tensor | None = None,
    background: bool = False,
    pooled: bool = False,
    skip_absent: bool = False,
) -> Tensor:
    """Which values of `soft_dice` enter the mean: those of images that have a voxel that counts.

    Args:
        labels: (B, *S), as given to `soft_dice`.
        n_classes: number of classes K.
        valid: as given to `soft_dice`.
        background: as given to `soft_dice`.
        pooled: as given to `soft_dice`.
        skip_absent: leave out, in each image, the classes that it does not have.

    Returns:
        (B, K') or (1, K'), bool.

    Example:
        >>> dice_counts(torch.tensor([[0, 1, 1], [-1, -1, -1]]), 3)
        tensor([[ True,  True],
                [False, False]])
        >>> dice_counts(torch.tensor([[0, 1, 1]]), 3, skip_absent=True)
        tensor([[ True, False]])
    """
    rows = (labels if valid is None else labels.masked_fill(~valid, IGNORE)).flatten(1)
    size = class_counts(rows.long(), n_classes)
    return counts_from_size(size, background=background, pooled=pooled, skip_absent=skip_absent)


class SoftDiceLoss(nn.Module):
    """Mean of `soft_dice` over images and classes.

    Args:
        squared: square the probabilities in the denominator.
        smooth: s, in voxels.
        background: count class 0 as well.
        pooled: sum over the batch first.
        skip_absent: leave out, in each image, the classes that it does not have. Then nothing there is
            pushed to zero except by the classes that are present.

    Example:
        >>> labels = torch.tensor([[[0, 1], [1, 2]]])
        >>> logits = 20.0 * nn.functional.one_hot(labels, 3).movedim(-1, 1)
        >>> bool(SoftDiceLoss()(logits, labels) < 1e-6)
        True
    """

    def __init__(
        self,
        *,
        squared: bool = False,
        smooth: float = 1.0,
        background: bool = False,
        pooled: bool = False,
        skip_absent: bool = False,
    ) -> None:
        super().__init__()
        self.squared, self.smooth = squared, smooth
        self.background, self.pooled, self.skip_absent = background, pooled, skip_absent

    def forward(self, logits: Tensor, labels: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of a batch, a scalar; arguments as in `soft_dice`."""
        terms = softmax_terms(as_rows(logits, labels, valid), squared=self.squared)
        return self.mean_dice(terms).to(logits.dtype)

    def mean_dice(self, terms: SoftmaxTerms) -> Tensor:
        """The loss from the sums of a softmax that was taken for more than this loss."""
        values = dice_from_terms(terms, smooth=self.smooth, background=self.background, pooled=self.pooled)
        counts = counts_from_size(
            terms.size, background=self.background, pooled=self.pooled, skip_absent=self.skip_absent
        )
        return reduce(values, counts)
