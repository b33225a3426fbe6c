"""The mean of the kept losses of each image, with its exact gradient and little memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.loss_envelope.selection import Selection
from segkit.losses.inputs import Rows

Selector = Callable[[Tensor], Selection]
"""Maps the loss of each voxel, (B, N), to what is kept of it."""


class _KeptMean(torch.autograd.Function):
    """Saved for backward: one map of weights."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, select: Selector) -> tuple[Tensor, Tensor, Tensor]:
        keep, kept, value = select(values)
        ctx.save_for_backward(keep, kept)
        ctx.mark_non_differentiable(keep, kept)
        return value, keep, kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        keep, kept = ctx.saved_tensors
        return keep * (gradients[0] / kept.clamp(min=1))[:, None], None


class _KeptEntropy(torch.autograd.Function):
    """Cross-entropy and `_KeptMean` in one. Saved for backward: the probabilities and one map of weights.

    The gradient by the logits is (p − y) times the weight of the voxel; two functions in a row would write
    the gradient by the loss map and that by the log-probabilities besides.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, counts: Tensor | None, select: Selector
    ) -> tuple[Tensor, Tensor, Tensor]:
        log_probs = torch.log_softmax(logits, dim=1)
        index = labels if counts is None else labels.clamp(min=0)
        nll = log_probs.gather(1, index[:, None])[:, 0].neg_()
        if counts is not None:
            nll.masked_fill_(~counts, 0)
        keep, kept, value = select(nll)
        probs = log_probs.exp_()
        if counts is not None:  # a NaN under the mask would be 0 · NaN in the gradient
            probs.masked_fill_(~counts[:, None], 0)
        ctx.save_for_backward(probs, index, keep, kept)
        ctx.mark_non_differentiable(keep, kept)
        return value, keep, kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        probs, index, keep, kept = ctx.saved_tensors
        weight = (keep * (gradients[0] / kept.clamp(min=1))[:, None])[:, None]
        grad = probs * weight
        return grad.scatter_add_(1, index[:, None], weight.neg_()), None, None, None


@torch.compiler.disable
def kept_mean(values: Tensor, select: Selector) -> Selection:
    """The mean of the selected losses of each image; differentiable once, the selection held fixed.

    Args:
        values: (B, N), the loss of each voxel.
        select: chooses by the values, without gradient.

    Returns:
        The selection; its `value` is connected to `values`.
    """
    value, keep, kept = _KeptMean.apply(values, select)
    return Selection(keep, kept, value)


@torch.compiler.disable
def kept_entropy(rows: Rows, select: Selector) -> Selection:
    """`kept_mean` of the cross-entropy of logits; its `value` is connected to them."""
    value, keep, kept = _KeptEntropy.apply(rows.logits, rows.labels, rows.counts, select)
    return Selection(keep, kept, value)
