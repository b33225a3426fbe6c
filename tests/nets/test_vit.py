from __future__ import annotations

import re

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.nets import ViTSegmenter, count_parameters

PARAMETERS = {
    "667,810": lambda: ViTSegmenter(2, 1, 2, 96),
    "1,325,883": lambda: ViTSegmenter(3, 1, 3, (36, 52, 40)),
}


@pytest.mark.parametrize("documented", PARAMETERS)
def test_documented_parameters(documented):
    assert f"{count_parameters(PARAMETERS[documented]()):,}" == documented
    assert documented in ViTSegmenter.__doc__


def test_every_documented_count_is_tested():
    assert set(re.findall(r"[\d,]+,\d{3}", ViTSegmenter.__doc__)) == set(PARAMETERS)


def make(dims=2, image_size=40, **options):
    torch.manual_seed(0)
    small = {"feature_size": 4, "hidden_size": 16, "mlp_size": 16, "heads": 2}
    return ViTSegmenter(dims, 1, 3, image_size, **small | options).eval()


def test_at_full_size_it_is_monais_unetr():
    net = make(image_size=48)
    image = torch.randn(2, 1, 48, 48)
    torch.testing.assert_close(net(image), net.unetr(image))


@pytest.mark.parametrize("size", [(40, 40), (33, 40), (17, 48), (5, 9)])
def test_smaller_images_are_padded_and_cropped(size):
    net = make()
    image = torch.randn(1, 1, *size)
    features = net.forward_features(image)
    assert list(features) == [*net.taps, "logits"]
    assert features.pop("logits").shape == (1, 3, *size)
    for name, tensor in features.items():
        tap = net.taps[name]
        wanted = [-(-n // s) for n, s in zip(size, tap.stride, strict=True)]
        assert tensor.shape == (1, tap.channels, *wanted)


def test_three_dimensions():
    assert make(3, (10, 20, 16))(torch.randn(1, 1, 9, 20, 16)).shape == (1, 3, 9, 20, 16)


def test_larger_images_are_refused():
    with pytest.raises(DataError, match=r"\(40, 49\) voxels is larger than the \(48, 48\)"):
        make()(torch.zeros(1, 1, 40, 49))


def test_it_starts_from_a_prior():
    net = make(class_prior=(0.9, 0.05, 0.05))
    probs = net(torch.zeros(1, 1, 40, 40)).softmax(1).mean((0, 2, 3))
    assert probs.argmax() == 0


def test_it_learns():
    net = make().train()
    image = torch.randn(2, 1, 32, 32)
    label = (image[:, 0] > 0).long()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(image), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 1}, "one per spatial dimension"),
        ({"image_size": (40, 40, 40)}, "one per spatial dimension"),
        ({"image_size": 0}, "one per spatial dimension"),
        ({"heads": 3}, "hidden_size 16 must be a multiple of heads 3"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_wrong_channels_are_refused():
    with pytest.raises(DataError, match="ViTSegmenter expects an image"):
        make()(torch.zeros(1, 2, 32, 32))
