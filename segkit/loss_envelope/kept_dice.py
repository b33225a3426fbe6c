"""Cross-entropy and soft Dice over the voxels that are kept, from one softmax."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.loss_envelope.kept_means import Selector
from segkit.loss_envelope.selection import Selection
from segkit.losses.inputs import Rows
from segkit.losses.region import dice_from_terms
from segkit.losses.softmax import SoftmaxTerms, class_sums


class _KeptTerms(torch.autograd.Function):
    r"""Value of the kept cross-entropies, and the sums of Dice with weights w.

    With p the softmax, y the labels, c = ∂L/∂value / Σw and the gradients of the sums a = ∂L/∂overlap and
    m = ∂L/∂mass, the gradient by the logits is
    $$w_i\bigl\{p_{ik}\,(m_k + c - t_i) + y_{ik}\,(p_{iy}a_y - c)\bigr\},\qquad
    t_i=\sum_j p_{ij}m_j+p_{iy}a_y .$$
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, counts: Tensor | None, select: Selector
    ) -> tuple[Tensor, ...]:
        classes, index = logits.shape[1], labels if counts is None else labels.clamp(min=0)
        log_probs = torch.log_softmax(logits, dim=1)
        nll = log_probs.gather(1, index[:, None])[:, 0].neg_()
        if counts is not None:
            nll.masked_fill_(~counts, 0)
        keep, kept, value = select(nll)
        of_label, probs = nll.neg_().exp_(), log_probs.exp_()
        if counts is not None:  # a NaN under the mask would be 0 · NaN
            probs.masked_fill_(~counts[:, None], 0)
        overlap = class_sums(of_label * keep, index, classes)
        mass = torch.stack([(probs[:, k] * keep).sum(1) for k in range(classes)], dim=1)
        size = class_sums(keep, index, classes)
        ctx.save_for_backward(probs, of_label, index, keep, kept)
        ctx.mark_non_differentiable(size, keep, kept)
        return value, overlap, mass, size, keep, kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        probs, of_label, index, keep, kept = ctx.saved_tensors
        by_value, by_overlap, by_mass = gradients[:3]
        c = (by_value / kept.clamp(min=1))[:, None]
        pull = by_overlap.gather(1, index).mul_(of_label)
        shared = c - pull
        for k in range(probs.shape[1]):
            shared.addcmul_(probs[:, k], by_mass[:, k, None], value=-1)
        grad = shared[:, None] + by_mass[:, :, None]
        grad.mul_(probs).scatter_add_(1, index[:, None], pull.sub_(c)[:, None])
        return grad.mul_(keep[:, None]), None, None, None


@torch.compiler.disable
def kept_entropy_and_dice(rows: Rows, select: Selector) -> tuple[Selection, Tensor]:
    r"""The mean of the kept cross-entropies of each image, and the Dice of what is kept of it.

    $$1 - \frac{2\sum_i w_i p_{ik} y_{ik} + 1}{\sum_i w_i p_{ik} + \sum_i w_i y_{ik} + 1}$$

    Args:
        rows: of `as_rows`.
        select: chooses by the cross-entropies; the weights wᵢ that it gives are held fixed in the gradient.

    Returns:
        The selection, whose `value` is connected to the logits, and (B, K − 1), in [0, 1]. With weights of 0
        and 1 the latter is `soft_dice` of the image without the voxels of weight 0.

    Cost: for the gradient one map of the size of the logits and two of a number per voxel.
    """
    value, overlap, mass, size, keep, kept = _KeptTerms.apply(rows.logits, rows.labels, rows.counts, select)
    terms = SoftmaxTerms(nll=keep, overlap=overlap, mass=mass, size=size)
    dice = dice_from_terms(terms, smooth=1.0, background=False, pooled=False)
    return Selection(keep, kept, value), dice
