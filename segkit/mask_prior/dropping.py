"""Make a network use both of its sources: now and then the image or the prior is missing in training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor

from segkit.errors import ConfigError


def drop_channels(
    image: Tensor, prior: Tensor, *, p_image: float, p_prior: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Set the image or the prior of some samples to 0, never both.

    Args:
        image: `(B, C, *S)`, normalised: 0 is its mean.
        prior: `(B, c, *S)`.
        p_image: probability that a sample loses its image.
        p_prior: probability that it loses its prior; the two add up to at most 1.
        generator: source of all randomness, on the device of the image.

    Returns:
        Image and prior, new tensors where something was dropped.

    Raises:
        ConfigError: a probability out of range.
    """
    check_probabilities(p_image, p_prior)
    if p_image + p_prior == 0:
        return image, prior
    chance = torch.rand(len(image), generator=generator, device=image.device)
    chance = chance.view(-1, *(1,) * (image.ndim - 1))
    no_image = chance < p_image
    no_prior = (chance >= p_image) & (chance < p_image + p_prior)
    return image.masked_fill(no_image, 0.0), prior.masked_fill(no_prior, 0.0)


class DropChannelsd(RandomizableTransform, MapTransform):
    """The same for MONAI's pipelines: one of the maps of a sample becomes 0 with the given probability.

    Args:
        keys: maps that may be dropped, at most one of them per sample.
        probabilities: one for each key; their sum is at most 1.

    Example:
        >>> drop = DropChannelsd(["image", "mask"], [0.0, 1.0])
        >>> drop({"image": torch.ones(1, 2), "mask": torch.ones(1, 2)})["mask"]
        tensor([[0., 0.]])
    """

    def __init__(self, keys: KeysCollection, probabilities: list[float]) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, 1.0)
        if len(probabilities) != len(self.keys):
            raise ConfigError(
                f"{len(probabilities)} probabilities for the keys {self.keys}: give one for each"
            )
        check_probabilities(*probabilities)
        self.probabilities = list(probabilities)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The dictionary, with at most one of the maps set to 0."""
        self.randomize(None)
        out, chance = dict(data), float(self.R.random())
        for key, p in zip(self.keys, self.probabilities, strict=True):
            if 0 <= chance < p:
                out[key] = torch.zeros_like(out[key])
            chance -= p
        return out


def check_probabilities(*given: float) -> None:
    """Raise a ConfigError unless these are probabilities of events that exclude each other."""
    if not all(0 <= p <= 1 for p in given) or sum(given) > 1:
        raise ConfigError(f"probabilities of dropping lie in [0, 1] and add up to at most 1, got {given}")
