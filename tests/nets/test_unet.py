from __future__ import annotations

import copy
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segkit.errors import ConfigError, DataError
from segkit.nets import UNet, count_parameters

PARAMETERS = {
    "142,786": lambda: UNet(2, 1, 2),
    "411,379": lambda: UNet(3, 1, 3),
    "49,435": lambda: UNet(3, 1, 3, (8, 16, 32), convs=1, skip="add"),
}


@pytest.mark.parametrize("documented", PARAMETERS)
def test_documented_parameters(documented):
    assert f"{count_parameters(PARAMETERS[documented]()):,}" == documented
    assert re.search(rf"{documented}\s", UNet.__doc__)


def test_every_documented_count_is_tested():
    assert set(re.findall(r"\d+,\d{3}", UNet.__doc__)) == set(PARAMETERS)


STYLES = [
    {},
    {"convs": 1, "norm": "group", "act": "relu"},
    {"norm": "batch", "down": "pool", "up": "linear"},
    {"residual": True, "down": "conv3", "up": "transpose"},
    {"skip": "add", "strides": [2, 2, 2]},
    {"residual": True, "down": "conv3", "strides": [(1, 2), (2, 1), 3]},
    {"channels": (4,)},
    {"channels": (4,), "strides": [4]},
]


def make(dims=2, classes=3, seed=0, **options):
    torch.manual_seed(seed)
    return UNet(dims, 1, classes, **{"channels": (4, 6, 8)} | options)


@pytest.mark.parametrize("options", STYLES)
def test_every_parameter_learns(options):
    """None is idle, so that data-parallel training need not look for such."""
    net = make(**options)
    net(torch.randn(2, 1, 13, 17)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("options", STYLES)
@given(size=st.lists(st.integers(9, 20), min_size=2, max_size=2))
@settings(deadline=None, max_examples=8)
def test_any_size_goes_in_and_comes_out(options, size):
    net = make(**options)
    image = torch.randn(2, 1, *size)
    features = net.forward_features(image)
    assert list(features) == [*net.taps, "logits"]
    assert features.pop("logits").shape == (2, 3, *size)
    for name, tensor in features.items():
        tap = net.taps[name]
        wanted = [-(-n // s) for n, s in zip(size, tap.stride, strict=True)]
        assert tensor.shape == (2, tap.channels, *wanted)


def test_three_dimensions():
    net = make(3, strides=[1, (1, 2, 2), 2])
    assert net(torch.randn(1, 1, 5, 9, 10)).shape == (1, 3, 5, 9, 10)
    assert net.taps["bottom"].stride == (2, 4, 4)
    assert list(net.taps) == ["encoder0", "encoder1", "bottom", "decoder1", "decoder0"]


def test_what_is_padded_is_zero_and_behind():
    net = make().eval()
    image = torch.randn(1, 1, 10, 11)
    padded = F.pad(image, (0, 1, 0, 2))
    torch.testing.assert_close(net(image), net(padded)[..., :10, :11])


@pytest.mark.parametrize("options", STYLES)
def test_memory_format_does_not_matter(options):
    net = make(**options)
    image = torch.randn(2, 1, 13, 18)
    other = copy.deepcopy(net).to(memory_format=torch.channels_last)
    logits = other(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(logits, net(image), rtol=1e-4, atol=1e-4)
    logits.square().sum().backward()
    net(image).square().sum().backward()
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-3, atol=1e-3 * one.grad.abs().max().item())


@pytest.mark.parametrize("norm", ["instance", "group", "batch"])
def test_autocast_gives_nearly_the_same(norm):
    net = make(3, norm=norm).to(memory_format=torch.channels_last_3d)
    image = torch.randn(2, 1, 8, 9, 10)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(image)
    assert half.dtype == torch.bfloat16
    full = net(image)
    assert (half.float() - full).std() < 0.05 * full.std() + 0.01


def test_only_what_is_asked_for_is_computed():
    net = make()
    net.head.register_forward_hook(lambda *_: pytest.fail("the head ran"))
    net.decoders[0].register_forward_hook(lambda *_: pytest.fail("the last decoder ran"))
    features = net.forward_features(torch.randn(1, 1, 8, 8), ["decoder1", "encoder0"])
    assert list(features) == ["decoder1", "encoder0"]


def test_unknown_tap_lists_those_that_exist():
    with pytest.raises(
        ConfigError, match=r"unknown tap 'botom': did you mean 'bottom'\? \(known: .*decoder0"
    ):
        make().forward_features(torch.randn(1, 1, 8, 8), ["botom"])


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (1, 8, 8), (1, 1, 8, 8, 8), (1, 1, 8, 0)])
def test_wrong_image_is_refused(shape):
    with pytest.raises(DataError, match=r"UNet expects an image \(batch, 1, height, width\)"):
        make()(torch.zeros(shape))


def test_an_image_too_small_for_instance_norm_is_refused():
    with pytest.raises(DataError, match="one number per group"):
        make()(torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 1}, "2 or 3 spatial dimensions, not 1"),
        ({"classes": 0}, "at least one input channel"),
        ({"channels": ()}, "at least one input channel"),
        ({"convs": 0}, "at least one input channel"),
        ({"down": "conv4"}, "unknown way down 'conv4': did you mean 'conv"),
        ({"up": "nearst"}, "did you mean 'nearest'"),
        ({"skip": "cat"}, "unknown skip"),
        ({"norm": "layer"}, "unknown norm 'layer'"),
        ({"strides": [1, 2]}, "2 strides for 3 levels"),
        ({"class_prior": (0.9, 0.1)}, "one positive share for each of 3 classes"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_the_untrained_net_predicts_its_prior():
    net = make(class_prior=(0.94, 0.04, 0.02), channels=(8, 8))
    probs = net(torch.randn(4, 1, 32, 32)).softmax(1).mean((0, 2, 3))
    assert probs.argsort(descending=True).tolist() == [0, 1, 2]
    assert probs[0] > 0.85


def linear(net: UNet) -> UNet:
    """The net without norms and activations, every weight positive: what reaches a logit then shows."""
    for block in [*net.encoders, *net.decoders]:
        block.norms = nn.ModuleList(nn.Identity() for _ in block.norms)
        block.act = nn.Identity()
    for p in net.parameters():
        nn.init.constant_(p, 0.01)
    return net.double()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"convs": 1},
        {"down": "conv3"},
        {"up": "linear"},
        {"up": "transpose", "convs": 1},
        {"strides": [2, 2, 2]},
        {"strides": [1, 3, (2, 1)]},
        {"strides": [1, 3], "channels": (2, 2)},
        {"residual": True},
    ],
)
def test_stated_receptive_field_is_what_a_gradient_reaches(options):
    net = linear(make(**{"channels": (2, 2, 2)} | options))
    image = torch.zeros(1, 1, 144, 144, dtype=torch.float64, requires_grad=True)
    logits = net(image)
    widest = [0, 0]
    for step in range(12):  # every place within the coarsest voxel
        (gradient,) = torch.autograd.grad(logits[0, 0, 66 + step, 66 + step], image, retain_graph=True)
        for axis in (0, 1):
            reached = gradient[0, 0].abs().sum(1 - axis).nonzero()
            widest[axis] = max(widest[axis], int(reached.max() - reached.min()) + 1)
    assert tuple(widest) == net.receptive_field


