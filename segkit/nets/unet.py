"""The U-Net of this book: two or three dimensions, any image size, features to be read by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.nets.blocks import ConvBlock, PatchUp, Upsample, conv, pool, start_from_prior
from segkit.nets.grid import Tap, as_strides, cumulated, pad_to_multiple, window_before_upsampling
from segkit.nets.segmenter import Segmenter

DOWN, UP, SKIP = ("conv2", "conv3", "pool"), ("nearest", "linear", "transpose"), ("concat", "add")


class UNet(Segmenter):
    r"""An encoder that halves the grid level by level, a decoder that doubles it, and skips between them.

    Level $l$ has `channels[l]` channels and `convs` convolutions of size 3 on each side, each followed by
    `norm` and `act`. Between the levels the encoder goes down by `strides[l]` and the decoder comes up by
    it. If `strides[0]` is not 1, the net begins with a convolution whose kernel is that stride, and the
    head gives each coarse voxel its block of logits: with a stride of 2 that is about a quarter of the work
    in three dimensions.

    An image of any size is accepted: zeros are appended behind each axis up to a multiple of the total
    stride, and what belongs to them is cut off logits and features. Convolutions are MONAI's `Convolution`.

    Parameters, with one input channel and the defaults otherwise: 142,786 in two dimensions with two classes;
    411,379 in three dimensions with three classes; 49,435 for `UNet(3, 1, 3, (8, 16, 32), convs=1,
    skip="add")`, which learns most per second on a CPU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels C of the image; further ones may hold masks.
        n_classes: classes K, the background included.
        channels: features of each level, from fine to coarse.
        strides: stride of each level with respect to the one above, as one integer or one per axis
            (`[1, (1, 2, 2), 2]` for thick slices); by default 1 for the first level and 2 for the others.
        convs: convolutions per level and side.
        norm: "instance", "group" or "batch". With few images, or unlabelled ones beside labelled ones, not
            "batch".
        act: an activation that MONAI knows ("leakyrelu", "relu", "swish", …).
        residual: add the input of each level's convolutions to their output.
        down: "conv2" (a convolution whose kernel is the stride), "conv3" (the level's first convolution has
            the stride; no convolution is added), or "pool" (maximum).
        up: "nearest", "linear", or "transpose" (a learnt map of each voxel to its block).
        skip: "concat" or "add".
        class_prior: shares of the classes among the voxels, K positive numbers. The untrained net then
            predicts them, and training need not first learn that background is frequent. By default all
            start equal.

    Attributes:
        taps: name → `Tap(channels, stride)` of every feature map: `encoder0`, …, `bottom`, …, `decoder0`.
        total_stride: image voxels per voxel of the coarsest level, along each axis.

    Raises:
        ConfigError: an option is unknown, or numbers of levels, strides or classes do not fit.

    Example:
        >>> net = UNet(2, in_channels=1, n_classes=3, channels=(4, 8))
        >>> net(torch.zeros(1, 1, 13, 10)).shape
        torch.Size([1, 3, 13, 10])
        >>> net.taps["bottom"]
        Tap(channels=8, stride=(2, 2))
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        n_classes: int,
        channels: Sequence[int] = (16, 32, 64),
        *,
        strides: Sequence[int | Sequence[int]] | None = None,
        convs: int = 2,
        norm: str = "instance",
        act: str = "leakyrelu",
        residual: bool = False,
        down: str = "conv2",
        up: str = "nearest",
        skip: str = "concat",
        class_prior: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ConfigError(f"a U-Net has 2 or 3 spatial dimensions, not {spatial_dims}")
        if min(in_channels, n_classes, convs, len(channels), *channels) < 1:
            raise ConfigError(
                "a U-Net needs at least one input channel, class, level, feature and convolution"
            )
        for kind, name, known in (("way down", down, DOWN), ("way up", up, UP), ("skip", skip, SKIP)):
            if name not in known:
                raise unknown_name(kind, name, known)

        self.spatial_dims, self.in_channels, self.n_classes = spatial_dims, in_channels, n_classes
        self.convs, self.way_down, self.way_up, self.skip = convs, down, up, skip
        self.strides = as_strides(strides, len(channels), spatial_dims)
        cumulative = cumulated(self.strides)
        self.total_stride = cumulative[-1]

        one = (1,) * spatial_dims
        block = partial(ConvBlock, spatial_dims, depth=convs, norm=norm, act=act, residual=residual)
        self.downs, self.encoders, self.ups, self.decoders = (nn.ModuleList() for _ in range(4))
        for level, (width, stride) in enumerate(zip(channels, self.strides, strict=True)):
            inputs = channels[level - 1] if level else in_channels
            patches = stride != one and (down == "conv2" or level == 0)
            if patches:
                self.downs.append(conv(spatial_dims, inputs, width, stride, stride))
            else:
                self.downs.append(
                    pool(spatial_dims, stride) if stride != one and down == "pool" else nn.Identity()
                )
            inside = stride if down == "conv3" and level else one
            self.encoders.append(block(width if patches else inputs, width, stride=inside))
        for level, width in enumerate(channels[:-1]):
            stride, below = self.strides[level + 1], channels[level + 1]
            self.ups.append(
                PatchUp(spatial_dims, below, width, stride)
                if up == "transpose"
                else Upsample(spatial_dims, below, width, stride, linear=up == "linear")
            )
            joined = 2 * width if skip == "concat" else width
            self.decoders.append(block(joined, width, stride=one))
        self.head = PatchUp(spatial_dims, channels[0], n_classes, self.strides[0])
        if class_prior is not None:
            start_from_prior(self.head.mix, class_prior, n_classes)

        places = list(zip(channels, cumulative, strict=True))
        self.taps = {f"encoder{level}": Tap(*place) for level, place in enumerate(places[:-1])}
        self.taps["bottom"] = Tap(*places[-1])
        self.taps |= {f"decoder{level}": Tap(*places[level]) for level in reversed(range(len(places) - 1))}

    def _padded(self, image: Tensor) -> Tensor:
        return pad_to_multiple(image, self.total_stride)

    def _walk(self, image: Tensor) -> Iterator[Tensor]:
        x = image
        skips = []
        for down, encoder in zip(self.downs, self.encoders, strict=True):
            x = encoder(down(x))
            skips.append(x)
            yield x
        for level in reversed(range(len(skips) - 1)):
            fine = self.ups[level](x)
            joined = torch.cat([skips[level], fine], dim=1) if self.skip == "concat" else skips[level] + fine
            x = self.decoders[level](joined)
            yield x
        yield self.head(x)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Along each axis, the most image voxels that one logit depends on through the convolutions.

        It depends on all of them, weakly, through instance or group norm.
        """
        return tuple(self._receptive_field(axis) for axis in range(self.spatial_dims))

    def _receptive_field(self, axis: int) -> int:
        strides = [stride[axis] for stride in self.strides]
        width = 1
        for stride in strides[1:]:
            width = window_before_upsampling(width + 2 * self.convs, stride, linear=self.way_up == "linear")
        for level, stride in reversed(list(enumerate(strides))):
            strided_block = self.way_down == "conv3" and level > 0
            width += 2 * (self.convs - strided_block)
            width = (width - 1) * stride + (3 if strided_block else stride)
        return width
