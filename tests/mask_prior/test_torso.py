from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.mask_prior import torso_phantom

GRID = {"shape": (12, 60, 84), "spacing_mm": (9.0, 5.0, 5.0)}


def test_a_torso_is_a_case_whose_truth_fits_its_hu():
    case = torso_phantom(**GRID, noise_hu=0).validate()
    hu = case.image[0]
    assert (hu[case.label == 2] == -820).all() and (hu[case.label == 3] == 500).all()
    assert set(hu[case.label == 1].unique().tolist()) == {-100.0, 40.0}
    assert (hu[case.label == 0] < -100).all()
    width = (case.label > 0).any(0).any(0).sum() * 5
    assert 330 < int(width) < 380


@pytest.mark.parametrize("gap", [2, 12])
def test_the_couch_lies_as_far_behind_the_deepest_slice_as_told(gap):
    grid = {"shape": (90, 130, 60), "spacing_mm": (4.0, 1.0, 4.0), "offset_mm": (0, -80, 0)}
    case = torso_phantom(**grid, noise_hu=0, couch_gap_mm=gap)
    column = case.image[0, -1, :, 30]  # the last slice towards the feet is the deepest
    body = np.flatnonzero((case.label[-1, :, 30] > 0).numpy())[-1]
    couch = np.flatnonzero((column == -120).numpy())[0]
    assert couch - body == pytest.approx(gap, abs=1.5)


def test_noise_and_nothing_else_follows_the_seed():
    a, b, c = (torso_phantom(**GRID, seed=s) for s in (0, 0, 1))
    assert torch.equal(a.image, b.image) and not torch.equal(a.image, c.image)
    assert torch.equal(a.label, c.label)
    assert float((a.image - torso_phantom(**GRID, noise_hu=0).image).std()) == pytest.approx(25, rel=0.02)


def test_an_offset_moves_the_patient_in_the_frame():
    plain, moved = torso_phantom(**GRID), torso_phantom(**GRID, offset_mm=(0, 10, -20))
    assert torch.equal(moved.label, plain.label.roll((2, -4), (1, 2)))


def test_tubes_and_metal_are_there_and_unlabelled():
    plain = torso_phantom(**GRID, noise_hu=0)
    full = torso_phantom(**GRID, noise_hu=0, tube=True, metal=True)
    assert torch.equal(plain.label, full.label)
    changed = plain.image != full.image
    assert float(full.image.max()) == 3000 and bool((full.image[changed] >= 120).all())
    assert bool(changed[0][plain.label > 0].any()) and bool(changed[0][plain.label == 0].any())
