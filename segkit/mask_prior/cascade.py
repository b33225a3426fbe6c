"""Both stages behind one prediction: the image alone goes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit.data import Case
from segkit.errors import ConfigError
from segkit.mask_prior.method import MaskPrior
from segkit.mask_prior.parent_network import ParentNetwork


class Cascade(MaskPrior):
    """Scenario 2 with a parent mask that a first network predicts: what a user gets, without any oracle.

    In training the mask comes with the batch, under the one key of `channels` or behind the image: a true
    mask that `perturb` makes imperfect, or one that another network predicted (`cross_fitted_masks`). In
    prediction it comes from `parent`, whatever is given behind the image.

    Args:
        args: as in `MaskPrior`.
        parent: the first network; it is not trained here.
        threshold: least probability of the parent.
        soft: hand on the probability in place of `ParentNetwork.mask`.
        options: as in `MaskPrior`; `channels` names one map with one channel.

    Raises:
        ConfigError: another number of prior channels than one; otherwise as `MaskPrior`.
    """

    def __init__(
        self, *args: Any, parent: ParentNetwork, threshold: float = 0.5, soft: bool = False, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        if [self.channels[name] for name in self.prior] != [1] or self.scenario == "image":
            raise ConfigError(
                f"a cascade predicts one mask of one channel, but its prior is {self.prior} in the scenario "
                f"{self.scenario!r}"
            )
        self.parent = parent.requires_grad_(False)
        self.threshold, self.soft = threshold, soft

    def train(self, mode: bool = True) -> Cascade:
        """Switch the second stage; the first one stays in evaluation mode."""
        super().train(mode)
        self.parent.eval()
        return self

    def predict(self, image: Tensor) -> Tensor:
        """Class probabilities of images; channels behind those of the image are not looked at."""
        image = image[:, : self.image_channels]
        return self.probabilities(self.joined(image, self.predicted_prior(image)))

    def predicted_prior(self, image: Tensor) -> Tensor:
        """The mask, or probability, `(B, 1, *S)` that the first network gives the second."""
        found = []
        for one in image.detach().float().cpu():
            case = Case(one, None, None, np.eye(4), "image", "image")
            if self.soft:
                found.append(self.parent.probability(case))
            else:
                found.append(self.parent.mask(case, threshold=self.threshold).voxels)
        return torch.stack(found)[:, None].to(image)
