"""How many numbers a network learns."""

from __future__ import annotations

from torch import nn


def count_parameters(net: nn.Module, *, trainable_only: bool = True) -> int:
    """Number of parameters of a network; one that is used in two places counts once.

    Args:
        net: any module.
        trainable_only: leave out those that are frozen (`requires_grad` is False).

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(p.numel() for p in net.parameters() if p.requires_grad or not trainable_only)
