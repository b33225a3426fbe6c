"""The two scenarios and their baseline as one method: which of image and prior the network sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, unknown_name
from segkit.mask_prior.dropping import check_probabilities, drop_channels
from segkit.train import Batch, State, Supervised
from segkit.train.supervised import Loss

Scenario = Literal["image", "mask", "image+mask"]
SCENARIOS = ("image", "mask", "image+mask")

Perturb = Callable[[Tensor, torch.Generator], Tensor]
"""Changes priors `(B, c, *S)` in training, such as `Jitter`."""


class MaskPrior(Supervised):
    r"""Supervised training on $[\tilde I; M]$: a normalised image, and channels that show position and shape.

    "image" is the baseline $f(\tilde I)$, "mask" scenario 1 $f(M)$, "image+mask" scenario 2
    $f([\tilde I; M])$ of [kazemimoghadam2022masks]. The network takes the chosen channels, image first, in
    the order of `channels`.

    In training a batch has the maps under their keys, and augmentation has changed the intensities of "image"
    alone. Without these keys, and in prediction, the image has the maps behind its own channels (`stacked`),
    in the order of `channels`: all arms of a comparison can share such images, each picking what it uses.

    Args:
        net: takes as many channels as the scenario uses.
        loss: as in `Supervised`.
        channels: map → its number of channels, in the order in which `stacked` appends them.
        prior: the maps that are used; None takes all of `channels`.
        scenario: "image", "mask" or "image+mask".
        image_channels: channels of the image itself.
        p_drop_image: probability that a training sample loses its image ("image+mask" only).
        p_drop_prior: probability that it loses its prior ("image+mask" only).
        perturb: changes the prior in training, for a network that will be given imperfect ones.
        weights: as in `Supervised`.

    Raises:
        ConfigError: an unknown scenario or map, a network of other channels, a probability out of range.

    Example:
        >>> from segkit.losses import DiceCELoss
        >>> from segkit.nets import UNet
        >>> method = MaskPrior(UNet(2, 2, 3, (4, 8)), DiceCELoss(), channels={"mask": 1})
        >>> method.predict(torch.zeros(1, 2, 8, 8)).shape
        torch.Size([1, 3, 8, 8])
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss | Mapping[str, Loss],
        *,
        channels: Mapping[str, int],
        prior: Sequence[str] | None = None,
        scenario: Scenario = "image+mask",
        image_channels: int = 1,
        p_drop_image: float = 0.0,
        p_drop_prior: float = 0.0,
        perturb: Perturb | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(net, loss, weights=weights)
        if scenario not in SCENARIOS:
            raise unknown_name("scenario", scenario, SCENARIOS)
        self.channels, self.scenario, self.image_channels = dict(channels), scenario, image_channels
        self.prior = tuple(channels if prior is None else prior)
        for name in self.prior:
            if name not in channels:
                raise unknown_name("map", name, channels)
        if (p_drop_image or p_drop_prior) and scenario != "image+mask":
            raise ConfigError(f"with the scenario {scenario!r} nothing can be dropped: it has one source")
        check_probabilities(p_drop_image, p_drop_prior)
        self.p_drop_image, self.p_drop_prior, self.perturb = p_drop_image, p_drop_prior, perturb
        wanted = image_channels if "image" in scenario else 0
        wanted += sum(channels[name] for name in self.prior) if "mask" in scenario else 0
        has = getattr(net, "in_channels", wanted)
        if has != wanted:
            raise ConfigError(
                f"the scenario {scenario!r} gives {wanted} channels, but the network takes {has}: build it "
                f"with in_channels={wanted}"
            )

    def step(self, batch: Batch, state: State) -> dict[str, Tensor]:
        """The loss terms of a batch: "image", "label", and the maps under their keys or behind the image."""
        return super().step({**batch, "image": self._training_input(batch, state.generator)}, state)

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images with their maps behind them, `(B, image_channels + Σ channels, *S)`.

        Scenario "image" takes the image alone as well.
        """
        return self.probabilities(self.joined(*self._split(image)))

    def probabilities(self, inputs: Tensor) -> Tensor:
        """Class probabilities of what the network sees."""
        return super().predict(inputs)

    def joined(self, image: Tensor, prior: Tensor | None) -> Tensor:
        """What the network sees of an image `(B, C, *S)` and its prior `(B, c, *S)`."""
        if self.scenario == "image" or prior is None:
            return image
        return prior if self.scenario == "mask" else torch.cat([image, prior], dim=1)

    def _training_input(self, batch: Batch, generator: torch.Generator) -> Tensor:
        image = batch["image"]
        if self.scenario != "image" and all(name in batch for name in self.prior):
            parts = [self._on_grid(batch[name], name, image) for name in self.prior]
            prior: Tensor | None = torch.cat(parts, 1)
            image = image[:, : self.image_channels]
        else:
            image, prior = self._split(image)
        if prior is not None and self.perturb is not None:
            prior = self.perturb(prior, generator)
        if prior is not None and self.scenario == "image+mask":
            image, prior = drop_channels(
                image, prior, p_image=self.p_drop_image, p_prior=self.p_drop_prior, generator=generator
            )
        return self.joined(image, prior)

    def _on_grid(self, map_: Tensor, name: str, image: Tensor) -> Tensor:
        """A map of a batch, `(B, *S)` or `(B, C, *S)`, as channels on the grid of the image."""
        channels = map_ if map_.ndim == image.ndim else map_[:, None]
        wanted = (len(image), self.channels[name], *image.shape[2:])
        if tuple(channels.shape) != wanted:
            raise DataError(
                f"the map {name!r} of a batch has shape {tuple(map_.shape)} where {wanted} is needed: it "
                "must lie on the grid of the images and have the channels that were announced"
            )
        return channels.to(image)

    def _split(self, stacked: Tensor) -> tuple[Tensor, Tensor | None]:
        """Image and used maps of an image with all maps behind it."""
        n = self.image_channels
        if self.scenario == "image":
            return stacked[:, :n], None
        if stacked.shape[1] != n + sum(self.channels.values()):
            raise DataError(
                f"images have {stacked.shape[1]} channels where {n} and those of {self.channels} are needed: "
                "append the maps with stacked(), or name them in the keys of the batches"
            )
        where, place = {}, n
        for name, width in self.channels.items():
            where[name] = stacked[:, place : place + width]
            place += width
        return stacked[:, :n], torch.cat([where[name] for name in self.prior], dim=1)
