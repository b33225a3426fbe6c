"""Views that look different: noise, blur, brightness, gamma. Batched, on the device of the views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from segkit.errors import ConfigError

Range = tuple[float, float]


class Intensity:
    """Changes the intensities of each view of a batch at random, and no voxel's place.

    Every change is drawn for each view apart. The defaults are those of a re-implementation of the paper: the
    paper names no settings that could be read.

    Args:
        noise: probability of Gaussian noise; its variance is drawn from `noise_variance`, in units of the
            image (made for standard deviations of about 1).
        blur: probability of a Gaussian blur, of a width in voxels drawn from `blur_sigma`.
        brightness: probability that a view is multiplied by a number from `brightness_factor` and clipped to
            its former range.
        gamma: probability that a view, scaled to [0, 1], is raised to a power from `gamma_power` and scaled
            back. A view without contrast stays as it is.
        noise_variance, blur_sigma, brightness_factor, gamma_power: ranges.

    Raises:
        ConfigError: a probability outside [0, 1], or a range that runs backwards or below 0.

    Example:
        >>> views = torch.randn(2, 1, 8, 8)
        >>> generator = torch.Generator().manual_seed(0)
        >>> Intensity(gamma=1.0)(views, generator).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self,
        *,
        noise: float = 0.1,
        blur: float = 0.2,
        brightness: float = 0.5,
        gamma: float = 0.5,
        noise_variance: Range = (0.0, 0.1),
        blur_sigma: Range = (0.5, 1.0),
        brightness_factor: Range = (0.75, 1.25),
        gamma_power: Range = (0.7, 1.5),
    ) -> None:
        self.steps: list[tuple[float, Range, Callable[[Tensor, Tensor, torch.Generator], Tensor]]] = [
            (noise, noise_variance, _noisy),
            (blur, blur_sigma, _blurred),
            (brightness, brightness_factor, _brighter),
            (gamma, gamma_power, _bent),
        ]
        for probability, (low, high), _ in self.steps:
            if not (0 <= probability <= 1 and 0 <= low <= high):
                raise ConfigError(
                    "intensities need probabilities in [0, 1] and ranges of numbers of 0 or more, got "
                    f"{probability} and ({low}, {high})"
                )

    def __call__(self, views: Tensor, generator: torch.Generator) -> Tensor:
        """Other intensities for views (B, C, *n); the views themselves are left alone.

        Args:
            views: float, on any device.
            generator: where every number is drawn from; on the same device.
        """
        # One table for all steps, drawn in every case: a step that is not done shifts no later number.
        table = torch.rand(len(self.steps), 2, len(views), generator=generator, device=views.device)
        for (probability, (low, high), change), (drawn, place) in zip(self.steps, table, strict=True):
            chosen = (drawn < probability).nonzero()[:, 0]
            if len(chosen):
                amount = low + place[chosen] * (high - low)
                amount = amount.reshape(-1, *(1 for _ in views.shape[1:])).to(views.dtype)
                changed = change(views[chosen], amount, generator)
                views = changed if len(chosen) == len(views) else views.index_copy(0, chosen, changed)
        return views


def _noisy(views: Tensor, variance: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(views.shape, generator=generator, device=views.device, dtype=views.dtype)
    return views + variance.sqrt() * noise


def _blurred(views: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    reach = 3  # 3 standard deviations of the widest usual kernel
    steps = torch.arange(-reach, reach + 1, device=views.device, dtype=views.dtype)
    weights = torch.exp(-0.5 * (steps / sigma.reshape(-1, 1).clamp(min=1e-3)) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).T.reshape(2 * reach + 1, *sigma.shape)
    for axis in range(2, views.ndim):
        n = views.shape[axis]
        index = torch.arange(-reach, n + reach, device=views.device).clamp(0, n - 1)
        wide = views.index_select(axis, index)
        # Shifted copies: a convolution with one channel is several times slower on a CPU.
        total = weights[0] * wide.narrow(axis, 0, n)
        for k in range(1, 2 * reach + 1):
            total = torch.addcmul(total, weights[k], wide.narrow(axis, k, n))
        views = total
    return views


def _brighter(views: Tensor, factor: Tensor, generator: torch.Generator) -> Tensor:
    low, high = _range(views)
    return torch.minimum(torch.maximum(views * factor, low), high)


def _bent(views: Tensor, power: Tensor, generator: torch.Generator) -> Tensor:
    low, high = _range(views)
    width = high - low
    # Without contrast this is 0/0, and the view itself is taken.
    bent = low + width * ((views - low) / width).clamp(0, 1) ** power
    return torch.where(width > 0, bent, views)


def _range(views: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest intensity of each channel of each view."""
    flat = views.flatten(2)
    shape = (*views.shape[:2], *(1 for _ in views.shape[2:]))
    return flat.amin(2).reshape(shape), flat.amax(2).reshape(shape)
