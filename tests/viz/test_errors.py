from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from segkit.errors import DataError
from segkit.viz import error_overlay
from segkit.viz.errors import FALSE_NEGATIVE, FALSE_POSITIVE, WRONG_CLASS


def painted(ax):
    """Colour → number of painted voxels."""
    paint = ax.images[1].get_array()
    return {colour: int((np.abs(paint[..., :3] - to_rgb(colour)).max(-1) < 1e-6).sum()) for colour in ALL}


ALL = (FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_CLASS)


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_kind_of_error_has_its_colour(case):
    prediction = case.label.clone()
    prediction[2, 3:7, 3] = 0  # 4 voxels missed
    prediction[0, 0:3, 3] = 1  # 3 too many
    prediction[6, 3:5, 3] = 1  # 2 of the wrong class
    ax = error_overlay(case, prediction, axis=2, index=3)
    assert painted(ax) == {FALSE_POSITIVE: 3, FALSE_NEGATIVE: 4, WRONG_CLASS: 2}
    assert names(ax) == ["too much", "missed", "wrong class", "truth"]
    assert len(ax.collections) == 2  # the truth of both classes, outlined


def test_a_right_prediction_paints_nothing(case):
    assert painted(error_overlay(case, case.label)) == dict.fromkeys(ALL, 0)


def test_unknown_truth_is_no_error():
    truth = np.full((5, 5), -1)
    ax = error_overlay(np.random.default_rng(0).random((5, 5)), np.full((5, 5), 2), truth)
    assert painted(ax) == dict.fromkeys(ALL, 0)


def test_one_class_cannot_be_confused(case):
    binary = (case.label > 0).long()
    assert "wrong class" not in names(error_overlay(case, binary, binary))


def test_truth_is_needed(case):
    with pytest.raises(DataError, match="needs the truth"):
        error_overlay(replace(case, label=None), case.label)
