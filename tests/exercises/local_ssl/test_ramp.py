"""What is found by hand on the ramp is what convolutions make of it, and the grid is where they look."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv1d

from segkit.exercises import check
from segkit.exercises.local_ssl.ramp import RIGHT, _by_library, _grid
from segkit.local_ssl import cells_of
from segkit.nets import UNet

NAME = "local_ssl.ramp"


def passed(ramp, layers):
    """The ramp behind layers of the middle or, for an even kernel, of the mean."""
    for kernel, step, padding in layers:
        weights = torch.zeros(1, 1, kernel)
        weights[..., (kernel - 1) // 2 : kernel // 2 + 1] = 1
        ramp = conv1d(ramp, weights / weights.sum(), stride=step, padding=padding)
    return ramp.flatten()


@pytest.mark.parametrize("name", ["as it is", "mirrored"])
def test_the_ramp_by_machine(name):
    ramp = torch.arange(8.0)[None, None]
    seen = passed(ramp if name == "as it is" else ramp.flip(2), [(3, 2, 1)])
    assert tuple(seen.tolist()) == RIGHT[name]


@pytest.mark.parametrize(
    ("name", "kernel", "first", "second"),
    [("one mirrored", 3, False, True), ("both mirrored", 3, True, True), ("kernel 2", 2, False, True)],
)
def test_the_mismatch_by_machine(name, kernel, first, second):
    """The middle of a ramp, as if every feature were centred on its block."""
    ramp, found = torch.arange(128.0)[None, None], []
    for levels in range(1, 5):
        layers = [(kernel, 2, kernel - 2)] * levels
        views = [passed(ramp.flip(2) if flip else ramp, layers) for flip in (first, second)]
        middle = len(views[0]) // 2
        one, other = (view[middle - 1 : middle + 1].mean() for view in views)
        found.append(abs(float(one - other)))
    assert tuple(found) == RIGHT[name]


@pytest.mark.parametrize(
    "layers",
    [[(3, 2, 1)] * 3, [(2, 2, 0)] * 2, [(3, 1, 1), (3, 2, 1), (2, 2, 0)], [(7, 2, 3), (3, 1, 0), (5, 3, 1)]],
)
def test_the_grid_is_where_the_layers_look(layers):
    seen = passed(torch.arange(200.0)[None, None], layers)
    stride, centre = _grid(layers)
    inner = torch.arange(3, len(seen) - 3)
    torch.testing.assert_close(seen[inner], centre + stride * inner)


def test_the_library_agrees():
    for down, kernel in (("conv3", 3), ("conv2", 2)):
        cells = cells_of(UNet(2, 1, 2, (4, 4, 4, 4), down=down), "bottom")
        assert (cells.stride[0], cells.centre[0]) == _grid([(kernel, 2, kernel - 2)] * 3)
        assert (cells.stride[0], cells.centre[0]) == _by_library([(kernel, 2, kernel - 2)] * 3)


def in_extents(layers):
    """The same in extents of the first receptive field: its middle."""
    begin, width, stride = 0.0, 1.0, 1
    for kernel, step, padding in layers:
        begin, width, stride = begin - padding * stride, width + (kernel - 1) * stride, stride * step
    return [stride, begin + width / 2 - 0.5]


def test_other_right_answers():
    assert check(NAME, ({name: list(each) for name, each in RIGHT.items()}, in_extents))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (_grid, "Pass all parts"),
        (({**RIGHT, "mirrored": (1, 3, 5, 7)}, _grid), "read from the other end"),
        (({**RIGHT, "as it is": (1, 3, 5, 7)}, _grid), "on which voxel does the first kernel lie"),
        (({**RIGHT, "one mirrored": (1, 1, 1, 1)}, _grid), "half a cell of it is no half voxel"),
        (({**RIGHT, "one mirrored": (2, 4, 8, 16)}, _grid), "Nearly a whole cell"),
        (({**RIGHT, "kernel 2": (1, 3, 7, 15)}, _grid), "What is the middle of two voxels"),
        (({**RIGHT, "kernel 2": 0}, _grid), "4 numbers should be given"),
        ((RIGHT, lambda layers: 2.0), "shape () where (2,)"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint


@pytest.mark.parametrize("half", [(..., _grid), (RIGHT, ...), (RIGHT, lambda layers: None)])
def test_half_an_answer_is_none(half):
    assert check(NAME, half).hint.startswith("Write 0 … 7 on paper")
