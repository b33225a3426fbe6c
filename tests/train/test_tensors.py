from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.errors import CheckpointError
from segkit.train.tensors import (
    load_optimizer,
    load_weights,
    optimizer_tensors,
    read_tensors,
    write_tensors,
)


def test_values_types_and_layouts_survive(tmp_path):
    tensors = {
        "channels_last": torch.randn(2, 3, 4, 4, 4).contiguous(memory_format=torch.channels_last_3d),
        "transposed": torch.randn(3, 5).T,
        "half": torch.randn(3).bfloat16(),
        "counter": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }
    write_tensors(tensors, tmp_path / "t.safetensors")
    read = read_tensors(tmp_path / "t.safetensors")
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value), name


def test_tied_weights_are_written_once_and_stay_tied(tmp_path):
    weight = torch.randn(100, 100)
    write_tensors({"encoder": weight, "decoder": weight}, tmp_path / "t.safetensors")
    read = read_tensors(tmp_path / "t.safetensors")
    assert read["encoder"].data_ptr() == read["decoder"].data_ptr()
    assert torch.equal(read["encoder"], weight)
    assert (tmp_path / "t.safetensors").stat().st_size < 1.2 * weight.nbytes


def test_overlapping_views_are_copied_apart(tmp_path):
    base = torch.arange(6.0)
    write_tensors({"all": base, "part": base[2:4], "front": base[:4]}, tmp_path / "t.safetensors")
    read = read_tensors(tmp_path / "t.safetensors")
    assert read["part"].tolist() == [2, 3]
    assert read["front"].tolist() == [0, 1, 2, 3]


def test_a_module_that_shares_its_layers_goes_through(tmp_path):
    layer = nn.Linear(3, 3)
    module = nn.Sequential(layer, nn.ReLU(), layer)
    write_tensors(module.state_dict(), tmp_path / "t.safetensors")
    fresh_layer = nn.Linear(3, 3)
    fresh = nn.Sequential(fresh_layer, nn.ReLU(), fresh_layer)
    load_weights(fresh, read_tensors(tmp_path / "t.safetensors"), "the file")
    assert torch.equal(fresh[2].weight, layer.weight)


@pytest.mark.parametrize("content", [b"", b"not a safetensors file", b"\x00" * 100])
def test_a_damaged_file(tmp_path, content):
    path = tmp_path / "t.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 2)),
            r"'1.weight' has shape \(2, 4\) there and \(2, 3\) here",
        ),
        (nn.Sequential(nn.Linear(2, 3)), "it has no '1.weight'"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 2)), "'2.weight' does not exist here"),
    ],
)
def test_another_architecture_names_the_first_difference(other, sentence):
    mine = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    before = mine[0].weight.clone()
    with pytest.raises(CheckpointError, match=f"runs/a belongs to another architecture: {sentence}"):
        load_weights(mine, other.state_dict(), "runs/a")
    assert torch.equal(mine[0].weight, before)


def train(net, optimizer, steps):
    for step in range(steps):
        optimizer.zero_grad()
        net(torch.full((1, 2, 4, 4, 4), float(step))).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
def test_an_optimiser_goes_on_where_it_was(tmp_path, kind):
    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    torch.manual_seed(0)
    net = nn.Conv3d(2, 3, 3).to(memory_format=torch.channels_last_3d)
    optimizer = kind(net.parameters(), lr=0.01, **options)
    train(net, optimizer, 3)

    tensors, rest = optimizer_tensors(optimizer)
    write_tensors(tensors, tmp_path / "t.safetensors")
    other = nn.Conv3d(2, 3, 3).to(memory_format=torch.channels_last_3d)
    load_weights(other, net.state_dict(), "")
    resumed = kind(other.parameters(), lr=0.5, **options)
    load_optimizer(resumed, read_tensors(tmp_path / "t.safetensors"), rest)

    for parameter in other.parameters():
        for value in resumed.state[parameter].values():
            if isinstance(value, torch.Tensor) and value.dim():
                assert value.stride() == parameter.stride()
    train(net, optimizer, 2), train(other, resumed, 2)
    assert torch.equal(net.weight, other.weight)


def test_an_optimiser_over_other_parameters():
    small, large = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
    tensors, rest = optimizer_tensors(torch.optim.AdamW(small.parameters()))
    with pytest.raises(CheckpointError, match="optimiser state does not fit"):
        load_optimizer(torch.optim.AdamW(large.parameters()), tensors, rest)
