"""The centre of a feature is where its receptive field says: found by probing networks without norms."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import Cells, cells_of
from segkit.nets import UNet, ViTSegmenter

STRIDES = [[1, 2, 2], [2, 2, 2], [1, 3, 2], [1, (1, 2), 2], [(2, 1), 2, 2]]


def seen(net: UNet, tap: str, size: int, index: tuple[int, int]) -> list[float]:
    """Middle of the voxels that one feature depends on, along each axis."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    for block in [*net.encoders, *net.decoders]:
        block.norms = nn.ModuleList(nn.Identity() for _ in block.norms)
        block.act = nn.Identity()
    # A maximum passes the gradient of one voxel on: a mean passes that of all.
    net.downs = nn.ModuleList(
        nn.AvgPool2d(m.kernel_size, m.stride) if isinstance(m, nn.MaxPool2d) else m for m in net.downs
    )
    image = torch.zeros(1, 1, size, size, requires_grad=True)
    feature = net.forward_features(image, [tap])[tap][0, 0][index]
    (gradient,) = torch.autograd.grad(feature, image)
    rows, columns = gradient[0, 0].nonzero().T
    return [float(where.min() + where.max()) / 2 for where in (rows, columns)]


@pytest.mark.parametrize("down", ["conv2", "conv3", "pool"])
@pytest.mark.parametrize("strides", STRIDES)
@pytest.mark.parametrize("tap", ["encoder0", "encoder1", "bottom"])
def test_an_encoder_sees_what_is_around_the_centre(down, strides, tap):
    net = UNet(2, 1, 2, (1, 1, 1), strides=strides, convs=1, down=down)
    cells = cells_of(net, tap)
    middle = tuple(round(24 / s) for s in cells.stride)
    wanted = [c + j * s for c, j, s in zip(cells.centre, middle, cells.stride, strict=True)]
    assert seen(net, tap, 60, middle) == wanted


@pytest.mark.parametrize("down", ["conv2", "pool"])
@pytest.mark.parametrize("up", ["nearest", "linear", "transpose"])
def test_a_decoder_looks_at_its_blocks_evenly(down, up):
    net = UNet(2, 1, 2, (1, 1, 1), convs=1, down=down, up=up)
    for tap, margin in (("decoder1", 2), ("decoder0", 2)):
        stride = net.taps[tap].stride[0]
        # Neighbours in one block of the coarsest level see the same coarse features: their mean is centred.
        block = range(24 // stride, 24 // stride + 4 // stride)
        places = [seen(net, tap, 60, (j, j))[0] for j in block]
        cells = cells_of(net, tap)
        wanted = [cells.centre[0] + j * stride for j in block]
        assert sum(places) / len(places) == pytest.approx(sum(wanted) / len(wanted))
        assert all(abs(a - b) <= margin for a, b in zip(places, wanted, strict=True))


def test_the_correction_can_be_switched_off():
    net = UNet(3, 1, 2, (1, 1, 1, 1), convs=1, down="conv3")
    assert cells_of(net, "bottom").centre == (0.0, 0.0, 0.0)
    assert cells_of(net, "bottom", corrected=False).centre == (3.5, 3.5, 3.5)


def test_a_transformer_looks_at_its_patches_evenly():
    net = ViTSegmenter(2, 1, 2, 16, feature_size=4, hidden_size=8, mlp_size=8)
    tap = next(iter(net.taps))
    assert cells_of(net, tap) == Cells.even(net.taps[tap].stride)


def test_whole_cells_of_odd_sizes():
    assert Cells.even((4, 4)).count((13, 16)) == (3, 4)
    assert Cells((4, 4), (0, 0)).count((13, 16)) == (4, 4)
    with pytest.raises(DataError, match=r"\(3, 16\) holds no whole feature of stride \(4, 4\)"):
        Cells.even((4, 4)).count((3, 16))


def test_a_tap_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="unknown tap 'encoder9': did you mean 'encoder"):
        cells_of(UNet(2, 1, 2), "encoder9")
