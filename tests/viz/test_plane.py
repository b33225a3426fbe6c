from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segkit.errors import DataError
from segkit.viz.plane import default_window, fullest_slice, make_plane


def test_axial_slice_hangs_with_front_up_and_right_on_the_left(case):
    plane = make_plane(case, axis=2, index=3)
    image = case.image[0].numpy()
    assert plane.pixels[0, 0] == image[-1, -1, 3]  # most to the right and to the front
    assert plane.pixels[-1, -1] == image[0, 0, 3]
    assert plane.pixel_size == (2.0, 1.0)
    assert plane.unit == "mm"
    left, right, bottom, top = plane.extent
    assert (right - left, bottom - top) == (12.0, 20.0)


def test_default_slice_has_the_most_label(case):
    assert make_plane(case, axis=2).index in (2, 3)
    assert make_plane(replace(case, label=None), axis=2).index == 3
    assert fullest_slice(torch.zeros(4, 4, 8)) == 4


def test_labels_are_turned_with_the_image(case):
    plane = make_plane(case, axis=1, index=4)
    assert np.array_equal(plane.cut(case.image[0]), plane.pixels)


def test_negative_axis_and_index_count_from_the_end(case):
    assert make_plane(case, axis=-1, index=-1).index == 5
    assert np.array_equal(make_plane(case, axis=-3, index=2).pixels, make_plane(case, axis=0, index=2).pixels)


def test_a_set_without_spacing_has_neither_mm_nor_directions(case):
    plane = make_plane(replace(case, spacing_mm=None), axis=0, index=1)
    assert plane.unit == "pixels"
    assert plane.view.edges == ("", "", "", "")
    assert np.array_equal(plane.pixels, case.image[0, 1])


def test_a_flat_image_is_one_slice():
    plane = make_plane(torch.rand(4, 6), spacing_mm=(0.5, 0.25))
    assert plane.extent == (0.0, 1.5, 2.0, 0.0)
    assert plane.cut(torch.ones(4, 6)).shape == (4, 6)


def test_window_ignores_outliers_and_never_collapses():
    image = np.concatenate([np.linspace(0, 100, 10_000), [1e6]])
    assert default_window(image)[1] < 101
    assert default_window(np.ones(9)) == (1.0, 2.0)


@pytest.mark.parametrize("where", [{"axis": 3}, {"index": 6}, {"index": -7}])
def test_a_slice_that_does_not_exist(case, where):
    with pytest.raises(DataError, match="does not exist"):
        make_plane(case, **where)


def test_wrong_shapes(case):
    with pytest.raises(DataError, match="2 or 3 axes"):
        make_plane(np.zeros((2, 3, 4, 5)))
    with pytest.raises(DataError, match="on the image's grid"):
        make_plane(case).cut(np.zeros((5, 5, 6)))
