from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from segkit.data import contour_band
from segkit.errors import ConfigError
from segkit.evaluate import band_dice, dice, evaluate_case

SPACING = (0.8, 1.5, 3.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("width", [1.0, 2.5, 4.0])
def test_is_the_dice_of_both_masks_cut_to_the_band(blob, seed, width):
    p, t = np.zeros((2, 20, 22, 18), bool)
    p[5:15, 6:16, 4:14], t[5:15, 6:16, 4:14] = blob(seed, (10, 10, 10)), blob(seed + 20, (10, 10, 10))
    band = contour_band(torch.from_numpy(t.astype(int)), width, SPACING).numpy()
    ours = band_dice(p, t, width_mm=width, spacing_mm=SPACING)
    assert ours.value == pytest.approx(dice(p & band, t & band).value)


def test_a_wide_band_gives_the_plain_dice(blob):
    p, t = blob(1, (9, 10, 8)), blob(2, (9, 10, 8))
    assert band_dice(p, t, width_mm=100, spacing_mm=SPACING).value == dice(p, t).value


def test_a_thick_ball_hides_from_dice_what_the_band_shows(ball):
    truth = ball((40, 40, 40), (20, 20, 20), 15, (1, 1, 1))
    prediction = ball((40, 40, 40), (20, 20, 20), 14, (1, 1, 1))
    assert dice(prediction, truth).value > 0.88
    assert band_dice(prediction, truth, width_mm=1, spacing_mm=(1, 1, 1)).value < 0.3


@pytest.mark.parametrize("policy", ["nan", "one"])
def test_empty_masks_follow_the_rules_of_dice(policy):
    empty, some = np.zeros((4, 5), bool), np.eye(4, 5, dtype=bool)
    options = {"width_mm": 1, "spacing_mm": None, "policy": policy}
    for p, t in ((empty, some), (some, empty), (empty, empty)):
        ours, plain = band_dice(p, t, **options), dice(p, t, policy=policy)
        assert ours == plain or (math.isnan(ours.value) and math.isnan(plain.value))


def test_a_truth_without_contour_is_undefined():
    full = np.ones((4, 5), bool)
    assert band_dice(full, full, width_mm=1, spacing_mm=None).undefined


def test_a_band_narrower_than_a_voxel_is_refused():
    full = np.ones((4, 5), bool)
    with pytest.raises(ConfigError, match=r"a band of 0\.5 mm holds no voxel: it must be 0\.8 or wider"):
        band_dice(full, full, width_mm=0.5, spacing_mm=(0.8, 1.0))


def test_a_case_is_measured_in_a_band_on_demand(blob):
    p, t = blob(1, (9, 10, 8)), blob(2, (9, 10, 8))
    result = evaluate_case(p * 1, t * 1, SPACING, "bt", metrics=["band_dice"], band_mm=1.5)["t"]
    assert result["band_dice"] == band_dice(p, t, width_mm=1.5, spacing_mm=SPACING)
