"""What a centroid error costs in Dice: the law of two equal balls, and the metrics on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from segkit.evaluate import centroid_distance_mm, dice


def ball(shift_mm, radius_mm, spacing_mm):
    axes = np.ogrid[tuple(slice(round(120 / s)) for s in spacing_mm)]
    centres = (40.0 + shift_mm, 60.0, 60.0)
    return sum((a * s - c) ** 2 for a, s, c in zip(axes, spacing_mm, centres, strict=True)) < radius_mm**2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 2.0, 2.5)])
@pytest.mark.parametrize("shift", [0.0, 3.0, 6.0, 18.0, 40.0])
def test_shifted_balls_overlap_and_part_as_the_law_says(shift, spacing):
    radius = 20.0
    truth, moved = (ball(d, radius, spacing) for d in (0.0, shift))
    share = shift / radius
    wanted = 1 - 3 / 4 * share + share**3 / 16
    assert dice(moved, truth).value == pytest.approx(wanted, abs=0.01)
    assert centroid_distance_mm(moved, truth, spacing_mm=spacing).value == pytest.approx(shift, abs=0.05)
