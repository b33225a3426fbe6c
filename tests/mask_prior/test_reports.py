from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import phantom
from segkit.mask_prior.reports import as_mask, side_names, slice_axis
from tests.mask_prior.small import ball


def voxels(*where, shape=(20, 22, 24)):
    mask = np.zeros(shape, bool)
    mask[where] = True
    return mask


def test_figures_of_a_mask():
    case = ball(spacing=(2.0, 1.0, 1.5))
    found = voxels(slice(0, 10), slice(4, 8), slice(6, 10))
    kept = voxels(slice(0, 8), slice(4, 8), slice(6, 10))
    mask, report = as_mask(kept, case, "lungs", "threshold", found=found, removed=3)
    assert mask.dtype == torch.bool and torch.equal(mask, torch.from_numpy(kept))
    assert report.share == pytest.approx(8 * 16 / (20 * 22 * 24))
    assert report.volume_ml == pytest.approx(8 * 16 * 3 / 1000)
    assert (report.removed_components, report.removed_share) == (3, pytest.approx(0.2))
    assert report.cut == {"left": pytest.approx(16 / (22 * 24))}
    assert report.informative


def test_filled_holes_do_not_hide_what_was_removed():
    case = ball()
    found = voxels(slice(0, 4), 0, 0)
    report = as_mask(voxels(slice(2, 20)), case, "body", "threshold", found=found).report
    assert report.removed_share == 0.5


@pytest.mark.parametrize(
    ("mask", "name", "message"),
    [
        (voxels(slice(0, 0)), "lungs", "the lungs mask is empty"),
        (voxels(slice(None)), "parent", "the parent mask covers 100.0 % of the image"),
        (voxels(slice(None), slice(0, 20)), "body", "the field of view lies inside the patient"),
    ],
)
def test_masks_without_information_say_so(mask, name, message):
    report = as_mask(mask, ball(), name, "threshold").report
    assert message in report.note and not report.informative


def test_a_body_that_lost_most_of_what_was_found_says_so():
    found = voxels(slice(2, 12), slice(2, 12), slice(2, 12))
    kept = voxels(slice(2, 12), slice(2, 12), slice(2, 7))
    assert (
        "50 % of what was brighter than air is not"
        in as_mask(kept, ball(), "body", "threshold", found=found).report.note
    )
    assert as_mask(kept, ball(), "bone", "threshold", found=found).report.note == ""


def test_without_spacing_there_is_no_volume_and_sides_are_axes():
    case = ball().with_(spacing_mm=None)
    report = as_mask(voxels(slice(0, 3), 5, 5), case, "parent", "label").report
    assert report.volume_ml is None and list(report.cut) == ["axis 0, low"]
    assert slice_axis(case) == 0


def test_sides_and_slices_follow_the_affine():
    case = phantom("ct_head_neck", 0)  # axes to the back, the left and the feet
    assert side_names(case) == [("front", "back"), ("right", "left"), ("head", "feet")]
    assert slice_axis(case) == 2
    assert slice_axis(ball(shape=(5, 6))) is None


def test_padded_slices_are_not_the_end_of_the_image():
    case = ball()
    image = case.image.clone()
    image[..., 18:] = -1024.0
    report = as_mask(
        voxels(3, slice(None), slice(0, 18)), case.with_(image=image), "body", "threshold"
    ).report
    assert report.cut["head"] == pytest.approx(1 / 20)
    assert "head" not in as_mask(voxels(3, 5, slice(0, 18)), case, "body", "threshold").report.cut
