from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.train.hardware import make_fabric, precision_plugin, share_of, to_channels_last


def test_shares_make_up_the_batch(batches):
    batches.batch_size = 6
    whole = batches[3]
    parts = [share_of(batches, 3, rank=rank, world_size=3) for rank in range(3)]
    for name, rows in whole.items():
        assert torch.equal(torch.stack([part[name] for part in parts], dim=1).flatten(0, 1), rows)


def test_one_process_gets_the_batch_itself(batches):
    assert torch.equal(share_of(batches, 1, rank=0, world_size=1)["image"], batches[1]["image"])


def test_a_batch_that_cannot_be_shared(batches):
    with pytest.raises(ConfigError, match="2 rows of 'image' cannot be shared evenly by 3 processes"):
        share_of(batches, 0, rank=0, world_size=3)


def test_batches_that_make_parts_are_asked_for_them(batches):
    class Parts:
        def part(self, iteration, rank, world_size):
            return {"image": torch.tensor([iteration, rank, world_size])}

    assert share_of(Parts(), 5, rank=1, world_size=2)["image"].tolist() == [5, 1, 2]


def test_channels_last_changes_layout_alone():
    net = nn.ModuleList([nn.Conv3d(1, 4, 3), nn.Conv2d(2, 4, 3), nn.Linear(3, 3), nn.BatchNorm3d(4)])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    to_channels_last(net)
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert net[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net[0](torch.randn(2, 1, 5, 5, 5)).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(
    "wanted",
    [{"accelerator": "abacus"}, {"strategy": "no such strategy"}, {"devices": 0}, {"devices": "many"}],
)
def test_a_machine_that_is_not_there(wanted):
    with pytest.raises(ConfigError, match="this machine cannot run"):
        make_fabric(precision="32-true", **({"accelerator": "cpu"} | wanted))


def test_an_unknown_precision():
    with pytest.raises(ConfigError, match="unknown precision 'bf16-mixd': did you mean 'bf16-mixed'"):
        precision_plugin("bf16-mixd", "cpu")


def test_float16_becomes_bfloat16_on_a_cpu():
    assert precision_plugin("16-mixed", "cpu").precision == "bf16-mixed"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_batch_keeps_its_digits(precision):
    batch = {"image": torch.full((1, 1), 1 / 3)}
    assert torch.equal(precision_plugin(precision, "cpu").convert_input(batch)["image"], batch["image"])
