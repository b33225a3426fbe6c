"""The zero-weight control: unlabelled images pass through the network, and nothing is learnt from them."""

from __future__ import annotations

from torch import Tensor, nn

from segkit.coarse_refined.monitors import outlook
from segkit.coarse_refined.ramps import RampUp
from segkit.coarse_refined.semi_supervised import Halves, SemiSupervised
from segkit.train import State


class ZeroWeight(SemiSupervised):
    """Supervised training in whose batches unlabelled images pass through the net as well.

    With group or instance norm it is supervised training to rounding. With batch norm the labelled images
    are normalised with the statistics of both halves, and that alone may ruin a net that has few labels:
    without this control the damage is laid at the door of the consistency loss.

    Args:
        net: maps images to logits.
        loss: of labelled images.
    """

    def __init__(self, net: nn.Module, *, loss: nn.Module | None = None) -> None:
        super().__init__(net, ramp=RampUp(0.0), loss=loss)

    def terms(self, halves: Halves, state: State) -> dict[str, Tensor]:
        """The supervised loss, and a zero that hangs on the unlabelled images."""
        own, other = halves.split(self.net(halves.joined))
        return {
            "supervised": self.supervised(own, halves.label),
            "unlabelled": 0.0 * other.float().mean(),
            **outlook(other),
        }
