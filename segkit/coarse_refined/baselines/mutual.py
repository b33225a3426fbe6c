"""Mutual consistency of several decoders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.coarse_refined.decoding import SharedEncoder
from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.errors import ConfigError
from segkit.losses import SoftDiceLoss
from segkit.nets import UNet
from segkit.train import State, full_precision


class MCNetPlus(SemiSupervised):
    r"""Each decoder's output follows the sharpened outputs of the others [wu2022mcnetplus].

    $$\mathcal L_{unl} = \sum_{i \ne j} \mathrm{MSE}(p_i, \mathrm{sharp}(p_j)), \qquad \mathrm{sharp}(p) =
    \frac{p^{1/T}}{p^{1/T} + (1-p)^{1/T}}$$

    over labelled and unlabelled images, with T = 0.1. The supervised loss is half the sum of the decoders'
    soft Dice losses; the public code computes cross-entropy too and leaves it out. λ is that of its code for
    slices: 0.1, a ramp over the whole run (for volumes: 1 and 40 %); for slices that code takes a net of two
    decoders unless it is asked for three. As there, the sharpened target is not
    detached, unless `detach` is set. The first decoder predicts.

    Args:
        nets: U-Nets that differ in the way up: "transpose", "linear" and "nearest" are the published three.
        temperature: T in (0, 1].
        detach: no gradient into the targets.
        ramp: λ(t).
        loss: of labelled images; half of its sum over decoders is taken.

    Raises:
        ConfigError: fewer than two nets, nets that do not share, or a temperature out of range.

    Example:
        >>> ways = ("transpose", "linear", "nearest")
        >>> method = MCNetPlus([UNet(2, 1, 2, (4, 8), up=way) for way in ways])
        >>> method.predict(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 2, 8, 8])
    """

    def __init__(
        self,
        nets: Sequence[UNet],
        *,
        temperature: float = 0.1,
        detach: bool = False,
        ramp: RampUp = RampUp(0.1, length=1.0),  # noqa: B008  (frozen)
        loss: nn.Module | None = None,
    ) -> None:
        if len(nets) < 2 or not 0 < temperature <= 1:
            raise ConfigError(
                f"mutual consistency needs two decoders or more and a temperature in (0, 1], got {len(nets)} "
                f"and {temperature}"
            )
        super().__init__(SharedEncoder(nets), ramp=ramp, loss=loss or SoftDiceLoss(pooled=True))
        self.temperature, self.detach = temperature, detach

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """Half the sum of the supervised losses, and the mutual consistency."""
        logits = [each for _, each in self.net(halves.joined)]
        own, other = zip(*(halves.split(each) for each in logits), strict=True)
        supervised = 0.5 * torch.stack([self.supervised(each, halves.label) for each in own]).sum()
        with full_precision(logits[0]):
            p = [torch.softmax(each.float(), 1) for each in logits]
            targets = [sharpened(each.detach() if self.detach else each, self.temperature) for each in p]
            unlabelled = sum(
                (p[i] - targets[j]).square().mean() for i in range(len(p)) for j in range(len(p)) if i != j
            )
        return {"supervised": supervised, "unlabelled": torch.as_tensor(unlabelled), **outlook(other[0])}

    def probabilities(self, image: Tensor) -> Tensor:
        """Of the first decoder."""
        return torch.softmax(self.net(image)[0][1].float(), dim=1)


def sharpened(p: Tensor, temperature: float) -> Tensor:
    """$p^{1/T} / (p^{1/T} + (1-p)^{1/T})$ of each class by itself.

    Example:
        >>> sharpened(torch.tensor([0.5, 0.6]), 0.1)
        tensor([0.5000, 0.9830])
    """
    return torch.sigmoid((torch.log(p.clamp(min=1e-12)) - torch.log((1 - p).clamp(min=1e-7))) / temperature)
