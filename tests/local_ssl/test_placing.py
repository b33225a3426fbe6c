"""Points go into a view and come back, whatever was done to it."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.errors import DataError
from segkit.local_ssl import Placement, shared_box

FLIPS = list(product([False, True], repeat=3))


def place(flips=(False, False, False), axes=(0, 1, 2), shape=(5, 8, 8)):
    return Placement.of(
        low=(1.5, 0.25, 3), size=(7, 9.5, 6), shape=shape, extent=(20, 21, 22), flips=flips, axes=axes
    )


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_there_and_back_is_where_one_started(flips, axes):
    points = torch.rand(1, 4, 5, 3, dtype=torch.float64) * 20
    one = place(flips, axes)
    torch.testing.assert_close(one.to_volume(one.to_view(points)), points, rtol=0, atol=1e-12)
    torch.testing.assert_close(one.to_view(one.to_volume(points)), points, rtol=0, atol=1e-12)


def test_corners_of_the_box_are_corners_of_the_view():
    corners = torch.tensor([[[1.5, 0.25, 3.0], [8.5, 9.75, 9.0]]])
    assert place().to_view(corners)[0].tolist() == [[0, 0, 0], [5, 8, 8]]
    assert place((True, False, False)).to_view(corners)[0].tolist() == [[5, 0, 0], [0, 8, 8]]
    turned = place(
        axes=(0, 2, 1), flips=(False, True, False)
    )  # axis 1 of the view runs along axis 2, backwards
    assert turned.to_view(corners)[0].tolist() == [[0, 8, 0], [5, 0, 8]]
    assert turned.to_view(torch.tensor([[[1.5, 0.25, 9.0]]]))[0, 0].tolist() == [0, 0, 0]


def test_each_sample_has_a_place_of_its_own():
    both = Placement.joined([place(), place((True, True, False), (0, 2, 1))])
    points = torch.rand(2, 6, 3, dtype=torch.float64)
    for i, one in enumerate((place(), place((True, True, False), (0, 2, 1)))):
        assert torch.equal(both.to_view(points)[i], one.to_view(points[i : i + 1])[0])
        assert torch.equal(both.centres()[i], one.centres()[0])


def test_centres_are_those_of_the_voxels():
    flat = Placement.of(low=(2, 0), size=(4, 3), shape=(2, 3), extent=(9, 3), flips=(True, False))
    assert flat.centres()[0].tolist() == [
        [[5.0, 0.5], [5.0, 1.5], [5.0, 2.5]],
        [[3.0, 0.5], [3.0, 1.5], [3.0, 2.5]],
    ]


def test_padding_is_not_in_the_volume():
    one = Placement.of(low=(-2, 0), size=(6, 4), shape=(6, 4), extent=(3, 4))
    points = torch.tensor([[[-0.5, 1.0], [0.0, 4.0], [3.0, 0.0], [3.25, 2.0], [1.0, 4.5]]])
    assert one.in_volume(points).tolist() == [[False, True, True, False, False]]


def test_a_float32_row_holds_a_box_exactly():
    sizes = np.arange(1, 200) / 256 + 300
    one = Placement.of(low=sizes[:3], size=sizes[3:6], shape=(4, 4, 4), extent=(900, 900, 900))
    assert one.size[0].tolist() == sizes[3:6].tolist()
    assert one.rows.dtype == torch.float32
    assert one.size.dtype == torch.float64


@given(st.tuples(*[st.integers(-40, 40)] * 4), st.tuples(*[st.integers(1, 40)] * 4))
def test_the_shared_box_is_what_lies_in_both(lows, sizes):
    first, second = (
        Placement.of(low=lows[i : i + 2], size=sizes[i : i + 2], shape=(4, 4), extent=(50, 50))
        for i in (0, 2)
    )
    low, high = (each[0].tolist() for each in shared_box(first, second))
    for axis in range(2):
        both = set(range(lows[axis], lows[axis] + sizes[axis]))
        both &= set(range(lows[2 + axis], lows[2 + axis] + sizes[2 + axis]))
        assert set(range(int(low[axis]), int(high[axis]))) == both


def test_rows_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"rows \(B, 5, 3\)"):
        Placement(torch.zeros(2, 5, 2), (4, 4, 4))
