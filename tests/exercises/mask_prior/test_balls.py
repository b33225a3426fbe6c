"""The law of two shifted balls, against counted voxels, and its inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.evaluate import dice as measured
from segkit.exercises import check
from segkit.exercises.mask_prior.balls import _dice, _disks, _implied

NAME = "mask_prior.shifted_balls"


def test_the_law_is_what_voxels_show():
    z, y, x = torch.meshgrid(*[torch.arange(60) - 29.5] * 3, indexing="ij")
    for shift in (0, 5, 12, 30):
        pair = [(z + sign * shift / 2) ** 2 + y**2 + x**2 <= 14**2 for sign in (1, -1)]
        assert math.isclose(measured(*pair).value, _dice(14, shift), abs_tol=0.01)


def test_the_law_of_the_disks_is_what_pixels_show():
    y, x = torch.meshgrid(*[torch.arange(200) - 99.5] * 2, indexing="ij")
    pair = [(y + sign * 20) ** 2 + x**2 <= 60**2 for sign in (1, -1)]
    assert math.isclose(measured(*pair).value, _disks(60, 40), abs_tol=0.01)


@given(st.floats(0.5, 100), st.floats(0.01, 1.9))
def test_the_inverse_inverts(radius, ratio):
    assert math.isclose(_implied(_dice(radius, ratio * radius), ratio * radius), radius, rel_tol=1e-6)


def test_answers_by_caps_and_by_the_roots_of_the_cubic():
    def dice(radius, shift):
        height = max(0.0, radius - shift / 2)
        return 2 * height**2 * (3 * radius - height) / (4 * radius**3)

    def implied_radius(value, shift):
        roots = np.roots([1 / 16, 0, -3 / 4, 1 - value])
        return shift / next(root.real for root in roots if 0 < root.real < 2)

    assert check(NAME, (dice, implied_radius))


@pytest.mark.parametrize(
    ("dice", "implied_radius", "hint"),
    [
        (lambda radius, shift: 1 - shift, _implied, "`dice`: For 10.0, 2.0 yours gives -1, expected"),
        (_dice, lambda value, shift: shift, "`implied_radius`: For 0.9, 2.0 yours gives 2"),
        (_dice, 10.0, "`implied_radius`: Pass the function itself"),
    ],
)
def test_other_answers(dice, implied_radius, hint):
    assert hint in check(NAME, (dice, implied_radius)).hint


def test_an_inverse_that_knows_the_checked_values_only():
    known = {(0.9, 2.0), (0.5, 7.5), (0.08, 3.0), (0.002, 1.0), (0.995, 40.0)}
    hint = check(NAME, (_dice, lambda v, d: _implied(v, d) if (v, d) in known else 1.0)).hint
    assert "From the Dice of R = 31 and d = 12 it finds R = 1." in hint
