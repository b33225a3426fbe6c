"""The contour as an auxiliary task: what a metric branch on contour voxels has to be better than."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import DataError, unknown_name
from segkit.losses import reduce
from segkit.losses.inputs import IGNORE
from segkit.nets import PointwiseHead
from segkit.nets.segmenter import Segmenter
from segkit.train import full_precision
from segkit.voxel_metric.branch import Batch, Branch
from segkit.voxel_metric.contours import KEY, in_band


class ContourBranch(Branch):
    r"""A second head that says which voxels lie in the contour band, as in [chen2016dcan]: $L_{seg} + \lambda
    L_{contour}$, with binary cross-entropy over all voxels that are annotated.

    Args:
        net: a network with taps; it is looked at, not kept.
        tap: a feature map at full resolution.
        band_mm: width of the band to each side, in the unit of the distances.
        weight: λ.

    Raises:
        ConfigError: a tap that the network does not have or that is coarser than the image; the message
            lists those that fit.

    Example:
        >>> from segkit.nets import UNet
        >>> ContourBranch(UNet(2, 1, 2, channels=(4, 8))).weights
        {'contour': 0.5}
    """

    def __init__(
        self, net: Segmenter, *, tap: str = "decoder0", band_mm: float = 2.0, weight: float = 0.5
    ) -> None:
        super().__init__()
        fine = {name: place for name, place in net.taps.items() if set(place.stride) == {1}}
        if tap not in fine:
            raise unknown_name("tap at full resolution", tap, fine)
        self.taps, self.weights, self.band_mm = (tap,), {"contour": weight}, band_mm
        self.head = PointwiseHead(net.taps[tap].channels, [], 1)

    def forward(
        self, features: Mapping[str, Tensor], batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Mean binary cross-entropy of the band; arguments as in `Branch`."""
        if KEY not in batch:
            raise DataError(
                f"a contour branch needs {KEY!r} in the batch: pass the cases through with_distances() and "
                f"name {KEY!r} among the keys of the batches"
            )
        label = batch["label"]
        counts = label != IGNORE
        if "valid" in batch:
            counts = counts & batch["valid"]
        logits = self.head(features[self.taps[0]])[:, 0]
        with full_precision(logits):
            target = in_band(label, batch[KEY], self.band_mm).float()
            values = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
            return {"contour": reduce(values, counts)}
