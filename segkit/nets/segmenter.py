"""What all segmentation networks here have in common: logits at the size of the image, and features by
name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from torch import Tensor, nn

from segkit.errors import unknown_name
from segkit.nets.grid import Tap, check_image, crop_to


class Segmenter(nn.Module):
    """Base of the networks of this package.

    Attributes:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        n_classes: classes K, the background included.
        taps: name → `Tap(channels, stride)` of every feature map, in the order in which they are computed.
    """

    spatial_dims: int
    in_channels: int
    n_classes: int
    taps: dict[str, Tap]

    @overload
    def forward(self, image: Tensor) -> Tensor: ...

    @overload
    def forward(self, image: Tensor, names: Sequence[str]) -> dict[str, Tensor]: ...

    def forward(self, image: Tensor, names: Sequence[str] | None = None) -> Tensor | dict[str, Tensor]:
        """Logits of an image; with names, what `forward_features` returns.

        Args:
            image: (B, in_channels, *S).
            names: taps, and "logits" for the logits.

        Returns:
            Logits (B, K, *S), in the dtype of autocast if that is on; or a feature map for each name.

        Raises:
            DataError: the image has other channels or axes, or a size that the network cannot take.
        """
        if names is None:
            return self._features(image, ["logits"])["logits"]
        return self._features(image, names)

    def forward_features(self, image: Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Feature maps, and logits, of one pass. What lies behind the last one asked for is not computed.

        It goes through `forward`, so that hooks and `compile` see it.

        Args:
            image: (B, in_channels, *S).
            names: taps, and "logits" for the logits; by default all of them.

        Returns:
            name → (B, channels, *S') with S' = ⌈S / stride⌉ along each axis.

        Raises:
            ConfigError: a tap does not exist; the message lists those that do.
            DataError: as `forward`.

        Example:
            >>> import torch
            >>> from segkit.nets import UNet
            >>> net = UNet(2, 1, 3, channels=(4, 8))
            >>> features = net.forward_features(torch.zeros(1, 1, 13, 10), ["bottom", "logits"])
            >>> {name: tuple(each.shape) for name, each in features.items()}
            {'bottom': (1, 8, 7, 5), 'logits': (1, 3, 13, 10)}
        """
        found: dict[str, Tensor] = self(image, [*self.taps, "logits"] if names is None else list(names))
        return found

    def _features(self, image: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
        known = {**self.taps, "logits": Tap(self.n_classes, (1,) * self.spatial_dims)}
        for name in wanted:
            if name not in known:
                raise unknown_name("tap", name, known)
        check_image(image, self.in_channels, self.spatial_dims, type(self).__name__)

        found: dict[str, Tensor] = {}
        missing = set(wanted)
        for name, features in zip(known, self._walk(self._padded(image)), strict=False):
            if name in missing:
                found[name] = crop_to(features, image.shape[2:], known[name].stride)
                missing.remove(name)
            if not missing:
                break
        return {name: found[name] for name in wanted}

    def _padded(self, image: Tensor) -> Tensor:
        """The image at a size that `_walk` can take: voxels may be appended behind each axis."""
        raise NotImplementedError

    def _walk(self, image: Tensor) -> Iterator[Tensor]:
        """Every tap and then the logits, each computed when it is asked for."""
        raise NotImplementedError
