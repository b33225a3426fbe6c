"""The upper level: from the losses of the images, those that are large."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from segkit.errors import ConfigError, DataError
from segkit.loss_envelope.gathering import gather_images, processes
from segkit.loss_envelope.order_means import smooth_top_k_mean

_MAD_SHARE, _COLDEST = 0.25, 1e-3


@dataclass(frozen=True)
class TopImages:
    r"""The mean of the largest image losses, with smooth weights.

    Args:
        top_k: how many images: a share κ in (0, 1], of which k = max(1, ⌈κB⌉), or their number. Images
            without a valid voxel are not counted.
        temperature: T ≥ 0 in the unit of the losses, 0 for a hard selection; or "mad": a quarter of the
            median absolute deviation of the losses, at least 0.001, held fixed in the gradient.
        gathered: select among the images of all processes. See `TopKSigmaLoss`.

    Raises:
        ConfigError: `top_k` or `temperature` makes no sense.

    Example:
        >>> losses, present = torch.tensor([0.2, 0.9, 0.4, 0.5]), torch.ones(4, dtype=torch.bool)
        >>> TopImages(top_k=2, temperature=0.0)(losses, present)
        tensor(0.7000)
    """

    top_k: float | int
    temperature: float | Literal["mad"] = "mad"
    gathered: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.top_k, int) and self.top_k < 1:
            raise ConfigError(f"top_k must keep at least 1 image, not {self.top_k}")
        if isinstance(self.top_k, float) and not 0 < self.top_k <= 1:
            raise ConfigError(f"top_k as a share of the images must lie in (0, 1], not {self.top_k}")
        t = self.temperature
        if t != "mad" and not (isinstance(t, int | float) and math.isfinite(t) and t >= 0):
            raise ConfigError(f"the temperature must be 'mad' or a finite number of 0 or more, not {t!r}")

    def takes_all(self, images: int) -> bool:
        """Whether all of `images` images of this process, each with a valid voxel, count alike."""
        if self._across:
            return False
        return self.count(images, images) == images

    @property
    def _across(self) -> bool:
        return self.gathered and processes() > 1

    def count(self, images: int, present: int) -> int:
        """k among `present` images with a valid voxel, of `images` in all."""
        if isinstance(self.top_k, int):
            if self.top_k > images:
                raise ConfigError(f"top_k={self.top_k} of a batch of {images} images: ask for no more")
            return max(1, min(self.top_k, present))
        return max(1, math.ceil(self.top_k * present - 1e-9))

    def __call__(self, losses: Tensor, present: Tensor) -> Tensor:
        """The mean, a scalar on the device of the losses.

        Args:
            losses: (B,), of the images of this process.
            present: (B,), bool, False for an image without a valid voxel.

        Raises:
            DataError: the loss of an image is not finite; the sentence names the image.
            ConfigError: `top_k` is larger than the batch.
        """
        own = len(losses)
        if self._across:
            losses, present = gather_images(losses, present)
        # The one place where a GPU is waited for: the selection takes a few numbers and many small steps.
        row, there = losses.cpu().double(), present.cpu()
        broken = (~row.isfinite() & there).nonzero().flatten().tolist()
        if broken:
            of = f"of {own}" if not self._across else f"of {len(row)} images of all processes"
            raise DataError(
                f"the loss of image {broken[0]} {of} in the batch is not a finite number: "
                "look for NaN or infinity in its logits"
            )
        k = self.count(len(row), int(there.sum()))
        value = smooth_top_k_mean(row, k, temperature=self._temperature(row.detach()[there]), valid=there)
        if self._across:  # what DDP averages over the processes is then the gradient of the value
            value = value.detach() + processes() * (value - value.detach())
        return value.to(losses.device, losses.dtype)

    @torch.enable_grad()
    def weights(self, losses: Tensor, present: Tensor) -> Tensor:
        """The derivative by the loss of each image of this process, (B,).

        They sum to one; over all processes, if gathered.
        """
        losses = losses.detach().requires_grad_()
        (weights,) = torch.autograd.grad(self(losses, present), losses)
        return weights / processes() if self._across else weights

    def _temperature(self, losses: Tensor) -> float:
        if self.temperature != "mad":
            return float(self.temperature)
        if not len(losses):
            return 0.0
        deviation = (losses - losses.quantile(0.5)).abs().quantile(0.5)
        return max(_COLDEST, _MAD_SHARE * float(deviation))
