"""Cross pseudo supervision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.pseudo_labels import pseudo_labels
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.errors import ConfigError
from segkit.train import State, full_precision


class CrossPseudoSupervision(SemiSupervised):
    r"""$\mathcal L_{unl} = \mathrm{CE}(p_1, \arg\max p_2) + \mathrm{CE}(p_2, \arg\max p_1)$ [chen2021cps].

    Two networks of one architecture with different initial weights; each learns from the other's hard
    labels, through which no gradient flows. Settings are those of the public benchmark [luo2020ssl4mis]:
    the term on unlabelled images alone, λ = 0.1 with a ramp over the whole run. The authors' own
    code has λ = 1.5 (6 on street scenes), on all images and without a ramp. The first network predicts.

    Args:
        net: the first network.
        second: the second, with other initial weights.
        ramp: λ(t).
        loss: of labelled images, for each network.

    Raises:
        ConfigError: the networks have the same weights, or other classes.
    """

    def __init__(
        self,
        net: nn.Module,
        second: nn.Module,
        *,
        ramp: RampUp = RampUp(0.1, length=1.0),  # noqa: B008  (frozen)
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__(net, ramp=ramp, loss=loss)
        pairs = list(zip(net.parameters(), second.parameters(), strict=False))
        if pairs and all(torch.equal(a, b) for a, b in pairs):
            raise ConfigError(
                "the two networks have the same weights, so that each would learn its own labels: draw those "
                "of the second anew"
            )
        classes = [getattr(each, "n_classes", None) for each in (net, second)]
        if classes[0] != classes[1]:
            raise ConfigError(f"the two networks tell {classes[0]} and {classes[1]} classes: use the same")
        self.second = second

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """Both supervised losses, and both cross terms."""
        own1, one = halves.split(self.net(halves.joined))
        own2, two = halves.split(self.second(halves.joined))
        with full_precision(one):
            cross = F.cross_entropy(one.float(), pseudo_labels(two)) + F.cross_entropy(
                two.float(), pseudo_labels(one)
            )
        disagreement = (one.argmax(1) != two.argmax(1)).float().mean()
        return {
            "supervised": self.supervised(own1, halves.label) + self.supervised(own2, halves.label),
            "unlabelled": cross,
            "disagreement": disagreement,
            **outlook(one),
        }
