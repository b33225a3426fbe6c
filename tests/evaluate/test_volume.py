from __future__ import annotations

import numpy as np
import pytest

from segkit.evaluate import volume_error


@pytest.mark.parametrize(
    ("shape", "spacing", "voxel", "unit"),
    [
        ((4, 5), (0.5, 2.0), 1.0, "mm²"),
        ((4, 5, 6), (0.5, 2.0, 3.0), 3.0, "mm³"),
        ((4, 5, 6), None, 1.0, "voxels"),
    ],
)
def test_sign_size_and_unit(shape, spacing, voxel, unit):
    truth, prediction = np.zeros(shape, bool), np.zeros(shape, bool)
    truth[:2, 0], prediction[0, 0] = True, True
    missing = int(truth.sum() - prediction.sum())
    measure = volume_error(prediction, truth, spacing_mm=spacing)
    assert (measure.value, measure.unit) == (pytest.approx(-missing * voxel), unit)
    assert volume_error(truth, prediction, spacing_mm=spacing).value == pytest.approx(missing * voxel)


def test_a_missed_structure_counts_with_its_whole_volume():
    empty, full = np.zeros((2, 3, 4), bool), np.ones((2, 3, 4), bool)
    measure = volume_error(empty, full, spacing_mm=(1, 1, 2))
    assert (measure.value, measure.status) == (-48.0, "missed")
    assert volume_error(empty, empty, spacing_mm=None).value == 0.0
