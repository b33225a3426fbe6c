"""The groups among which voxels are dropped."""

from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError
from segkit.loss_envelope.groups import group_sizes, group_voxels, require_scope

LABELS = torch.tensor([[0, 0, 0, 0, 0, 1, 1, -1], [2, 2, 2, 2, 2, 2, 2, 2]])


@pytest.mark.parametrize(
    ("scope", "first", "second", "n"),
    [
        ("class", [0, 0, 0, 0, 0, 1, 1, -1], [2] * 8, 3),
        ("image", [0, 0, 0, 0, 0, 0, 0, -1], [0] * 8, 1),
        ("band", [-1, -1, -1, 0, 0, 1, 1, -1], [-1] * 8, 3),
    ],
)
def test_the_group_of_each_voxel(scope, first, second, n):
    member, groups = group_voxels(LABELS, 3, scope=scope, band_width=2)
    assert member.tolist() == [first, second] and groups == n
    expected = [[row.count(g) for g in range(n)] for row in (first, second)]
    assert group_sizes(member, groups).tolist() == expected


def test_many_classes_do_not_overflow():
    member, groups = group_voxels(torch.tensor([[0, 299]]), 300, scope="class", band_width=3)
    assert member.tolist() == [[0, 299]] and groups == 300


def test_a_scope_that_does_not_exist():
    with pytest.raises(ConfigError, match="unknown scope 'clas': did you mean 'class'"):
        require_scope("clas")
