"""Learning from labels that a network gave, where it was sure."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.losses import DiceCELoss
from segkit.losses.inputs import IGNORE


@torch.no_grad()
def pseudo_labels(logits: Tensor, *, kappa: float = 0.0) -> Tensor:
    """The most probable class of every pixel, IGNORE = −1 where its probability is below κ.

    Args:
        logits: (B, K, *S).
        kappa: in [0, 1).

    Returns:
        (B, *S), int64, without gradient.

    Example:
        >>> pseudo_labels(torch.tensor([[[0.0, 9.0], [0.1, 0.0]]]), kappa=0.9)
        tensor([[-1,  0]])
    """
    confidence, label = torch.softmax(logits.detach().float(), 1).max(1)
    return label.masked_fill(confidence < kappa, IGNORE)


@torch.no_grad()
def largest_parts(labels: Tensor, n_classes: int) -> Tensor:
    """Labels in which every structure of every image has kept its largest connected part alone.

    The other parts become background. Parts are connected through faces. As the public code of [bai2023bcp]
    cleans the labels that a teacher gives; for structures of which an image shows one part at most.

    Args:
        labels: int64, (B, *S); IGNORE = −1 stays.
        n_classes: K.

    Returns:
        (B, *S), int64, on the device of the labels; computed on the CPU.

    Example:
        >>> largest_parts(torch.tensor([[1, 1, 0, 1, -1, 2]]), 3)
        tensor([[ 1,  1,  0,  0, -1,  2]])
    """
    from scipy.ndimage import label

    cleaned = labels.cpu().clone().numpy()
    for image in cleaned:
        for k in range(1, n_classes):
            parts, n = label(image == k)
            if n > 1:
                sizes = np.bincount(parts.ravel())
                sizes[0] = 0
                image[(parts > 0) & (parts != sizes.argmax())] = 0
    return torch.from_numpy(cleaned).to(labels.device)


class PseudoLabelLoss(nn.Module):
    """Half cross-entropy, half soft Dice over the batch, against the labels that other logits give.

    The mean runs over the pixels that are sure enough: their number changes nothing.

    Args:
        kappa: κ, smallest confidence. FixMatch and UniMatch: 0.95.
        dice_weight: of soft Dice, in [0, 1]; cross-entropy has the rest.

    Raises:
        ConfigError: a number is out of range.

    Example:
        >>> loss = PseudoLabelLoss(0.95)
        >>> float(loss(torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)))  # nothing is sure
        0.0
    """

    def __init__(self, kappa: float = 0.95, *, dice_weight: float = 0.5) -> None:
        super().__init__()
        if not (0 <= kappa < 1 and 0 <= dice_weight <= 1):
            raise ConfigError(
                f"kappa must be in [0, 1) and dice_weight in [0, 1], got {kappa}, {dice_weight}"
            )
        self.kappa = kappa
        self.loss = DiceCELoss(dice_weight=dice_weight, ce_weight=1 - dice_weight, pooled=True)

    def forward(self, logits: Tensor, target_logits: Tensor) -> Tensor:
        """The loss of logits (B, K, *S), a scalar; the target gets no gradient."""
        value: Tensor = self.loss(logits, pseudo_labels(target_logits, kappa=self.kappa))
        return value
