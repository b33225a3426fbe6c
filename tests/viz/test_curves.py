from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from segkit.errors import DataError
from segkit.viz import learning_curves
from segkit.viz.curves import mean_interval


def test_the_interval_is_students():
    draws = np.random.default_rng(0).normal(size=(6, 3))
    mean, low, high = mean_interval(draws, level=0.9)
    for i in range(3):
        column = draws[:, i]
        expected = stats.t.interval(0.9, 5, column.mean(), stats.sem(column))
        assert (low[i], high[i]) == pytest.approx(expected)
        assert mean[i] == pytest.approx(column.mean())


def test_missing_points_leave_the_others():
    mean, low, _ = mean_interval([[1.0, np.nan], [3.0, 5.0]])
    assert mean.tolist() == [2.0, 5.0]
    assert np.isfinite(low[0])
    assert np.isnan(low[1])  # one run has no interval


def test_one_line_per_draw_and_a_mean():
    ax = learning_curves({"a": np.random.rand(4, 7), "b": np.random.rand(7)}, ylabel="Dice")
    assert len(ax.lines) == 4 + 1 + 1
    assert len(ax.collections) == 1  # the band of arm a; one run has none
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.lines[4].get_linestyle() != ax.lines[5].get_linestyle()


def test_x_is_kept():
    ax = learning_curves({"a": [[1.0, 2.0]]}, x=[100, 200])
    assert ax.lines[-1].get_xdata().tolist() == [100, 200]


def test_lengths_must_fit():
    with pytest.raises(DataError, match="arm 'a'"):
        learning_curves({"a": [[1.0, 2.0]]}, x=[1, 2, 3])
