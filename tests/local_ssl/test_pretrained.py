"""Weights arrive where they belong, every tensor is accounted for, and nothing is passed over in silence."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import CheckpointError
from segkit.local_ssl import LocalConsistency, LocalPretraining, load_pretrained
from segkit.nets import UNet
from tests.local_ssl.small import HEADS, batches, net, trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a pre-training of the encoder, and its network."""
    folder = tmp_path_factory.mktemp("run")
    each = net(1)
    term = LocalConsistency(each, "bottom", points=(3, 4, 3), **HEADS)
    pretraining = LocalPretraining(each, {"local": term})
    trainer(pretraining, iterations=2, folder=folder, config={"pretrained": pretraining.trained}).fit(
        batches()
    )
    return folder, each.state_dict()


def accounted(report, target):
    assert sorted([*report.loaded, *report.widened, *report.left]) == sorted(target.state_dict())


def test_a_pre_trained_encoder_is_loaded_and_the_rest_is_left(run):
    folder, weights = run
    target = net(2)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    report = load_pretrained(target, folder)
    accounted(report, target)
    for name, value in target.state_dict().items():
        trained = name.startswith(("downs.", "encoders."))
        assert (name in report.loaded) == trained
        assert torch.equal(value, weights[name] if trained else before[name])
    assert set(report.left.values()) == {"not pre-trained"}
    assert report.pretrained == report.loaded
    lines = str(report).splitlines()
    assert len(lines) == 1 + len(before) and f"{len(report.loaded)} loaded, 0 widened" in lines[0]


def test_other_heads_are_no_matter(run):
    folder, _ = run
    more = net(2)
    more.head = torch.nn.Conv3d(4, 9, 1)
    report = load_pretrained(more, folder)
    accounted(report, more)
    assert report.left["head.weight"] == "not in the checkpoint"


def test_a_part_may_be_chosen_or_kept_fresh():
    source, target = net(1).state_dict(), net(2)
    report = load_pretrained(target, source, only=["encoders", "decoders.1"])
    assert {".".join(name.split(".")[:2]) for name in report.loaded} == {
        "encoders.0", "encoders.1", "encoders.2", "decoders.1",
    }  # fmt: skip
    other = net(2)
    report = load_pretrained(other, source, fresh=["head", "decoders.0"])
    assert {report.left[name] for name in report.left} == {"kept fresh as asked for"}
    assert not any(name.startswith(("head", "decoders.0")) for name in report.loaded)
    accounted(report, other)


def test_more_input_channels_are_widened_with_zeros_if_asked_for():
    source, wide = net(1), UNet(3, 3, 3, (4, 6, 8), convs=1)
    name = "encoders.0.convs.0.conv.weight"
    with pytest.raises(
        CheckpointError, match=rf"{name}' has shape \(4, 1, 3, 3, 3\) there and \(4, 3, 3, 3, 3\)"
    ):
        load_pretrained(wide, source.state_dict())
    report = load_pretrained(wide, source.state_dict(), widen_input=True)
    assert report.widened == {name: "(4, 1, 3, 3, 3) → (4, 3, 3, 3, 3)"} and name in report.pretrained
    accounted(report, wide)
    image, masks = torch.randn(1, 1, 8, 8, 8), torch.randn(1, 2, 8, 8, 8)
    torch.testing.assert_close(wide(torch.cat([image, masks], 1)), source(image))


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (lambda: net(channels=(4, 6, 8, 8)), "'downs.3.conv.weight' of the network is in a pre-trained part"),
        (lambda: net(channels=(4, 6)), "'downs.2.conv.weight' does not exist in the network"),
        (lambda: net(channels=(4, 8, 8)), r"has shape \(6, 4, 2, 2, 2\) there and \(8, 4, 2, 2, 2\)"),
        (lambda: net(residual=True, channels=(4, 4, 8)), "in the network"),
    ],
)
def test_another_architecture_is_refused_and_left_unchanged(run, target, complaint):
    each = target()
    before = {name: value.clone() for name, value in each.state_dict().items()}
    with pytest.raises(CheckpointError, match=complaint):
        load_pretrained(each, run[0])
    assert all(torch.equal(value, before[name]) for name, value in each.state_dict().items())


def test_misspelt_prefixes_are_not_passed_over():
    weights = {f"module.{name}": value for name, value in net().state_dict().items()}
    with pytest.raises(CheckpointError, match=r"'module.downs.1.conv.weight' does not exist in the network"):
        load_pretrained(net(), weights)
    with pytest.raises(CheckpointError, match="no tensor or module 'encoder': it has downs, encoders"):
        load_pretrained(net(), net().state_dict(), only=["encoder"])
    with pytest.raises(CheckpointError, match="the network has no tensor or module 'haed'"):
        load_pretrained(net(), net().state_dict(), fresh=["haed"])
    with pytest.raises(CheckpointError, match="nothing to load"):
        load_pretrained(net(), {})


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no complete checkpoint"):
        load_pretrained(net(), tmp_path)
