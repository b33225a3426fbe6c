"""Dice + cross-entropy with one fault at a time. The battery must reject every one of them.

`plain` is the correct loss in ordinary operations; each mutant differs from it in one place.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from segkit.losses.inputs import IGNORE
from segkit.losses.probing import Loss


def plain(logits: Tensor, labels: Tensor, valid: Tensor | None, *, fault: str = "") -> Tensor:
    """1 − Dice over foreground classes per image, plus cross-entropy; `fault` names what is wrong."""
    dtype, given = logits.dtype, logits
    if fault != "does not check shapes" and labels.shape != (len(logits), *logits.shape[2:]):
        raise ValueError("shapes differ")
    if fault == "computes in float32":
        logits = logits.float()
    elif fault != "computes in half precision":
        logits = logits.to(torch.promote_types(dtype, torch.float32))
    classes = logits.shape[1]

    if fault == "takes channels-last for contiguous" and not logits.is_contiguous():
        logits = logits.movedim(1, -1).reshape(logits.shape)

    counts = labels != IGNORE
    if valid is not None and fault != "forgets valid":
        counts = counts & valid
    if fault == "drops the mask":
        counts = torch.ones_like(counts)
    index = labels.clamp(min=0)
    if fault != "lets NaN through the mask":
        logits = logits.masked_fill(~counts[:, None], 0)

    log_probs = _log_probs(logits, fault)
    probs = log_probs.exp()
    onehot = torch.nn.functional.one_hot(index, classes).movedim(-1, 1).to(probs.dtype)
    nll = -(onehot * log_probs).sum(1)
    if fault == "weights voxels by place":
        nll = nll * torch.linspace(0.5, 1.5, nll.shape[-1], dtype=nll.dtype)
    if fault == "adds noise":
        nll = nll + 1e-3 * torch.rand_like(nll)
    kept = counts.to(probs.dtype)

    total = (nll * kept).sum()
    entropy = {
        "sums instead of averaging": total,
        "averages over all voxels": total / counts.numel(),
        "averages over the first axis only": total / (kept.sum() / labels.shape[1]).clamp(min=1),
        "divides by no voxel": total / kept.sum(),
        "divides by one voxel less": total / (kept.sum() - 1),
    }.get(fault, total / kept.sum().clamp(min=1))

    axes = tuple(range(2, logits.ndim))
    if fault == "pools the batch":
        axes = (0, *axes)
    inside = kept[:, None]
    overlap = (probs * onehot * inside).sum(axes)
    mass = (probs * (1 if fault == "counts the mass of ignored voxels" else inside)).sum(axes)
    size = (onehot * inside).sum(axes)
    if fault == "detaches the overlap":
        overlap = overlap.detach()
    if fault == "detaches the mass":
        mass = mass.detach()
    smooth = 0.0 if fault == "does not smooth" else 1.0
    factor = 1.0 if fault == "forgets the 2" else 2.0
    if fault == "divides by the size of a class":
        overlap = overlap / size
    values = 1 - (factor * overlap + smooth) / (mass + size + smooth)
    if fault != "keeps the background":
        values = values[..., 1:]
    images = (kept.flatten(1).sum(1) > 0).to(values.dtype)
    if fault == "counts empty images" or values.ndim == 1:
        dice = values.mean()
    else:
        dice = (values * images[:, None]).sum() / (images.sum().clamp(min=1) * values.shape[1])

    result = dice + entropy
    if fault == "cuts the graph when nothing is valid" and not counts.any():
        return torch.zeros((), dtype=dtype)
    if fault == "leaks a gradient to ignored voxels":
        result = result + _Leak.apply(given, ~counts)
    if fault == "hoards memory":
        result = result + 0 * sum((logits * logits * k).sin().sum() for k in range(4))
    if fault in ("computes in float32", "returns float32 always"):
        return result.float()
    return result.to(dtype)


def _log_probs(logits: Tensor, fault: str) -> Tensor:
    if fault == "takes the softmax over voxels":
        return torch.log_softmax(logits, dim=-1)
    if fault == "takes the softmax over images":
        return torch.log_softmax(logits, dim=0)
    if fault == "takes sigmoids":
        return torch.nn.functional.logsigmoid(logits)
    if fault == "takes the logarithm of the softmax":
        return torch.softmax(logits, dim=1).log()
    return torch.log_softmax(logits, dim=1)


class _Leak(torch.autograd.Function):
    """Zero, with a gradient of one where told."""

    @staticmethod
    def forward(ctx, logits, where):
        ctx.where = where[:, None].expand_as(logits)
        return logits.new_zeros(())

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.where.to(grad.dtype), None


FAULTS = {
    "drops the mask": "matches_oracle",
    "forgets valid": "ignored_voxels_change_nothing",
    "averages over all voxels": "ignoring_equals_removing_voxels",
    "averages over the first axis only": "depth_one_is_flat",
    "sums instead of averaging": "shards_average_to_batch",
    "divides by no voxel": "nothing_valid_is_zero",
    "counts the mass of ignored voxels": "ignoring_equals_removing_voxels",
    "counts empty images": "ignoring_equals_removing_images",
    "cuts the graph when nothing is valid": "nothing_valid_is_zero",
    "leaks a gradient to ignored voxels": "ignored_voxels_change_nothing",
    "lets NaN through the mask": "ignored_nan_changes_nothing",
    "detaches the overlap": "gradient_is_right",
    "detaches the mass": "gradient_is_right_beside_ignored",
    "takes the softmax over voxels": "ignores_common_shift",
    "takes the softmax over images": "ignores_common_shift",
    "takes sigmoids": "ignores_common_shift",
    "takes the logarithm of the softmax": "large_logits_are_finite",
    "weights voxels by place": "ignores_order_of_voxels",
    "adds noise": "repeats_itself",
    "pools the batch": "shards_average_to_batch",
    "does not smooth": "nothing_valid_is_zero",
    "forgets the 2": "has_closed_form",
    "keeps the background": "has_closed_form",
    "does not check shapes": "wrong_shapes_raise",
    "computes in float32": "gradient_is_right",
    "returns float32 always": "keeps_dtype",
    "computes in half precision": "sums_in_full_precision",
    "divides by one voxel less": "one_voxel_is_enough",
    "divides by the size of a class": "absent_class_is_finite",
    "takes channels-last for contiguous": "layout_changes_nothing",
    "hoards memory": "stays_within_memory",
}
"""What is wrong → a property that must notice it."""


def mutant(fault: str) -> Loss:
    return partial(plain, fault=fault)
