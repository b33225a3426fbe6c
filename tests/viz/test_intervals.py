from __future__ import annotations

import numpy as np
import pytest

from segkit.errors import DataError
from segkit.viz import dot_interval
from segkit.viz.intervals import _layers

ROWS = [
    {"arm": "plain", "mean": 0.8, "low": 0.78, "high": 0.82, "draws": [0.79, 0.79, 0.82]},
    {"arm": "top-k", "mean": 0.83, "low": 0.8, "high": 0.86},
]


def test_every_draw_is_a_dot_and_the_first_row_is_on_top():
    ax = dot_interval(ROWS, reference=0.8, xlabel="Dice")
    dots = [line for line in ax.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in dots] == [3, 0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["plain", "top-k"]
    assert ax.yaxis_inverted()
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert (0.78, 0.82) in spans
    assert (0.8, 0.8) in spans  # the reference


def test_other_keys():
    ax = dot_interval([{**ROWS[0], "loss": "Dice", "scores": [0.5]}], label="loss", draws="scores")
    assert ax.get_yticklabels()[0].get_text() == "Dice"


def test_equal_values_do_not_hide_each_other():
    layers = _layers(np.array([0.5, 0.9, 0.5, 0.5]))
    assert sorted(layers[[0, 2, 3]]) == [0, 1, 2]
    assert layers[1] == 0


def test_lacking_keys_are_named():
    with pytest.raises(DataError, match="'low', 'high'"):
        dot_interval([{"arm": "a", "mean": 1.0}])
    with pytest.raises(DataError, match="at least one"):
        dot_interval([])
