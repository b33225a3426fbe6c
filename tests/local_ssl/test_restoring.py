"""Spoilt views: what is hidden is hidden, what is shuffled stays in its block, and the network learns."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.local_ssl import (
    Distorted,
    Masked,
    Restoration,
    bent,
    hidden_blocks,
    load_pretrained,
    restoration_error,
    shuffled_inside,
)
from segkit.losses import reduce
from tests.local_ssl.small import batches, net, state, trainer

SPOIL = {"masked": Masked((4, 4, 4)), "distorted": Distorted((6, 6, 6), small=(2, 2, 2))}


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_view_has_as_many_hidden_blocks_at_other_places():
    hidden = hidden_blocks(torch.zeros(6, 1, 8, 12), (4, 4), 0.5, chance())
    blocks = hidden.reshape(6, 2, 4, 3, 4).transpose(2, 3).flatten(3)
    assert bool((blocks.all(-1) == blocks.any(-1)).all())
    assert blocks[..., 0].flatten(1).sum(1).tolist() == [3] * 6
    assert len({tuple(row) for row in blocks[..., 0].flatten(1).tolist()}) > 1


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_something_is_hidden_and_something_is_seen(share):
    hidden = hidden_blocks(torch.zeros(2, 1, 9, 9), (4, 4), share, chance())
    assert bool(hidden.flatten(1).any(1).all()) and bool((~hidden).flatten(1).any(1).all())


@pytest.mark.parametrize("block, share", [((4,), 0.5), ((4, 4), 0.0), ((4, 4), 1.0), ((0, 4), 0.5)])
def test_blocks_that_cannot_be_hidden_are_refused(block, share):
    with pytest.raises(ConfigError, match="hidden blocks need 2 positive sides"):
        hidden_blocks(torch.zeros(1, 1, 8, 8), block, share, chance())


def test_a_view_of_one_block_is_refused():
    with pytest.raises(DataError, match="take smaller blocks"):
        hidden_blocks(torch.zeros(1, 1, 4, 4), (4, 4), 0.5, chance())


def test_voxels_stay_in_their_block_and_the_rest_where_it_is():
    views = torch.arange(2 * 5 * 6.0).reshape(2, 1, 5, 6)
    out = shuffled_inside(views, (2, 3), chance())
    assert torch.equal(out[:, :, 4], views[:, :, 4])
    pairs = [each[:, 0, :4].reshape(2, 2, 2, 2, 3).transpose(2, 3).flatten(3) for each in (out, views)]
    assert not torch.equal(*pairs)
    assert torch.equal(pairs[0].sort(-1).values, pairs[1].sort(-1).values)
    moved = pairs[0] - pairs[1]
    assert bool((moved == moved[:1, :1, :1]).all())  # one order for all blocks
    with pytest.raises(ConfigError, match="as many positive sides"):
        shuffled_inside(views, (2,), chance())


def test_bent_intensities_keep_their_range_and_their_order_or_its_reverse():
    views = torch.randn(12, 1, 40)
    out = bent(views, chance())
    assert torch.allclose(out.amin(2), views.amin(2), atol=1e-5)
    assert torch.allclose(out.amax(2), views.amax(2), atol=1e-5)
    order = views[:, 0].argsort(1)
    steps = out[:, 0].gather(1, order).diff(dim=1)
    rises, falls = (steps >= -1e-5).all(1), (steps <= 1e-5).all(1)
    assert bool((rises | falls).all()) and bool(rises.any()) and bool(falls.any())
    flat = torch.full((1, 1, 4), 3.0)
    assert torch.equal(bent(flat, chance()), flat)


def test_the_error_is_the_squared_difference_of_the_voxels_that_count():
    prediction = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    image = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    valid = torch.rand(2, 4, 5, generator=chance()) < 0.5
    value = reduce(restoration_error(prediction, image, valid=valid), valid)
    loops = [
        float((prediction - image).detach()[b, :, i, j].square().sum() / 3)
        for b, i, j in valid.nonzero().tolist()
    ]
    assert value.item() == pytest.approx(sum(loops) / len(loops))
    value.backward()
    assert image.grad is None
    assert bool((prediction.grad.abs().sum(1) > 0).eq(valid).all())
    spoilt = prediction.detach().masked_fill(~valid[:, None], torch.nan).requires_grad_()
    again = reduce(restoration_error(spoilt, image, valid=valid), valid)
    again.backward()
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(spoilt.grad, prediction.grad)


@pytest.mark.parametrize(
    "shapes", [((2, 4), (2, 4)), ((1, 1, 4), (1, 1, 5)), ((1, 1, 4), (1, 1, 4), (1, 1, 4))]
)
def test_wrong_shapes_are_named(shapes):
    prediction, image, *masks = (torch.zeros(shape) for shape in shapes)
    with pytest.raises(DataError, match="must"):
        restoration_error(prediction, image, valid=masks[0].bool() if masks else None)


@pytest.mark.parametrize("name", SPOIL)
def test_a_network_learns_to_restore_and_its_weights_go_on(name):
    method = Restoration(net(), SPOIL[name])
    history = trainer(method, iterations=12).fit(batches(flip_axes=()))
    losses = history.column("total")
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])
    assert "head.mix.conv.weight" not in method.trained
    other = net(1)
    report = load_pretrained(other, method.net.state_dict(), only=method.trained)
    assert set(report.loaded) == set(method.trained)
    assert set(report.left) == {"head.mix.conv.weight", "head.mix.conv.bias"}


def test_hidden_voxels_are_not_seen_and_alone_count():
    method = Restoration(net(), Masked((4, 4, 4)))
    batch = batches()[0]
    views = torch.cat([batch["view1"], batch["view2"]])
    spoilt, hidden = method.spoil(views, chance())
    assert bool((spoilt[:, 0][hidden] == 0).all())
    assert torch.equal(spoilt[:, 0][~hidden], views[:, 0][~hidden])
    assert 0.5 < float(hidden.float().mean()) < 0.7


def test_a_coarse_tap_restores_whole_views_and_leaves_the_finer_levels():
    method = Restoration(net(), SPOIL["masked"], tap="bottom")
    batch = {key: value for key, value in batches()[0].items()}
    odd = {key: value[..., :-1] if key.startswith("view") else value for key, value in batch.items()}
    assert torch.isfinite(method.step(odd, state())["total"])
    assert not any(name.startswith("decoders") for name in method.trained)


def test_what_a_restoration_cannot_do_is_said():
    with pytest.raises(ConfigError, match="did you mean 'decoder0'"):
        Restoration(net(), SPOIL["masked"], tap="decoder00")
    with pytest.raises(DataError, match="see ViewBatches"):
        Restoration(net(), SPOIL["masked"]).step({"image": torch.zeros(1)}, state())
