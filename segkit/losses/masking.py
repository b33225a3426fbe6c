"""Properties of a loss that may ignore voxels; see `segkit.losses.properties`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from segkit.losses.inputs import IGNORE
from segkit.losses.probing import (
    CLASSES,
    Loss,
    example,
    fail,
    require_close,
    require_true_gradient,
    value_and_gradient,
)


def gradient_is_right_beside_ignored(loss: Loss) -> None:
    """Its gradient is that of its value when some voxels are ignored."""
    require_true_gradient(loss, *example(3, 2, ignored=True))


def ignored_voxels_change_nothing(loss: Loss) -> None:
    """What an ignored voxel predicts, or is labelled, changes neither value nor gradient; its own gradient
    is 0.
    """
    logits, labels = example(3, 4, ignored=True)
    ignored = labels == IGNORE
    value, gradient = value_and_gradient(loss, logits, labels)
    if gradient.movedim(1, -1)[ignored].abs().max() > 0:
        fail("an ignored voxel gets a gradient")
    for content in (50.0, -50.0):
        _require_unmoved(loss, logits, labels, content)
    for content in range(CLASSES):
        relabelled = labels.masked_fill(ignored, content)
        moved, moved_gradient = value_and_gradient(loss, logits, relabelled, ~ignored)
        require_close(moved, value, f"changes when a voxel that is not valid has the label {content}")
        require_close(
            moved_gradient, gradient, "another gradient when a voxel that is not valid is relabelled"
        )


def ignored_nan_changes_nothing(loss: Loss) -> None:
    """Not even a NaN in an ignored voxel changes value or gradient."""
    _require_unmoved(loss, *example(3, 4, ignored=True), float("nan"))


def _require_unmoved(loss: Loss, logits: Tensor, labels: Tensor, content: float) -> None:
    """Fail unless value and gradient stay when the first class of ignored voxels has this logit."""
    value, gradient = value_and_gradient(loss, logits, labels)
    other = logits.detach().clone()
    other[:, 0][labels == IGNORE] = content
    moved, moved_gradient = value_and_gradient(loss, other, labels)
    require_close(moved, value, f"changes when an ignored voxel has the logit {content}")
    require_close(moved_gradient, gradient, f"another gradient when an ignored voxel has the logit {content}")


def ignoring_equals_removing_voxels(loss: Loss) -> None:
    """Ignored voxels might as well not be in the image."""
    logits, labels = example(9, batch=3)
    kept = torch.arange(9) % 3 != 1
    value, gradient = value_and_gradient(loss, logits, labels.masked_fill(~kept, IGNORE))
    alone, alone_gradient = value_and_gradient(loss, logits[..., kept], labels[..., kept])
    require_close(value, alone, "ignoring voxels differs from removing them")
    require_close(gradient[..., kept], alone_gradient, "ignoring voxels gives another gradient than removal")


def ignoring_equals_removing_images(loss: Loss) -> None:
    """An image without a valid voxel might as well not be in the batch."""
    logits, labels = example(9, batch=3)
    masked = labels.clone()
    masked[1] = IGNORE
    value, gradient = value_and_gradient(loss, logits, masked)
    alone, alone_gradient = value_and_gradient(loss, logits[::2], labels[::2])
    require_close(value, alone, "ignoring an image differs from removing it")
    require_close(gradient[::2], alone_gradient, "ignoring an image gives another gradient than removing it")


def nothing_valid_is_zero(loss: Loss) -> None:
    """If every voxel is ignored the loss is 0, its gradient is 0, and both are there."""
    logits, labels = example(3, 2)
    value, gradient = value_and_gradient(loss, logits, torch.full_like(labels, IGNORE))
    require_close(value, torch.zeros_like(value), "is not 0 when everything is ignored", tolerance=0.0)
    require_close(
        gradient, torch.zeros_like(gradient), "has a gradient although all is ignored", tolerance=0.0
    )


def ignored_values_are_zero(values: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Per-voxel values, and the gradient of their plain sum, are 0 where the label is IGNORE.

    Args:
        values: maps logits (B, K, *S) and labels (B, *S) to values (B, *S).
    """
    logits, labels = example(3, 4, ignored=True)
    ignored = labels == IGNORE
    found = values(logits, labels)
    if found.shape != labels.shape:
        fail(f"values of shape {tuple(found.shape)} for labels of shape {tuple(labels.shape)}")
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    if found[ignored].abs().max() > 0 or gradient.movedim(1, -1)[ignored].abs().max() > 0:
        fail("an ignored voxel has a value or a gradient before the reduction")