@pytest.mark.parametrize("skip", ["add", "concat"])
def test_a_decoder_gets_the_encoder_and_what_comes_from_below(skip):
    net = make(skip=skip)
    features = net.forward_features(torch.randn(2, 1, 16, 16))
    below = net.ups[0](features["decoder1"])
    fine = features["encoder0"]
    joined = fine + below if skip == "add" else torch.cat([fine, below], dim=1)
    torch.testing.assert_close(net.decoders[0](joined), features["decoder0"])


def test_one_seed_one_net():
    assert all(torch.equal(a, b) for a, b in zip(make().parameters(), make().parameters(), strict=True))


def test_weights_travel():
    net, other = make(seed=0), make(seed=1)
    other.load_state_dict(net.state_dict())
    image = torch.randn(1, 1, 9, 9)
    assert torch.equal(net(image), other(image))


def test_it_learns_to_find_a_disc():
    generator = torch.Generator().manual_seed(0)
    axes = torch.meshgrid(torch.arange(24), torch.arange(24), indexing="ij")
    centres = torch.randint(6, 18, (12, 2), generator=generator)
    label = torch.stack([((axes[0] - y) ** 2 + (axes[1] - x) ** 2 < 25).long() for y, x in centres])
    image = (label + 0.5 * torch.randn(label.shape, generator=generator))[:, None]
    net = make(classes=2, class_prior=(0.85, 0.15)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(net(image[:8]), label[:8]).backward()
        optimizer.step()
    found = net(image[8:]).argmax(1)
    overlap = 2 * (found & label[8:]).sum() / (found.sum() + label[8:].sum())
    assert overlap > 0.9


@pytest.mark.slow
def test_compiled_equals_eager():
    net = make().to(memory_format=torch.channels_last)
    image = torch.randn(2, 1, 16, 16).to(memory_format=torch.channels_last)
    fast = torch.compile(net)
    torch.testing.assert_close(fast(image), net(image), rtol=1e-4, atol=1e-4)
    fast(image).square().sum().backward()
    gradient = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    net(image).square().sum().backward()
    for p, other in zip(net.parameters(), gradient, strict=True):
        torch.testing.assert_close(other, p.grad, rtol=1e-3, atol=1e-3 * p.grad.abs().max().item())


@pytest.mark.parametrize("use", [lambda net, x: net(x), lambda net, x: net.forward_features(x, ["bottom"])])
def test_compile_reaches_logits_and_features(use):
    graphs = []

    def backend(graph, example):
        graphs.append(graph)
        return graph.forward

    net, image = UNet(2, 1, 3, channels=(4, 8)), torch.randn(1, 1, 8, 8)
    expected = use(copy.deepcopy(net), image)
    net.compile(backend=backend)
    torch.testing.assert_close(use(net, image), expected)
    assert graphs
