"""Entropy minimisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.train import State, full_precision


class EntropyMinimisation(SemiSupervised):
    r"""$\mathcal L_{unl} = -\frac{1}{\log K} \sum_k p^k \log p^k$, averaged over the pixels of all images
    [vu2019advent].

    λ is that of the public benchmark [luo2020ssl4mis]: 0.1, a ramp over the whole run. A net that says
    "background" everywhere has no entropy: watch the foreground share.

    Args:
        net: maps images to logits.
        ramp: λ(t).
        loss: of labelled images.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        ramp: RampUp = RampUp(0.1, length=1.0),  # noqa: B008  (frozen)
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """The supervised loss, and the mean entropy."""
        logits = self.net(halves.joined)
        own, other = halves.split(logits)
        with full_precision(logits):
            log_p = torch.log_softmax(logits.float(), 1)
            entropy = -(log_p.exp() * log_p).sum(1).mean() / math.log(logits.shape[1])
        return {"supervised": self.supervised(own, halves.label), "unlabelled": entropy, **outlook(other)}
