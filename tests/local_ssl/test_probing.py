"""A probe reads one level and nothing else; retrieval finds what is there to be found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.data import PatchBatches
from segkit.errors import ConfigError, DataError
from segkit.local_ssl import (
    LinearProbe,
    features_at_common_points,
    linear_probe,
    retrieve,
)
from segkit.nets import UNet
from tests.local_ssl.small import batches, cases, net, state


def patches():
    return PatchBatches(cases(), patch=(16, 24, 16), batch_size=2, seed=0, foreground=1.0)


def test_a_probe_learns_and_leaves_the_network_alone():
    each = net(norm="batch")
    before = {name: value.clone() for name, value in each.state_dict().items()}
    first = LinearProbe(each, "decoder0").train().step(patches()[0], state())["total"]
    probe = linear_probe(
        each, "decoder0", patches(), iterations=25, lr=5e-2, accelerator="cpu", progress=False
    )
    assert probe.train().step(patches()[0], state())["total"] < 0.85 * first
    assert all(torch.equal(value, before[name]) for name, value in each.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in each.parameters())


def test_the_seed_decides_and_disturbs_nothing():
    torch.manual_seed(0)
    options = {"iterations": 2, "accelerator": "cpu", "progress": False}
    one, other = (linear_probe(net(), "bottom", patches(), **options) for _ in range(2))
    image = cases()[0].image[None]
    assert torch.equal(one.predict(image), other.predict(image))
    assert one.predict(image).shape == (1, 3, *cases()[0].shape)
    torch.testing.assert_close(one.predict(image).sum(1), torch.ones(1, *cases()[0].shape))


@pytest.mark.parametrize("down", ["conv2", "conv3"])
@pytest.mark.parametrize("size", [16, 21])
def test_logits_lie_where_their_features_do(down, size):
    flat = UNet(2, 1, 2, (1, 1, 1), convs=1, down=down, strides=[1, 2, 2])
    probe = LinearProbe(flat, "bottom").eval()
    ramp = torch.arange(float(size)).expand(1, 1, size, size)
    cells = probe.cells
    count = -(-size // 4)
    features = (cells.centre[0] + 4.0 * torch.arange(count)).expand(1, 1, count, count)
    flat.forward_features = lambda image, names: {"bottom": features}
    with torch.no_grad():
        probe.head.conv.weight.fill_(1.0)
        probe.head.conv.bias.zero_()
    probe.scale = nn.Identity()
    found = probe.logits(ramp)[0, 0]
    inside = slice(int(cells.centre[0]) + 1, int(features.max()) + 1)
    torch.testing.assert_close(found[:, inside], ramp[0, 0][:, inside])


def test_another_level_is_named():
    with pytest.raises(ConfigError, match="unknown tap 'decoder'"):
        LinearProbe(net(), "decoder")


def test_retrieval_on_paper():
    where = torch.tensor([[[0.0, 0, 0], [0, 0, 3], [4, 0, 0]]])
    features = torch.eye(3)[None]
    right = retrieve(features, features, where)
    assert (right.hits, right.error, right.points) == (1.0, 0.0, 3)
    assert right.chance == pytest.approx(1 / 3)
    turned = retrieve(features, features.roll(1, 1), where)
    assert turned.hits == 0 and turned.error == pytest.approx((3 + 5 + 4) / 3)
    stretched = retrieve(features, features.roll(1, 1), where, spacing_mm=torch.tensor([[2.0, 1, 1]]))
    assert stretched.error == pytest.approx((3 + 73**0.5 + 8) / 3)


def test_points_that_do_not_count_are_neither_looked_for_nor_found():
    where = torch.arange(4.0).reshape(1, 4, 1)
    first, second = torch.randn(2, 1, 4, 3)
    valid = torch.tensor([[True, False, True, True]])
    found = retrieve(first, second, where, valid=valid)
    alone = retrieve(first[:, valid[0]], second[:, valid[0]], where[:, valid[0]])
    assert found == alone
    with pytest.raises(DataError, match="none of them counts"):
        retrieve(first, second, where, valid=torch.zeros(1, 4, dtype=torch.bool))


def test_the_image_itself_is_found_again():
    each = UNet(3, 1, 2, (8, 8), convs=1).train()
    batch = batches(flip_axes=(), scale=(1, 1))[0]
    first, second, where, valid = features_at_common_points(each, "encoder0", batch, (3, 4, 3))
    assert first.shape == (4, 36, 8) and where.shape == (4, 36, 3) and valid.shape == (4, 36)
    assert each.training and not first.requires_grad
    found = retrieve(first, second, where, valid=valid)
    assert found.hits > 5 * found.chance
