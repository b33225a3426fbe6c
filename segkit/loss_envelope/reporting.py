"""What an envelope selected, in a few numbers for the log."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.loss_envelope.bands import boundary_band
from segkit.losses.inputs import IGNORE


@dataclass(frozen=True)
class SelectionReport:
    """What was dropped, and which images count.

    Attributes:
        trimmed: (K,), the share of the voxels of each labelled class that is dropped; NaN for a class that
            no image has. With smooth selection a voxel is dropped to the degree of 1 − keep.
        near_boundary: scalar, the share of what is dropped that lies within 3 voxels of a labelled
            boundary (see `boundary_band`); NaN if nothing is dropped.
        images: (B,), the weights of the images; they sum to one.
        entropy: scalar, −Σ α log α of these weights: log B if all images count alike, 0 if one counts.
    """

    trimmed: Tensor
    near_boundary: Tensor
    images: Tensor
    entropy: Tensor

    def terms(self) -> dict[str, Tensor]:
        """Scalars by name, for a logger."""
        by_class = {f"trimmed_of_class_{k}": share for k, share in enumerate(self.trimmed)}
        largest = self.images.max() if len(self.images) else self.entropy
        return {
            **by_class,
            "trimmed_near_boundary": self.near_boundary,
            "image_weights_entropy": self.entropy,
            "image_weight_largest": largest,
        }


@torch.no_grad()
def selection_report(keep: Tensor, labels: Tensor, images: Tensor, n_classes: int) -> SelectionReport:
    """Sum up a selection.

    Args:
        keep: (B, *S), how far each voxel is kept, in [0, 1].
        labels: (B, *S), IGNORE where a voxel does not count.
        images: (B,), weights of the images.
        n_classes: K.
    """
    dropped = torch.where(labels == IGNORE, 0, 1 - keep)
    trimmed = torch.stack([dropped[labels == k].mean() for k in range(n_classes)])
    grid = labels if labels.ndim > 1 else labels[:, None]
    near = (dropped.view(grid.shape) * boundary_band(grid, 3)).sum() / dropped.sum()
    entropy = -torch.special.xlogy(images, images).sum()
    return SelectionReport(trimmed, near, images, entropy)
