"""Outlines by other means than ours, and what the made-up patients are made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from segkit.exercises import check
from segkit.exercises.mask_prior.outline import _ball, _by_library, _filled, _largest, _outline
from segkit.exercises.mask_prior.patients import patients

NAME = "mask_prior.body_outline"


@pytest.mark.parametrize("number", range(4))
def test_the_recipe_finds_each_patient(number):
    patient = patients()[number]
    mask = _outline(patient.hu, patient.spacing_mm)
    for part in ("tissue", "fat", "lungs", "rim"):
        assert patient.share(mask, part) > 0.99
    for part in ("board", "line", "pocket", "air"):
        assert patient.share(mask, part) < 0.2
    library = _by_library(patient.hu, patient.spacing_mm)
    assert (mask ^ library).sum() < 0.01 * mask.sum()


def test_lungs_are_cut_where_a_patient_says_so():
    for patient in patients():
        assert patient.lungs[0].any() == patient.cut
        assert not patient.lungs[-1].any()


def by_distances(hu, spacing_mm):
    """Opening by distance transforms, which know no border."""
    tissue = hu > -300
    core = ndimage.distance_transform_edt(tissue, sampling=spacing_mm) > 6 + 1e-6
    return _filled(_largest(ndimage.distance_transform_edt(~core, sampling=spacing_mm) <= 6 + 1e-6))


def without_padding(hu, spacing_mm):
    ball = _ball(6, spacing_mm)
    core = ndimage.binary_erosion(hu > -300, ball, border_value=1)
    return _filled(_largest(ndimage.binary_dilation(core, ball))).astype(int).tolist()


@pytest.mark.parametrize("answer", [by_distances, without_padding])
def test_other_openings(answer):
    assert check(NAME, answer)


def eroded(hu, spacing_mm):
    return ndimage.binary_erosion(_outline(hu, spacing_mm), np.ones((1, 3, 3)))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (eroded, "your mask differs from the recipe's"),
        (lambda hu, spacing_mm: hu, "zeros and ones"),
        (lambda hu, spacing_mm: hu[0] > -300, "The mask has the shape (85, 83), the volume (32, 85, 83)"),
        (lambda hu, spacing_mm: hu < spacing_mm[3], "IndexError"),
        (lambda hu, spacing_mm: np.zeros_like(hu), "Your mask is empty"),
        (lambda hu, spacing_mm: hu < -300, "Your mask is true in the air around the patient"),
        (lambda hu, spacing_mm: np.ones_like(hu), "The border of the volume is body"),
    ],
    ids=["eroded", "HU", "one slice", "raises", "nothing", "air", "all"],
)
def test_other_answers(answer, hint):
    assert hint in check(NAME, answer).hint
