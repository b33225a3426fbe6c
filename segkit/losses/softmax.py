"""What cross-entropy and soft Dice need of the softmax, from one pass, with the gradient written out.

Automatic differentiation of the same formulas keeps several maps of the size of the logits and walks over
them a dozen times. The chapter on the U-Net derives the gradient in closed form; here it is, in five walks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from segkit.losses.inputs import IGNORE, Rows


class SoftmaxTerms(NamedTuple):
    """Sums over the voxels that count.

    Attributes:
        nll: (B, N), −log p of the labelled class at each voxel; 0 where the voxel does not count.
        overlap: (B, K), Σᵢ pᵢₖ over the voxels labelled k.
        mass: (B, K), Σᵢ pᵢₖ, or Σᵢ pᵢₖ² if squared.
        size: (B, K), voxels labelled k; without a gradient.
    """

    nll: Tensor
    overlap: Tensor
    mass: Tensor
    size: Tensor


def class_sums(values: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Sum of values (B, N) over the voxels of each label (B, N), in the dtype of the values, (B, K)."""
    by = sums_in_one_walk if values.device.type == "cpu" else sums_class_by_class
    return by(values, labels, n_classes)


def sums_in_one_walk(values: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """`class_sums` on a CPU, in float64: a float32 total of 2²⁴ voxels no longer grows by single voxels."""
    sums = values.new_zeros(len(values), n_classes, dtype=torch.float64)
    return sums.scatter_add_(1, labels, values.double()).to(values.dtype)


def sums_class_by_class(values: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """`class_sums` on a GPU, where adding to K addresses at once is slow and its order not fixed."""
    return torch.stack([(values * (labels == k)).sum(1) for k in range(n_classes)], dim=1)


def class_counts(labels: Tensor, n_classes: int) -> Tensor:
    """Number of voxels of each label (B, N) in each image, (B, K); those labelled IGNORE are not counted."""
    if labels.device.type == "cpu":
        counts = labels.new_zeros(len(labels), n_classes + 1)
        return counts.scatter_add_(1, labels - IGNORE, labels.new_ones(1, 1).expand_as(labels))[:, 1:]
    return sums_class_by_class(torch.ones_like(labels), labels, n_classes)


class _SoftmaxTerms(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, counts: Tensor | None, squared: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ignored = None if counts is None else ~counts
        index = labels if counts is None else labels.clamp(min=0)
        size = class_counts(labels, logits.shape[1]).to(logits.dtype)

        log_probs = torch.log_softmax(logits, dim=1)
        nll = log_probs.gather(1, index[:, None])[:, 0].neg_()
        probs, of_label = log_probs.exp_(), torch.exp(-nll)
        if ignored is not None:
            probs.masked_fill_(ignored[:, None], 0)
            for each in (nll, of_label):
                each.masked_fill_(ignored, 0)
        overlap = class_sums(of_label, index, logits.shape[1])
        mass = (probs.square() if squared else probs).sum(2)
        ctx.save_for_backward(probs, of_label, index)
        ctx.ignored, ctx.squared = ignored, squared
        ctx.mark_non_differentiable(size)
        return nll, overlap, mass, size

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        probs, of_label, index = ctx.saved_tensors
        grad_nll, grad_overlap, grad_mass, _ = gradients
        pull = grad_overlap.gather(1, index).mul_(of_label)
        if ctx.ignored is not None:
            grad_nll = grad_nll.masked_fill(ctx.ignored, 0)

        # With u = ∂L/∂p the softmax gives ∂L/∂z_k = p_k (u_k − Σ_j p_j u_j). First p·u of the mass …
        grad = probs * (2 * grad_mass if ctx.squared else grad_mass)[:, :, None]
        if ctx.squared:
            grad = grad.mul_(probs)
        # … then what all classes share, where cross-entropy adds the p of its p − y …
        shared = (grad_nll - pull).sub_(grad.sum(1))
        grad.addcmul_(probs, shared[:, None])
        # … and what the labelled class has alone: the overlap, and the −y of cross-entropy.
        grad.scatter_add_(1, index[:, None], pull.sub_(grad_nll)[:, None])
        return grad, None, None, None


def softmax_terms(rows: Rows, *, squared: bool = False) -> SoftmaxTerms:
    """Voxel-wise −log p and the sums of soft Dice from one softmax.

    Args:
        rows: from `as_rows`.
        squared: whether `mass` sums p² rather than p.

    Returns:
        Differentiable once. One map of the size of the logits is kept for the gradient.

    Example:
        >>> from segkit.losses.inputs import as_rows
        >>> terms = softmax_terms(as_rows(torch.zeros(1, 2, 3), torch.tensor([[0, 1, 1]])))
        >>> terms.overlap, terms.mass
        (tensor([[0.5000, 1.0000]]), tensor([[1.5000, 1.5000]]))
    """
    return SoftmaxTerms(*_SoftmaxTerms.apply(rows.logits, rows.labels, rows.counts, squared))
