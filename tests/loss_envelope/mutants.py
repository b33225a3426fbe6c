"""The envelope, hard and by class, with one fault at a time. The battery must reject every one of them.

`plain` is the correct loss in ordinary operations, with a sort; each mutant differs from it in one place.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from segkit.losses.inputs import IGNORE
from segkit.losses.probing import Loss


def plain(
    logits: Tensor, labels: Tensor, valid: Tensor | None, *, top_k: float, sigma: float, fault: str = ""
) -> Tensor:
    """The mean over the images with the largest losses, each the mean over all but the worst voxels."""
    dtype = logits.dtype
    if labels.shape != (len(logits), *logits.shape[2:]):
        raise ValueError("shapes differ")
    counts = labels != IGNORE
    if valid is not None and fault != "forgets valid":
        counts = counts & valid
    logits = logits.to(torch.promote_types(dtype, torch.float32))
    if fault != "lets NaN through the mask":
        logits = logits.masked_fill(~counts[:, None], 0)
    entropy = torch.nn.functional.cross_entropy(logits, labels.clamp(min=0), reduction="none")

    losses, ranks = [], []
    for values, kinds, count in zip(entropy, labels, counts, strict=True):
        of_class = [values[count & (kinds == k)] for k in range(logits.shape[1])]
        if fault == "forgets the classes":
            of_class = [values[count]]
        if fault == "drops among ignored voxels":
            of_class = [torch.cat([each, each.new_zeros((~count).sum())]) for each in of_class]
        kept = [_kept(each, sigma, fault) for each in of_class if len(each)]
        if not kept:
            if fault == "counts empty images":
                losses.append(values.sum() * 0)
            continue
        voxels = sum(map(len, of_class if fault == "divides by all voxels" else kept))
        losses.append(torch.cat(kept).sum() / max(1, voxels))
        if fault == "averages over classes":
            losses[-1] = torch.stack([each.mean() for each in kept]).mean()
        ranks.append(values[count].mean())
    if not losses:
        return (logits * 0).sum().to(dtype) if fault != "cuts the graph" else torch.zeros((), dtype=dtype)

    rows = torch.stack(losses)
    k = max(1, math.ceil(top_k * len(rows)))
    by = torch.stack(ranks) if fault == "selects before it trims" else rows
    chosen = by.argsort(descending=fault != "keeps the easy images")[:k]
    total = rows[chosen].sum()
    if fault == "differentiates the threshold":
        total = total + rows.min() - rows.min().detach()
    return (total / (len(rows) if fault == "divides by all images" else k)).to(dtype)


def _kept(values: Tensor, sigma: float, fault: str) -> Tensor:
    drop = math.floor(sigma * len(values))
    m = max(1, len(values) - drop)
    if fault == "drops the last voxel of a class":
        m = len(values) - math.ceil(sigma * len(values))
    if fault == "takes sigma for the share that stays":
        m = max(1, math.ceil(sigma * len(values) / 2))
    ascending = values.sort().values
    if fault == "drops the easy voxels":
        return ascending[len(values) - m :]
    if fault == "caps where it should drop":
        return values.clamp(max=float(ascending[m - 1].detach()))
    return ascending[:m]


BY_CLASS, BY_IMAGE = "envelope_by_class", "envelope_hard_images"

FAULTS = {
    "forgets valid": (BY_CLASS, "ignored_voxels_change_nothing"),
    "lets NaN through the mask": (BY_CLASS, "ignored_nan_changes_nothing"),
    "forgets the classes": (BY_CLASS, "has_closed_form"),
    "drops among ignored voxels": (BY_CLASS, "ignoring_equals_removing_voxels"),
    "drops the last voxel of a class": (BY_CLASS, "has_closed_form"),
    "takes sigma for the share that stays": (BY_CLASS, "matches_oracle"),
    "drops the easy voxels": (BY_CLASS, "has_closed_form"),
    "caps where it should drop": (BY_CLASS, "matches_oracle"),
    "divides by all voxels": (BY_CLASS, "matches_oracle"),
    "averages over classes": (BY_CLASS, "has_closed_form"),
    "cuts the graph": (BY_CLASS, "nothing_valid_is_zero"),
    "counts empty images": (BY_IMAGE, "ignoring_equals_removing_images"),
    "selects before it trims": (BY_IMAGE, "matches_oracle"),
    "keeps the easy images": (BY_IMAGE, "matches_oracle"),
    "divides by all images": (BY_IMAGE, "matches_oracle"),
    "differentiates the threshold": (BY_IMAGE, "gradient_is_right"),
}
"""What is wrong → the entry of the registry that it pretends to be, and a property that must notice it."""


def mutant(name: str, fault: str = "") -> Loss:
    """`plain` with the options of an entry, and a fault."""
    return partial(plain, top_k=0.5 if name == BY_IMAGE else 1.0, sigma=0.5, fault=fault)
