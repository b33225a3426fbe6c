"""Uncertainty-rectified pyramid consistency."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.errors import ConfigError
from segkit.nets import PointwiseHead, UNet
from segkit.train import State, full_precision


class URPC(SemiSupervised):
    r"""Each scale of the decoder follows the mean of all, less where it deviates anyway [luo2021urpc].

    $$\mathcal L_{unl} = \frac1S \sum_s \left[\frac{\mathrm{mean}(e^{-D_s} \lVert \bar p - p_s
    \rVert_2^2 / K)}{\mathrm{mean}(e^{-D_s})} + \mathrm{mean}(D_s)\right], \qquad D_s = \mathrm{KL}(\bar p
    \Vert p_s)$$

    with $\bar p$ the mean over S scales. It is not detached; KL as in the public code [luo2020ssl4mis],
    whose λ is 0.1 with a ramp over the whole run. The finest scale predicts.

    Args:
        net: a U-Net. Its decoder levels below the finest get a pointwise head each.
        scales: S; at most the number of decoder levels. Published: 4.
        ramp: λ(t).
        loss: of labelled images, averaged over scales.

    Raises:
        ConfigError: the net is no U-Net, or has fewer decoder levels.
    """

    def __init__(
        self,
        net: UNet,
        *,
        scales: int = 4,
        ramp: RampUp = RampUp(0.1, length=1.0),  # noqa: B008  (frozen)
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)
        if not isinstance(net, UNet):
            raise ConfigError(f"scales are read from the decoder of a UNet, not of a {type(net).__name__}")
        levels = [name for name in net.taps if name.startswith("decoder")][::-1]
        if not 1 < scales <= len(levels):
            raise ConfigError(
                f"{scales} scales of a U-Net with {len(levels)} decoder levels: choose 2 to {len(levels)}, "
                "or give the U-Net more channels"
            )
        self.levels = levels[1:scales]
        self.heads = nn.ModuleList(
            PointwiseHead(net.taps[name].channels, [], net.n_classes) for name in self.levels
        )

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """The supervised loss of every scale, and the rectified consistency."""
        image = halves.joined
        maps = self.net.forward_features(image, [*self.levels, "logits"])  # type: ignore[operator]
        scales = [maps["logits"]]
        for name, head in zip(self.levels, self.heads, strict=True):
            scales.append(F.interpolate(head(maps[name]), size=image.shape[2:], mode="nearest"))
        own, other = zip(*(halves.split(each) for each in scales), strict=True)
        supervised = torch.stack([self.supervised(each, halves.label) for each in own]).mean()
        with full_precision(image):
            unlabelled = rectified(torch.stack([each.float() for each in other]))
        return {"supervised": supervised, "unlabelled": unlabelled, **outlook(other[0])}


def rectified(logits: Tensor) -> Tensor:
    """The term of `URPC` from the logits (S, U, K, *size) of all scales, a scalar."""
    log_p = torch.log_softmax(logits, 2)
    p = log_p.exp()
    mean = p.mean(0)
    deviation = (torch.xlogy(mean, mean) - mean * log_p).sum(2)
    weight = torch.exp(-deviation)
    pixels = tuple(range(1, deviation.ndim))
    distance = (weight * (mean - p).square().mean(2)).mean(pixels) / weight.mean(pixels)
    return (distance + deviation.mean(pixels)).mean()
