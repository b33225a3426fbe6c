"""A small vision transformer that segments: MONAI's UNETR behind the interface of the U-Net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from monai.networks.nets import UNETR
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.nets.blocks import start_from_prior
from segkit.nets.grid import Tap
from segkit.nets.segmenter import Segmenter

PATCH = 16
"""UNETR cuts the image into patches of this side; its decoder doubles the grid four times."""


class ViTSegmenter(Segmenter):
    """UNETR [Hatamizadeh 2022]: twelve transformer layers over patches of 16 voxels, and a decoder of
    convolutions.

    A transformer learns one embedding per position, so the largest image is fixed when the net is made.
    Smaller images are padded with zeros behind each axis and cropped again. Larger ones are predicted
    window by window.

    Parameters, with the defaults: 667,810 for `ViTSegmenter(2, 1, 2, 96)`; 1,325,883 for
    `ViTSegmenter(3, 1, 3, (36, 52, 40))`.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels C of the image.
        n_classes: classes K, the background included.
        image_size: largest image, in voxels, as one integer or one per axis; rounded up to multiples of 16.
        feature_size: channels of the finest decoder level; each coarser one has twice as many. UNETR has 16.
        hidden_size: width of the transformer, a multiple of `heads`. UNETR has 768.
        mlp_size: width inside each transformer layer. UNETR has 3072.
        heads: attention heads. UNETR has 12.
        class_prior: shares of the classes among the voxels, as in `UNet`.

    Raises:
        ConfigError: sizes that do not fit each other.

    Example:
        >>> import torch
        >>> net = ViTSegmenter(2, in_channels=1, n_classes=2, image_size=40, feature_size=4, hidden_size=16)
        >>> net(torch.zeros(1, 1, 33, 40)).shape
        torch.Size([1, 2, 33, 40])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        n_classes: int,
        image_size: int | Sequence[int],
        *,
        feature_size: int = 8,
        hidden_size: int = 64,
        mlp_size: int = 128,
        heads: int = 4,
        class_prior: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        size = [image_size] * spatial_dims if isinstance(image_size, int) else list(image_size)
        if spatial_dims not in (2, 3) or len(size) != spatial_dims or min(size) < 1:
            raise ConfigError(
                f"image_size {image_size} is not 2 or 3 positive integers, one per spatial dimension"
            )
        if hidden_size % heads or min(in_channels, n_classes, feature_size, hidden_size, mlp_size) < 1:
            raise ConfigError(
                f"hidden_size {hidden_size} must be a multiple of heads {heads}, and every width positive"
            )
        self.spatial_dims, self.in_channels, self.n_classes = spatial_dims, in_channels, n_classes
        self.image_size = tuple(-(-n // PATCH) * PATCH for n in size)
        self.unetr = UNETR(
            in_channels,
            n_classes,
            self.image_size,
            feature_size=feature_size,
            hidden_size=hidden_size,
            mlp_dim=mlp_size,
            num_heads=heads,
            spatial_dims=spatial_dims,
        )
        if class_prior is not None:
            start_from_prior(self.unetr.out.conv, class_prior, n_classes)
        levels = [Tap(feature_size * 2**level, (2**level,) * spatial_dims) for level in range(4)]
        self.taps = {f"encoder{level}": tap for level, tap in enumerate(levels)}
        self.taps["bottom"] = Tap(hidden_size, (PATCH,) * spatial_dims)
        self.taps |= {f"decoder{level}": levels[level] for level in reversed(range(4))}

    def _padded(self, image: Tensor) -> Tensor:
        missing = [want - have for want, have in zip(self.image_size, image.shape[2:], strict=True)]
        if min(missing) < 0:
            raise DataError(
                f"an image of {tuple(image.shape[2:])} voxels is larger than the {self.image_size} that this "
                "ViTSegmenter was made for: predict it in windows, or make the net with a larger image_size"
            )
        return F.pad(image, [n for m in reversed(missing) for n in (0, m)])

    def _walk(self, image: Tensor) -> Iterator[Tensor]:
        net = self.unetr
        tokens, hidden = net.vit(image)
        skips = [
            net.encoder1(image),
            net.encoder2(net.proj_feat(hidden[3])),
            net.encoder3(net.proj_feat(hidden[6])),
            net.encoder4(net.proj_feat(hidden[9])),
        ]
        yield from skips
        x = net.proj_feat(tokens)
        yield x
        for decoder, skip in zip(
            (net.decoder5, net.decoder4, net.decoder3, net.decoder2), skips[::-1], strict=True
        ):
            x = decoder(x, skip)
            yield x
        yield net.out(x)
