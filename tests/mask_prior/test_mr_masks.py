"""The body in MR by Otsu: abdomens hold their organs, and crops say that they have no outline."""

from __future__ import annotations

import pytest
import torch

from segkit.data import slices
from segkit.errors import DataError
from segkit.mask_prior import mr_body_mask


def test_an_abdomen_lies_in_its_body_mask(cases_of):
    for case in cases_of("chaos", 2):
        body, report = mr_body_mask(case)
        assert float(body[case.label > 0].float().mean()) > 0.999
        assert 0.25 < report.share < 0.75 and report.informative


def test_the_scale_of_intensities_does_not_matter(cases_of):
    case = cases_of("chaos", 1)[0]
    body = mr_body_mask(case).voxels
    z = (case.image - case.image.mean()) / case.image.std()
    other = mr_body_mask(case.with_(image=z)).voxels
    assert float((body == other).float().mean()) > 0.999


def test_a_crop_inside_the_body_says_that_there_is_no_outline(cases_of):
    notes = [mr_body_mask(case).report.note for case in cases_of("hippocampus", 4)]
    assert all(note for note in notes), notes


def test_without_spacing_slices_are_cleaned_one_by_one(cases_of):
    case = cases_of("chaos", 1)[0]
    image, label = case.image.movedim(-1, 1).contiguous(), case.label.movedim(-1, 0)
    turned = case.with_(image=image, label=label, spacing_mm=None)
    body = mr_body_mask(turned).voxels
    assert float(body[label > 0].float().mean()) > 0.95
    # Three slices of body are thinner than a ball of six voxels, and yet they are body.
    image = torch.zeros(1, 12, 40, 40)
    image[0, 4:7, 4:30, 4:30], image[0, 4:7, 10:20, 10:20] = 0.3, 1.0
    few = mr_body_mask(turned.with_(image=image, label=None)).voxels
    assert few[4:7, 10, 10].all() and not few[:4].any() and not few[7:].any()
    plane = slices(case.with_(label=None), axis=2)[2]
    assert mr_body_mask(plane).voxels.shape == case.shape[:2]


def test_a_constant_image_is_refused(cases_of):
    case = cases_of("chaos", 1)[0]
    with pytest.raises(DataError, match="the image is constant"):
        mr_body_mask(case.with_(image=torch.ones_like(case.image)))
