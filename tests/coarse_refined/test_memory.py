from __future__ import annotations

import pytest
import torch

from segkit.coarse_refined import DescriptorMemory
from segkit.errors import ConfigError


def push(memory, *values, labels=None):
    rows = torch.tensor(values, dtype=torch.float32, requires_grad=True)[None, :, None]
    memory.push(rows, torch.ones(1, len(values)).long() if labels is None else torch.tensor([labels]))


def test_first_in_first_out():
    memory = DescriptorMemory(1, 4, 1)
    push(memory, 1.0, 2.0, 3.0)
    assert memory.labels[0].tolist() == [1, 1, 1, -1]
    push(memory, 4.0, 5.0)
    assert sorted(memory.rows.flatten().tolist()) == [2.0, 3.0, 4.0, 5.0]
    push(memory, *range(10, 20))
    assert sorted(memory.rows.flatten().tolist()) == [16.0, 17.0, 18.0, 19.0]
    assert not memory.rows.requires_grad


def test_empty_slots_are_not_stored():
    memory = DescriptorMemory(1, 4, 1)
    push(memory, 1.0, 2.0, 3.0, labels=[1, -1, 0])
    assert memory.labels[0].tolist() == [1, 0, -1, -1]
    assert memory.rows[0, :2, 0].tolist() == [1.0, 3.0]


def test_lists_keep_their_own_place():
    memory = DescriptorMemory(2, 3, 1)
    rows = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    memory.push(rows, torch.tensor([[1, -1], [0, 0]]))
    memory.push(rows, torch.tensor([[1, -1], [-1, -1]]))
    assert memory.labels.tolist() == [[1, 1, -1], [0, 0, -1]]


def test_a_checkpoint_keeps_it():
    memory, other = DescriptorMemory(1, 3, 1), DescriptorMemory(1, 3, 1)
    push(memory, 1.0, 2.0)
    other.load_state_dict(memory.state_dict())
    for each in (memory, other):
        push(each, 7.0, 8.0)
    assert torch.equal(memory.rows, other.rows)


def test_sizes_below_one():
    with pytest.raises(ConfigError, match="1 or more"):
        DescriptorMemory(1, 0, 3)
