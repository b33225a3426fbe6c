"""The oracle of the band, against the library and against all pairs of voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import contour_band, signed_distance_mm
from segkit.exercises import check
from segkit.exercises.voxel_metric.band import _GRIDS, MISTAKES, _band, _blob

NAME = "voxel_metric.band"
CASES = [(_blob(shape, spacing, seed), width, spacing) for seed, (shape, spacing, width) in enumerate(_GRIDS)]


def by_pairs(mask, width_mm, spacing_mm):
    places = torch.stack(torch.meshgrid(*map(torch.arange, mask.shape), indexing="ij"), -1)
    places = (places * torch.tensor(spacing_mm)).reshape(-1, mask.ndim).double()
    flat = mask.flatten()
    near = (torch.cdist(places, places) <= width_mm) & (flat[:, None] != flat)
    return near.any(1).reshape(mask.shape)


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_is_the_librarys_band_and_that_of_all_pairs(case):
    mask, width, spacing = case
    oracle = torch.from_numpy(_band(*case))
    assert torch.equal(oracle, contour_band(mask, width, spacing))
    assert torch.equal(oracle, (signed_distance_mm(mask, spacing).abs() <= width))
    assert 0 < oracle.float().mean() < 0.9
    for near in (0.999, 1.001):  # no voxel lies just at the width, so that rounding decides nothing
        assert torch.equal(oracle, torch.from_numpy(_band(mask, near * width, spacing)))


def test_all_pairs_are_an_answer_and_so_are_numbers():
    assert torch.equal(by_pairs(*CASES[1]), torch.from_numpy(_band(*CASES[1])))
    assert check(NAME, by_pairs)
    assert check(NAME, lambda mask, width, spacing: _band(mask, width, spacing).astype(int).tolist())


def test_the_even_kernel_is_that_of_the_recipe():
    """Labels 001100: the first voxel inside on the left, the first voxel outside on the right."""
    line = torch.tensor([0, 0, 1, 1, 0, 0]).bool()
    assert np.flatnonzero(MISTAKES["even kernel"].answer(line, 1.0, (1.0,))).tolist() == [2, 4]
    for band in (_band, MISTAKES["box"].answer):  # in one dimension a box is right
        assert np.flatnonzero(band(line, 1.0, (1.0,))).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda mask, width, spacing: mask, "yours gives"),
        (lambda mask, width, spacing: [True], "shape (1,) where"),
        (lambda mask, width, spacing: "band", "Numbers are expected"),
        (
            lambda mask, width, spacing: (signed_distance_mm(mask, spacing).abs() <= width) & mask.any(),
            "calls `signed_distance_mm` of segkit",
        ),
        (lambda mask, width, spacing: _band(mask, width, spacing) | (not mask.any()), "no contour"),
    ],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint
