"""The same network with more input channels, whose weights may start at zero."""

from __future__ import annotations

import torch
from torch import nn

from segkit.errors import ConfigError


@torch.no_grad()
def widen_input(narrow: nn.Module, wide: nn.Module, *, zero: bool = True) -> nn.Module:
    """Copy the weights of a network into one that takes further channels behind the same first ones.

    The same seed is not the same initialisation: a larger first layer shifts all later random numbers. Two
    networks that are to differ by their inputs alone share their weights, and only the weights of the new
    channels are new. With `zero` these begin at 0, so that before the first update the wide network computes
    what the narrow one does, whatever the further channels hold; their gradient is not 0.

    The outputs are equal up to rounding. Often they are so bit for bit; but for another number of channels
    PyTorch may pick another kernel, which sums in another order. That depends on the processor, the memory
    layout and the kind of convolution (seen: at most 4e-6).

    Args:
        narrow: the network of the fewer channels; it stays as it is.
        wide: another instance with more `in_channels` and otherwise the same options. It is changed in place.
        zero: set the new weights to 0. Otherwise they stay as `wide` drew them.

    Returns:
        `wide`.

    Raises:
        ConfigError: the networks differ in more than their input channels.

    Example:
        >>> from segkit.nets import UNet
        >>> narrow, wide = UNet(2, 1, 2, (4, 8)), UNet(2, 3, 2, (4, 8))
        >>> image, masks = torch.rand(1, 1, 8, 8), torch.rand(1, 2, 8, 8)
        >>> torch.equal(widen_input(narrow, wide)(torch.cat([image, masks], 1)), narrow(image))
        True
    """
    old, new = narrow.state_dict(), wide.state_dict()
    if old.keys() != new.keys():
        raise ConfigError("the two networks have other layers, so weights cannot be shared: build both alike")
    for name, value in old.items():
        target = new[name]
        if target.shape == value.shape:
            target.copy_(value)
            continue
        same = target.ndim == value.ndim > 1 and (
            target.shape[0] == value.shape[0] and target.shape[2:] == value.shape[2:]
        )
        if not same or target.shape[1] < value.shape[1]:
            raise ConfigError(
                f"{name} has shape {tuple(value.shape)} in one network and {tuple(target.shape)} in the "
                "other: they may differ in their input channels alone"
            )
        if zero:
            target.zero_()
        target[:, : value.shape[1]].copy_(value)
    return wide
