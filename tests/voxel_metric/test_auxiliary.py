"""The contour head."""

from __future__ import annotations

import pytest
import torch

from segkit.data import contour_band
from segkit.errors import ConfigError, DataError
from segkit.nets import UNet
from segkit.voxel_metric import ContourBranch
from tests.voxel_metric.batches import batch_of, generator, net_of


def test_the_term_is_binary_cross_entropy_of_the_band_where_labels_count():
    net, batch = net_of(), batch_of(12, 10)
    batch["valid"] = torch.rand(2, 12, 10, generator=generator()) > 0.3
    branch = ContourBranch(net, band_mm=1.5)
    features = net.forward_features(batch["image"], ["decoder0"])
    found = branch(features, batch, generator())["contour"]
    band = torch.stack([contour_band(label, 1.5) for label in batch["label"]])
    logits = branch.head(features["decoder0"])[:, 0]
    probs = logits.sigmoid()
    values = -torch.where(band, probs, 1 - probs).log()
    torch.testing.assert_close(found, values[batch["valid"]].mean())


def test_mistakes_get_a_sentence():
    with pytest.raises(ConfigError, match=r"tap at full resolution 'decoder1'.*known: decoder0, encoder0"):
        ContourBranch(net_of(), tap="decoder1")
    with pytest.raises(ConfigError, match="known: none"):
        ContourBranch(UNet(2, 1, 2, channels=(4, 8), strides=(2, 2)))
    with pytest.raises(DataError, match="a contour branch needs 'distance_mm'"):
        ContourBranch(net_of())({}, {"label": torch.zeros(1, 2, 2)}, generator())
