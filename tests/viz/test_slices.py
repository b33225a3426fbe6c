from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from segkit.errors import DataError
from segkit.viz import show_slice
from segkit.viz.annotations import contour_colour


def texts(ax):
    return {text.get_text() for text in ax.texts}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_a_case_shows_its_classes_sides_and_scale(case):
    ax = show_slice(case, axis=2)
    assert legend(ax) == ["head", "tail"]
    assert texts(ax) == {"R", "L", "A", "P", "2 mm"}
    assert ax.get_aspect() == 1  # one mm is as long downwards as sideways


def test_outlines_lie_where_the_labels_are(case):
    """Class 1 spans voxels 2…5 of the right–left axis (1 mm) and 3…6 of the front–back axis (2 mm)."""
    ax = show_slice(case, axis=2, index=3, legend=False)
    vertices = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    # Columns run from right (voxel 11) to left (voxel 0), rows from front (voxel 9) to back (voxel 0).
    assert vertices[:, 0].min() == pytest.approx(12 - 6)
    assert vertices[:, 0].max() == pytest.approx(12 - 2)
    assert vertices[:, 1].min() == pytest.approx(2 * (10 - 7))
    assert vertices[:, 1].max() == pytest.approx(2 * (10 - 3))


def test_an_outline_is_closed_at_the_border(case):
    label = case.label.clone()
    label[:] = 1
    ax = show_slice(replace(case, label=label), axis=2, index=0)
    (path,) = (p for p in ax.collections[0].get_paths() if len(p.vertices))
    assert np.allclose(path.vertices[0], path.vertices[-1])


def test_colour_belongs_to_the_value_not_to_the_order(case):
    label = case.label.clone()
    label[label == 1] = 0
    ax = show_slice(case, labels=label, axis=2, index=3)
    assert len(ax.collections) == 1
    assert plt.matplotlib.colors.to_hex(ax.collections[0].get_edgecolor()[0]) == contour_colour(2)


def test_labels_none_draws_none(case):
    ax = show_slice(case, labels=None)
    assert not ax.collections
    assert not legend(ax)


def test_without_spacing_the_bar_counts_pixels(case):
    assert texts(show_slice(replace(case, spacing_mm=None), axis=2)) == {"2 pixels"}


def test_bar_and_letters_can_be_left_out(case):
    ax = show_slice(case, scale_bar_mm=0, letters=False)
    assert not texts(ax)
    assert "7 mm" in texts(show_slice(case, scale_bar_mm=7))


def test_the_bar_is_as_long_as_it_says(case):
    ax = show_slice(case, labels=None, scale_bar_mm=5)
    (bar,) = ax.lines
    assert np.ptp(bar.get_xdata()) == pytest.approx(5)


def test_an_array_draws_on_given_axes():
    _, ax = plt.subplots()
    labels = np.zeros((6, 8), int)
    labels[2:4, 2:4] = 3
    assert show_slice(np.random.default_rng(0).random((6, 8)), labels=labels, ax=ax) is ax
    assert legend(ax) == ["class 1", "class 2", "class 3"]


def test_the_window_is_the_same_on_every_slice(case):
    first, last = (show_slice(case, axis=2, index=i).images[0].get_clim() for i in (0, 5))
    assert first == last
    assert show_slice(case, window=(-10, 10)).images[0].get_clim() == (-10, 10)


def test_labels_of_another_shape(case):
    with pytest.raises(DataError, match="grid"):
        show_slice(case, labels=np.zeros((3, 3, 3)))
