"""Learning from labels that a network gave, where it was sure."""

from __future__ import annotations

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
