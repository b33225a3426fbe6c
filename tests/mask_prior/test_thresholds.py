"""CT masks on a torso whose truth is known: couch, tubes, metal, framing; and what real scans must hold."""

from __future__ import annotations

import pytest
import torch

from segkit.data import IGNORE, crop_or_pad, to_orientation
from segkit.errors import ConfigError, DataError
from segkit.mask_prior import (
    air_mask,
    body_mask,
    bone_mask,
    ct_masks,
    lung_mask,
    torso_phantom,
)

GRID = {"shape": (24, 100, 132), "spacing_mm": (6.0, 3.0, 3.0)}


def overlap(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_body_and_lungs_with_couch_tubes_and_metal():
    case = torso_phantom(**GRID, couch_gap_mm=5, tube=True, metal=True)
    body, report = body_mask(case)
    assert overlap(body, case.label > 0) > 0.99
    assert int((body & (case.label == 0) & (case.image[0] > -300)).sum()) < 0.01 * int(body.sum())
    assert report.origin == "threshold" and report.informative and report.note == ""
    assert sorted(report.cut) == ["feet", "head"] and report.edge == 0
    lungs = lung_mask(case)
    assert overlap(lungs.voxels, case.label == 2) > 0.99
    bone = bone_mask(case)
    assert overlap(bone.voxels, case.label == 3) > 0.95
    assert bone.report.removed_components >= 0


def test_a_couch_and_a_tube_that_touch_the_skin_are_cut_off():
    fine = {"shape": (12, 160, 200), "spacing_mm": (5.0, 2.0, 2.0)}
    free = body_mask(torso_phantom(**fine, couch_gap_mm=None)).voxels
    # The gap is that of the deepest slice, which these few do not reach.
    case = torso_phantom(**fine, couch_gap_mm=-7, tube=True)
    assert overlap(free, body_mask(case).voxels) > 0.999
    # Without the opening, the board and the tube would be part of the patient.
    assert overlap(free, body_mask(case, open_mm=0).voxels) < 0.99


@pytest.mark.parametrize("gap", [2, 4, 8, 12])
def test_the_couch_is_no_part_of_the_body_wherever_it_is(gap):
    fine = {"shape": (12, 160, 200), "spacing_mm": (5.0, 2.0, 2.0)}
    free = body_mask(torso_phantom(**fine, couch_gap_mm=None)).voxels
    case = torso_phantom(**fine, couch_gap_mm=gap)
    with_couch = body_mask(case).voxels
    assert overlap(free, with_couch) > 0.999
    couch = (case.label == 0) & (case.image[0] > -300)
    assert int((with_couch & couch).sum()) == 0


def test_what_floats_in_the_air_is_counted():
    heap = torso_phantom((20, 60, 80), (8.0, 5.0, 5.0), couch_gap_mm=None)
    image = heap.image.clone()
    image[0, 4:14, 2:9, 2:12] = 100.0  # 80 × 35 × 50 mm of something beside the patient
    _, report = body_mask(heap.with_(image=image))
    assert report.removed_components == 1
    assert report.removed_share == pytest.approx(10 * 7 * 10 / int((image[0] > -300).sum()), rel=0.3)


def test_soft_tissue_may_be_ten_percent_denser_or_lighter():
    plain = body_mask(torso_phantom(**GRID)).voxels
    for factor in (0.9, 1.1):
        assert overlap(plain, body_mask(torso_phantom(**GRID, tissue=factor)).voxels) > 0.999


def test_flips_and_shifts_move_the_masks_along():
    case = torso_phantom(**GRID, tube=True)
    masks = ct_masks(case, ["body", "lungs", "bone"])
    for axes in ([1], [2, 3]):
        turned = ct_masks(case.with_(image=case.image.flip(axes)), ["body", "lungs", "bone"])
        for name, mask in masks.items():
            assert torch.equal(turned[name].voxels, mask.voxels.flip([a - 1 for a in axes]))
    moved = case.with_(image=case.image.roll((3, -4), (2, 3)))
    assert torch.equal(body_mask(moved).voxels, masks["body"].voxels.roll((3, -4), (1, 2)))


def test_slices_are_axial_whatever_the_order_of_the_axes():
    case = torso_phantom(**GRID)
    turned = to_orientation(case, "RAS")
    assert overlap(body_mask(turned).voxels, turned.label > 0) > 0.99
    assert body_mask(turned).report.cut.keys() == {"head", "feet"}


def test_the_outline_does_not_retract_at_the_first_and_last_slice():
    case = torso_phantom(**GRID)
    body = body_mask(case).voxels
    for end in (0, -1):
        assert overlap(body[end], case.label[end] > 0) > 0.99


def test_a_field_of_view_inside_the_body_is_reported():
    case = torso_phantom((20, 30, 24), (6.0, 3.0, 3.0), lungs=False)
    body, report = body_mask(case)
    assert bool(body.all()) and not report.informative
    assert report.note.startswith("the body mask covers 100.0 % of the image")
    # Cut in one direction, the outline is still seen in the other.
    half = torso_phantom((20, 90, 60), (6.0, 3.0, 3.0))
    report = body_mask(half).report
    assert report.informative and {"left", "right"} <= report.cut.keys()


def test_a_field_of_view_that_shows_almost_no_outline_is_reported():
    case = torso_phantom((20, 64, 60), (6.0, 3.0, 3.0), lungs=False, offset_mm=(0, 20, 0))
    report = body_mask(case).report
    assert 0.6 < report.edge < 1 and report.share < 0.98
    assert "the field of view lies inside the patient" in report.note


def test_no_lungs_no_head_and_no_air_are_said_to_be_empty():
    case = torso_phantom(**GRID, lungs=False)
    masks = ct_masks(case)
    for name in ("lungs", "cranium", "air"):
        assert masks[name].report.share == 0
        assert masks[name].report.note == f"the {name} mask is empty and says nothing about position"


def test_together_and_alone_masks_are_the_same():
    case = torso_phantom(**GRID, metal=True)
    masks = ct_masks(case)
    body = masks["body"]
    for name, make in (("air", air_mask), ("bone", bone_mask), ("lungs", lung_mask)):
        assert torch.equal(make(case).voxels, masks[name].voxels)
        assert make(case, body=body).report == masks[name].report
    with pytest.raises(ConfigError, match="did you mean 'lungs'"):
        ct_masks(case, ["lung"])


def test_real_organs_lie_in_the_masks_that_hold_them(cases_of):
    for case in cases_of("openkbp", 3):
        masks = ct_masks(case)

        def inside(organ: str, name: str) -> float:
            return float(masks[name].voxels[case.label == case.classes.index(organ)].float().mean())  # noqa: B023

        # A contour may go on where nothing was scanned.
        assert min(inside(organ, "body") for organ in case.classes[1:]) > 0.8
        assert inside("mandible", "bone") > 0.6
        assert inside("brainstem", "cranium") > 0.99
        assert inside("left parotid", "cranium") < 0.02 and inside("larynx", "cranium") == 0
        assert 800 < masks["cranium"].report.volume_ml < 1800
        assert inside("brainstem", "bone") < 0.05
        assert 0.05 < masks["body"].report.share < 0.4
        assert all(mask.voxels.dtype == torch.bool for mask in masks.values())


def test_real_scans_have_lungs_at_their_lower_end(cases_of):
    for case in cases_of("openkbp", 3):
        lungs, report = lung_mask(case)
        if report.share:  # the phantom of this set ends above the lungs
            assert 200 < report.volume_ml < 6000 and "feet" in report.cut
            assert lungs.nonzero()[:, 2].double().mean() > 0.6 * case.shape[2]  # the trachea reaches up


def test_what_is_not_in_hu_is_refused(cases_of):
    case = cases_of("openkbp", 1)[0]
    wrong = {
        "stored values": case.image + 1024,
        "stored values with noise": case.image + 1024 + 25 * torch.randn(case.image.shape),
        "a window": ((case.image + 160) / 400).clamp(0, 1),
        "z-scores": (case.image - case.image.mean()) / case.image.std(),
        "a second offset": case.image - 1024,
    }
    for image in wrong.values():
        with pytest.raises(DataError, match=r"are not Hounsfield units: undo normalisation"):
            body_mask(case.with_(image=image))


def test_a_head_without_any_air_is_in_hu(cases_of):
    case = cases_of("openkbp", 1)[0]
    inside = [slice(int(i.min()) + 12, int(i.max()) - 12) for i in (case.label > 0).nonzero().T]
    crop = case.image[(slice(None), *inside)].clamp(min=-200)
    assert bone_mask(case.with_(image=crop, label=None)).report.share > 0


def test_much_dense_material_beside_air_is_in_hu():
    case = torso_phantom(**GRID)
    image = case.image.clone()
    image[0, :, 40:70, 40:70] = 1000.0
    assert float((image == 1000).float().mean()) > 0.05
    assert body_mask(case.with_(image=image)).report.informative


def test_spacing_is_needed(cases_of):
    case = cases_of("openkbp", 1)[0].with_(spacing_mm=None)
    with pytest.raises(DataError, match=r"has no spacing, but masks of a CT are made with radii in mm"):
        ct_masks(case)


def test_a_body_of_another_case_is_refused():
    body = body_mask(torso_phantom((12, 40, 56), (9.0, 8.0, 8.0)))
    with pytest.raises(DataError, match=r"the body mask has shape \(12, 40, 56\) but case torso-0 has"):
        air_mask(torso_phantom(**GRID), body=body)


def test_padding_of_2000_hu_below_air_does_no_harm():
    case = torso_phantom(**GRID)
    padded = crop_or_pad(case, (24, 120, 150), pad_label=IGNORE)
    image = torch.where(padded.label[None] == IGNORE, torch.tensor(-3024.0), padded.image)
    body = body_mask(padded.with_(image=image)).voxels
    assert overlap(body, padded.label > 0) > 0.99
