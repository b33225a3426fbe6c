"""One encoder with several decoders, made of U-Nets: what two-decoder and mutual-consistency nets share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.nets import UNet
from segkit.nets.grid import check_image, crop_to, pad_to_multiple


class Encoder(nn.Module):
    """The way down of a U-Net.

    Args:
        net: its parts are used, not copied.
    """

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.downs, self.encoders = net.downs, net.encoders
        self.total_stride = net.total_stride
        self.in_channels, self.spatial_dims = net.in_channels, net.spatial_dims

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of every level, from fine to coarse, of an image (B, C, *S) padded to the total stride."""
        check_image(image, self.in_channels, self.spatial_dims, "the network")
        x = pad_to_multiple(image, self.total_stride)
        levels = []
        for down, encoder in zip(self.downs, self.encoders, strict=True):
            x = encoder(down(x))
            levels.append(x)
        return levels


class Decoder(nn.Module):
    """The way up of a U-Net.

    Args:
        net: its parts are used, not copied.
    """

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.ups, self.decoders, self.head = net.ups, net.decoders, net.head
        self.skip, self.n_classes = net.skip, net.n_classes

    def forward(self, levels: Sequence[Tensor], size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Finest features (B, C, *S) and logits (B, K, *S) at the size of the image."""
        x = levels[-1]
        for level in reversed(range(len(levels) - 1)):
            fine = self.ups[level](x)
            skip = levels[level]
            x = self.decoders[level](torch.cat([skip, fine], 1) if self.skip == "concat" else skip + fine)
        one = (1,) * len(size)
        return crop_to(x, size, one), crop_to(self.head(x), size, one)


class SharedEncoder(nn.Module):
    """A U-Net and the decoders of further U-Nets on its encoder.

    Args:
        nets: at least one; of all but the first the decoder alone is used. They may differ in `up`.

    Raises:
        ConfigError: no net, or nets whose features do not fit together.

    Example:
        >>> shared = SharedEncoder([UNet(2, 1, 3, (4, 8), up=up) for up in ("nearest", "transpose")])
        >>> [tuple(logits.shape) for _, logits in shared(torch.zeros(1, 1, 9, 8))]
        [(1, 3, 9, 8), (1, 3, 9, 8)]
    """

    def __init__(self, nets: Sequence[UNet]) -> None:
        super().__init__()
        if not nets or not all(isinstance(net, UNet) for net in nets):
            raise ConfigError(
                "decoders are taken from U-Nets, of which there must be one or more; got "
                f"{[type(net).__name__ for net in nets]}"
            )
        if len({_plan(net) for net in nets}) > 1:
            raise ConfigError(
                "decoders share an encoder only if their U-Nets have the same axes, classes, channels and "
                f"strides; got {[_plan(net) for net in nets]}"
            )
        if set(nets[0].strides[0]) != {1}:
            raise ConfigError(
                f"a first stride of {nets[0].strides[0]} leaves no features at the size of the image: use 1"
            )
        self.spatial_dims = nets[0].spatial_dims
        self.encoder = Encoder(nets[0])
        self.decoders = nn.ModuleList(Decoder(net) for net in nets)

    def forward(self, image: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Finest features (B, C, *S) and logits (B, K, *S) of every decoder."""
        levels = self.encoder(image)
        return [decoder(levels, image.shape[2:]) for decoder in self.decoders]


def _plan(net: UNet) -> tuple[object, ...]:
    """What the U-Nets of one encoder have in common."""
    widths = tuple((name, tap.channels) for name, tap in sorted(net.taps.items()))
    return net.spatial_dims, net.in_channels, net.n_classes, widths, tuple(map(tuple, net.strides))
