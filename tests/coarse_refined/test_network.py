from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import VARIANTS, CoarseRefinedNet
from segkit.errors import ConfigError, DataError
from segkit.nets import UNet, count_parameters
from segkit.train import seed_everything


def build(variant="residual", dims=2, **options):
    seed_everything(0)
    return CoarseRefinedNet(dims, 1, 3, (4, 8), variant=variant, **options)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["group", "instance"])
def test_outputs_have_the_size_of_the_image(variant, dims, norm):
    size = (9, 12, 7)[:dims]
    net = build(variant, dims, norm=norm)
    out = net.outputs(torch.randn(2, 1, *size))
    assert out.coarse.shape == out.refined.shape == (2, 3, *size)
    assert out.features.shape == (2, 4, *size)
    assert torch.equal(net(torch.ones(1, 1, *size)), net.outputs(torch.ones(1, 1, *size)).refined)
    assert not any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in net.modules())


@pytest.mark.parametrize("variant", ["residual", "cascade"])
def test_training_starts_with_refined_equal_to_coarse(variant):
    out = build(variant).outputs(torch.randn(1, 1, 8, 8))
    assert torch.equal(out.coarse, out.refined)


def test_two_decoders_differ_from_the_start():
    out = build("decoders").outputs(torch.randn(1, 1, 8, 8))
    assert (out.coarse - out.refined).abs().max() > 0.01


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_refined_output_learns_and_reaches_every_weight(variant):
    net = build(variant)
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    image = torch.randn(2, 1, 8, 8)
    for _ in range(3):
        optimizer.zero_grad()
        out = net.outputs(image)
        (out.refined.square().mean() + out.coarse[:, :1].mean()).backward()
        optimizer.step()
    out = net.outputs(image)
    assert (out.coarse - out.refined).abs().max() > 0
    idle = [name for name, p in net.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert all(name.startswith("embed.") for name in idle), idle


def test_the_coarse_output_is_the_u_net_of_the_same_seed():
    seed_everything(0)
    plain = UNet(2, 1, 3, (4, 8), norm="group")
    image = torch.randn(2, 1, 9, 10)
    torch.testing.assert_close(build().outputs(image).coarse, plain(image))


def test_embeddings_lie_on_the_sphere_and_are_those_of_gathered_rows():
    net = build(embedding=5)
    features = net.outputs(torch.randn(1, 1, 6, 6)).features
    dense = net.embed(features)
    torch.testing.assert_close(dense.norm(dim=1), torch.ones(1, 6, 6))
    torch.testing.assert_close(net.embed(features.movedim(1, -1)[0, 2]), dense[0, :, 2].T)


def test_rows_takes_some_images():
    out = build().outputs(torch.randn(3, 1, 8, 8))
    assert all(
        torch.equal(part, whole[1:]) for part, whole in zip(out.rows(slice(1, None)), out, strict=True)
    )


def test_the_documented_number_of_parameters():
    net = CoarseRefinedNet(2, 1, 2)
    assert [count_parameters(each) for each in (net, net.refiner, net.embed)] == [153_316, 7_362, 3_168]


def test_bad_options():
    with pytest.raises(ConfigError, match="did you mean 'residual'"):
        build("residuals")
    with pytest.raises(ConfigError, match="features at the size of the image"):
        build(strides=[2, 2])
    with pytest.raises(DataError, match="expects an image"):
        build()(torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize("variant", ["residual", "decoders"])
def test_compile_reaches_both_outputs(variant):
    graphs = []

    def backend(graph, example):
        graphs.append(graph)
        return graph.forward

    net, image = build(variant), torch.randn(1, 1, 8, 8)
    expected = net.outputs(image)
    net.compile(backend=backend)
    torch.testing.assert_close(net.outputs(image), expected)
    assert graphs
