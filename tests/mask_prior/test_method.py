"""What the network sees in each scenario, in training and in prediction."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.data import WholeBatches
from segkit.errors import ConfigError, DataError
from segkit.evaluate import predict_labels
from segkit.losses import DiceCELoss
from segkit.mask_prior import (
    BodyCoordinatesd,
    MaskPrior,
    stacked,
    widen_input,
    with_channels,
)
from segkit.nets import UNet
from segkit.train import State, Supervised, Trainer
from tests.mask_prior.small import ball, masked

CHANNELS = {"mask": 1, "coordinates": 2}


class Seen(nn.Module):
    """Stands in for a network: remembers its input, predicts nothing."""

    def forward(self, x):
        self.x = x
        return x.mean(1, keepdim=True).repeat(1, 3, *(1,) * (x.ndim - 2))


def state(seed=0):
    return State(0, 1, torch.Generator().manual_seed(seed))


def flat(seed="a"):
    case = ball(seed, shape=(16, 16), radius=5)
    return with_channels(masked(case), [BodyCoordinatesd()])


def batch_of(*keys):
    return WholeBatches([flat("a"), flat("bb")], batch_size=2, seed=0, keys=("image", "label", *keys))[0]


@pytest.mark.parametrize(
    ("scenario", "prior", "expected"),
    [
        ("image", None, ["image"]),
        ("mask", None, ["mask", "coordinates"]),
        ("mask", ["mask"], ["mask"]),
        ("image+mask", ["coordinates"], ["image", "coordinates"]),
        ("image+mask", ["coordinates", "mask"], ["image", "coordinates", "mask"]),
    ],
)
def test_the_network_sees_the_chosen_channels_in_training_and_in_prediction(scenario, prior, expected):
    method = MaskPrior(Seen(), DiceCELoss(), channels=CHANNELS, prior=prior, scenario=scenario)
    batch = batch_of("mask", "coordinates")
    parts = {
        "image": batch["image"],
        "mask": batch["mask"][:, None].float(),
        "coordinates": batch["coordinates"],
    }
    wanted = torch.cat([parts[name] for name in expected], 1)
    terms = method.step(batch, state())
    assert torch.equal(method.net.x, wanted) and "total" in terms
    all_maps = torch.cat([parts["image"], parts["mask"], parts["coordinates"]], 1)
    probs = method.predict(all_maps)
    assert torch.equal(method.net.x, wanted)
    torch.testing.assert_close(probs.sum(1), torch.ones(2, 16, 16))
    for keys in ({}, {"mask": batch["mask"], "coordinates": batch["coordinates"]}):
        method.step({"image": all_maps, "label": batch["label"], **keys}, state())
        assert torch.equal(method.net.x, wanted)


def test_the_baseline_takes_images_alone():
    method = MaskPrior(Seen(), DiceCELoss(), channels=CHANNELS, scenario="image")
    image = batch_of()["image"]
    method.predict(image)
    assert torch.equal(method.net.x, image)


def test_scenario_2_starts_as_the_baseline_bit_for_bit():
    torch.manual_seed(0)
    narrow, wide = UNet(2, 1, 3, (4, 8)), UNet(2, 2, 3, (4, 8))
    base = MaskPrior(narrow, DiceCELoss(), channels={"mask": 1}, scenario="image")
    second = MaskPrior(widen_input(narrow, wide), DiceCELoss(), channels={"mask": 1})
    batch = batch_of("mask")
    assert torch.equal(base.step(batch, state())["total"], second.step(batch, state())["total"])
    image = torch.cat([batch["image"], batch["mask"][:, None].float()], 1)
    assert torch.equal(base.predict(image), second.predict(image))


def test_the_baseline_is_supervised_training():
    torch.manual_seed(0)
    net = UNet(2, 1, 3, (4, 8))
    batch = batch_of()
    mine = MaskPrior(net, DiceCELoss(), channels=CHANNELS, scenario="image").step(batch, state())["total"]
    assert torch.equal(mine, Supervised(net, DiceCELoss()).step(batch, state())["total"])


def test_channels_are_dropped_in_training_only():
    method = MaskPrior(
        Seen(), DiceCELoss(), channels=CHANNELS, prior=["mask"], p_drop_image=0.5, p_drop_prior=0.5
    )
    batch = batch_of("mask")
    for seed in range(6):
        method.step(batch, state(seed))
        dropped = [(method.net.x[b, :1] == 0).all() or (method.net.x[b, 1:] == 0).all() for b in range(2)]
        assert all(dropped)
    method.predict(torch.cat([batch["image"], batch["mask"][:, None], torch.ones(2, 2, 16, 16)], 1))
    assert (method.net.x[:, 0] != 0).any() and (method.net.x[:, 1] != 0).any()


def test_the_prior_is_perturbed_in_training_only():
    calls = []

    def invert(prior, generator):
        calls.append(prior.shape)
        return 1 - prior

    method = MaskPrior(Seen(), DiceCELoss(), channels={"mask": 1}, perturb=invert)
    batch = batch_of("mask")
    method.step(batch, state())
    assert torch.equal(method.net.x[:, 1] == 0, batch["mask"])
    method.predict(torch.cat([batch["image"], batch["mask"][:, None]], 1))
    assert torch.equal(method.net.x[:, 1] == 1, batch["mask"]) and calls == [(2, 1, 16, 16)]


def test_it_learns_from_the_mask_alone():
    """A ball in one of two places, noise as the image: the mask tells where, the image does not."""
    cases = [masked(ball(n, (16, 16), (8, 4 + 7 * (len(n) % 2)), 3.5)) for n in ("a", "bb", "ccc", "dddd")]
    cases = [case.with_(image=torch.randn(1, 16, 16)) for case in cases]
    torch.manual_seed(0)
    method = MaskPrior(UNet(2, 1, 3, (8, 16)), DiceCELoss(), channels={"mask": 1}, scenario="mask")
    batches = WholeBatches(cases, batch_size=4, seed=0, keys=("image", "label", "mask"))
    Trainer(method, iterations=40, lr=1e-2, progress=False).fit(batches)
    labels = predict_labels(method.predict, stacked(cases[1], ["mask"]).image)
    assert float((labels == cases[1].label).float().mean()) > 0.98


def test_images_without_their_maps_are_refused():
    method = MaskPrior(Seen(), DiceCELoss(), channels=CHANNELS)
    with pytest.raises(DataError, match="images have 1 channels where 1 and those of"):
        method.predict(torch.zeros(1, 1, 8, 8))
    with pytest.raises(DataError, match=r"append the maps with stacked\(\)"):
        method.step({"image": torch.zeros(1, 1, 8, 8), "label": torch.zeros(1, 8, 8).long()}, state())


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 2, 16, 16), (1, 16, 16)])
def test_a_map_on_another_grid_or_of_other_channels_is_refused(shape):
    method = MaskPrior(Seen(), DiceCELoss(), channels={"mask": 1})
    with pytest.raises(DataError, match=r"the map 'mask' of a batch has shape .* where \(2, 1, 16, 16\) is"):
        method.step({**batch_of(), "mask": torch.ones(shape)}, state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "both"}, "unknown scenario 'both'"),
        ({"prior": ["msk"]}, "did you mean 'mask'"),
        ({"scenario": "image", "p_drop_image": 0.1}, "nothing can be dropped"),
        ({"p_drop_image": 0.7, "p_drop_prior": 0.7}, "add up to at most 1"),
        ({"net": UNet(2, 1, 3, (4, 8))}, "gives 4 channels, but the network takes 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    net = options.pop("net", Seen())
    with pytest.raises(ConfigError, match=message):
        MaskPrior(net, DiceCELoss(), channels=CHANNELS, **options)
