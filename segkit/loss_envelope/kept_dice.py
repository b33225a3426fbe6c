"""Soft Dice over the voxels that are kept."""

from __future__ import annotations

from torch import Tensor

from segkit.losses.inputs import Rows
from segkit.losses.region import dice_from_terms
from segkit.losses.softmax import SoftmaxTerms, class_sums


def kept_dice(rows: Rows, keep: Tensor) -> Tensor:
    r"""Soft Dice of each image and foreground class, in which voxel i has the weight wᵢ.

    $$1 - \frac{2\sum_i w_i p_{ik} y_{ik} + 1}{\sum_i w_i p_{ik} + \sum_i w_i y_{ik} + 1}$$

    Args:
        rows: of `as_rows`.
        keep: (B, N), the weights, in [0, 1]; held fixed in the gradient; 0 where a voxel does not count.

    Returns:
        (B, K − 1), in [0, 1]. With weights of 0 and 1 it is `soft_dice` of the image without the voxels of
        weight 0.

    Cost: a softmax of its own, and two maps of the size of the logits for the gradient.
    """
    logits, labels, counts = rows
    if counts is not None:  # a NaN under the mask would be 0 · NaN in the gradient
        logits = logits.masked_fill(~counts[:, None], 0)
    probs, index, classes = logits.softmax(1), labels.clamp(min=0), logits.shape[1]
    terms = SoftmaxTerms(
        nll=keep,
        overlap=class_sums(probs.gather(1, index[:, None])[:, 0] * keep, index, classes),
        mass=(probs * keep[:, None]).sum(2),
        size=class_sums(keep, index, classes),
    )
    return dice_from_terms(terms, smooth=1.0, background=False, pooled=False)
