r"""The coarse-refined network: an ordered pair of outputs, and features that a metric loss can shape.

$$s_r = s_c + R_\psi([F, p_c, x]), \qquad p_c = \operatorname{softmax}(s_c), \quad p_r =
\operatorname{softmax}(s_r)$$

with $s_c = W_c F$ of a U-Net. The paper [du2023criinet] has "a coarse-refined network"; whether its second
output is a refiner, a decoder or another net is not known, so that all three are offered.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from segkit.coarse_refined.decoding import SharedEncoder
from segkit.coarse_refined.refiner import Refiner, start_at_zero
from segkit.errors import ConfigError, unknown_name
from segkit.nets import PointwiseHead, UNet

VARIANTS = ("residual", "decoders", "cascade")


class Outputs(NamedTuple):
    """What the network says of a batch of images.

    Attributes:
        coarse: logits $s_c$, (B, K, *S).
        refined: logits $s_r$, (B, K, *S).
        features: F, the finest feature map of the coarse decoder, (B, C, *S).
    """

    coarse: Tensor
    refined: Tensor
    features: Tensor

    def rows(self, part: slice) -> Outputs:
        """The outputs of some images of the batch."""
        return Outputs(*(each[part] for each in self))


class CoarseRefinedNet(nn.Module):
    r"""A U-Net with a second, refined output and an embedding head.

    "residual": three residual blocks of size 3 at full resolution, dilated by 1, 2 and 4, see the features,
    the coarse probabilities and the image, and correct the coarse logits; their last layer starts at zero,
    so that training starts with refined = coarse. "cascade": in their place a second, small U-Net on $[x,
    p_c]$, starting at zero as well. "decoders": two decoders on one encoder; the second one's logits are the
    refined ones, and differ from the first's from the start.

    Parameters, with one input channel, two classes and the defaults in two dimensions: 153,316 for
    "residual", of which the refiner has 7,362 and the embedding head 3,168.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels C of the image.
        n_classes: classes K, the background included.
        channels: features of each level of the U-Net, from fine to coarse.
        variant: "residual", "decoders" or "cascade".
        norm: "group" or "instance"; "batch" lets unlabelled images change what labelled ones are
            normalised with.
        refiner_width: features of the residual refiner; by default those of the finest level. The cascade's
            second net has half of the features of the first on each level.
        embedding: length d of the embeddings.
        hidden: hidden width of the embedding head.
        options: of `UNet`: convs, act, up, skip, class_prior, ….

    Raises:
        ConfigError: an unknown variant, fewer than two classes, or options that the U-Net does not take.

    Example:
        >>> net = CoarseRefinedNet(2, 1, 3, channels=(4, 8))
        >>> out = net.outputs(torch.randn(2, 1, 13, 10))
        >>> bool((out.coarse == out.refined).all()), tuple(out.features.shape)
        (True, (2, 4, 13, 10))
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        n_classes: int,
        channels: Sequence[int] = (16, 32, 64),
        *,
        variant: str = "residual",
        norm: str = "group",
        refiner_width: int | None = None,
        embedding: int = 32,
        hidden: int = 64,
        **options: Any,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown_name("variant of the coarse-refined network", variant, VARIANTS)
        if n_classes < 2 or (refiner_width is not None and refiner_width < 1):
            raise ConfigError(
                "a coarse-refined network has two classes or more, the background included, and a refiner "
                f"with one feature or more; got {n_classes} and {refiner_width}"
            )
        known = inspect.signature(UNet).parameters
        for option in options.keys() - known.keys():
            raise unknown_name("option of the coarse-refined network", option, known)
        self.spatial_dims, self.in_channels, self.n_classes = spatial_dims, in_channels, n_classes
        self.variant, self.embedding = variant, embedding
        options = {"norm": norm, **options}

        def unet(inputs: int, widths: Sequence[int]) -> UNet:
            return UNet(spatial_dims, inputs, n_classes, widths, **options)

        first = unet(in_channels, channels)
        second = [unet(in_channels, channels)] if variant == "decoders" else []
        self.unet = SharedEncoder([first, *second])
        self.embed = PointwiseHead(channels[0], [hidden], embedding, normalise=True)
        seen = in_channels + n_classes
        self.refiner: nn.Module | None = None
        if variant == "residual":
            self.refiner = Refiner(
                spatial_dims,
                channels[0] + seen,
                n_classes,
                width=refiner_width or channels[0],
                norm=norm,
            )
        elif variant == "cascade":
            options.pop("class_prior", None)
            small = unet(seen, [max(2, width // 2) for width in channels])
            start_at_zero(small.head)
            self.refiner = small

    def outputs(self, image: Tensor) -> Outputs:
        """Both logits and the features of an image (B, C, *S).

        Raises:
            DataError: the image has other channels or axes.
        """
        (features, coarse), *more = self.unet(image)
        if self.refiner is None:
            return Outputs(coarse, more[0][1], features)
        seen = [torch.softmax(coarse, 1), image.to(coarse.dtype)]
        if self.variant == "residual":
            seen.insert(0, features)
        return Outputs(coarse, coarse + self.refiner(torch.cat(seen, 1)), features)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """`torch.compile` of the parts that `outputs` calls; it does not go through `forward`."""
        for part in (self.unet, self.refiner):
            if part is not None:
                part.compile(*args, **kwargs)

    def forward(self, image: Tensor) -> Tensor:
        """The refined logits (B, K, *S), which are what the network predicts."""
        return self.outputs(image).refined
