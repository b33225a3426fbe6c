"""Two stages in memory: the crop they look at, the mask they give back, and where it lies."""

from __future__ import annotations

import pytest
import torch

from segkit.data import resample, to_orientation
from segkit.errors import DataError
from segkit.evaluate import predict_case
from segkit.voxel_metric import Located, Stage, TwoStage, fit_box, paste
from segkit.voxel_metric.localising import to_point
from tests.voxel_metric.test_boxes import case_of


def bright_case(**options):
    """A block that is seen in the image as it is labelled."""
    case = case_of((4, 6, 8), (5, 4, 3), **options)
    return case.with_(image=2 * case.label[None].float() - 1)


def by_brightness(image):
    return torch.cat([-image, image], 1)


CASE = bright_case()
FINE = Stage(by_brightness, spacing_mm=CASE.spacing_mm)
COARSE = Stage(by_brightness, [{"name": "resample", "kwargs": {"spacing_mm": [3, 3, 3]}}], (3.0, 3.0, 3.0))
BOX = fit_box([CASE], margin_mm=3.0)


def test_the_mask_lies_on_the_grid_of_the_image():
    result = TwoStage(COARSE, FINE, BOX).predict(CASE)
    assert result.located.found
    assert torch.equal(result.labels, CASE.label)
    assert result.crop.shape == BOX.size


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 3.0, 4.0)])
@pytest.mark.parametrize("codes", ["RAS", "SLP"])
def test_other_spacings_and_orientations_come_back(spacing, codes):
    steps = [
        {"name": "to_orientation", "kwargs": {"codes": codes}},
        {"name": "resample", "kwargs": {"spacing_mm": spacing}},
    ]
    fine = resample(to_orientation(CASE, codes), spacing)
    two = TwoStage(COARSE, Stage(by_brightness, steps, spacing), fit_box([fine], margin_mm=5.0), pad=True)
    labels = two.predict(CASE).labels
    assert torch.equal(labels, predict_case(by_brightness, CASE, steps=steps))
    assert int(labels.sum()) > 20


def test_what_lies_outside_of_the_box_is_background():
    case = CASE.with_(image=torch.ones_like(CASE.image))
    result = TwoStage(FINE, FINE, BOX).predict(case, located=TwoStage(COARSE, FINE, BOX).localise(CASE))
    assert int(result.labels.sum()) == BOX.size[0] * BOX.size[1] * BOX.size[2]
    first = BOX.start(case.shape, result.located.index(case))
    window = tuple(slice(f, f + n) for f, n in zip(first, BOX.size, strict=True))
    assert bool((result.labels[window] == 1).all())


def test_where_stage_1_finds_nothing_the_case_is_flagged_and_still_segmented():
    blind = Stage(lambda image: torch.cat([image + 9, -image - 9], 1), spacing_mm=CASE.spacing_mm)
    result = TwoStage(blind, FINE, BOX).predict(CASE)
    assert not result.located.found
    assert torch.equal(result.labels, CASE.label)  # the mean place of the training cases is its own


def test_the_mean_place_is_one_of_the_grid_of_stage_2():
    """Stage 1 may see other axes, to which shares of stage 2's image do not belong."""
    steps = [
        {"name": "to_orientation", "kwargs": {"codes": "SLP"}},
        {"name": "resample", "kwargs": {"spacing_mm": [3, 3, 3]}},
    ]
    blind = Stage(lambda image: torch.cat([image + 9, -image - 9], 1), steps, (3.0, 3.0, 3.0))
    result = TwoStage(blind, FINE, BOX).predict(CASE)
    assert not result.located.found
    assert torch.equal(result.labels, CASE.label)


def test_an_oracle_may_say_where():
    far = Located(to_point((15.0, 20.0, 3.0), CASE), True)
    assert int(TwoStage(FINE, FINE, BOX).predict(CASE, located=far).labels.sum()) == 0


def test_options_of_the_prediction_reach_stage_2():
    seen = []

    def watching(image):
        seen.append(image.shape)
        return by_brightness(image)

    two = TwoStage(FINE, Stage(watching, spacing_mm=CASE.spacing_mm), BOX)
    assert torch.equal(two.predict(CASE, flips=(0,)).labels, CASE.label)
    assert seen == [(1, 1, *BOX.size)] * 2


def test_a_padded_crop_is_pasted_without_its_padding():
    box = fit_box([CASE], margin_mm=40.0)
    with pytest.raises(DataError, match="is larger than the image"):
        TwoStage(FINE, FINE, box).predict(CASE)
    assert torch.equal(TwoStage(FINE, FINE, box, pad=True).predict(CASE).labels, CASE.label)


def test_a_crop_beside_the_image_gives_background():
    crop = CASE.with_(affine=CASE.affine.copy())
    crop.affine[:3, 3] += 500
    assert int(paste(torch.ones(2, *CASE.shape), crop, CASE).sum()) == 0


@pytest.mark.parametrize("name", ["stage 1", "stage 2"])
def test_a_case_that_does_not_come_to_the_spacing_of_a_net_is_refused(name):
    other = Stage(by_brightness, spacing_mm=(1.0, 1.0, 1.0))
    two = TwoStage(other, FINE, BOX) if name == "stage 1" else TwoStage(FINE, other, BOX)
    with pytest.raises(DataError, match=f"{name} was trained at 1 × 1 × 1 mm, but a has 1 × 2 × 3 mm"):
        two.predict(CASE)


def test_two_dimensions():
    def flat(case):
        return case.with_(image=case.image[..., 9], label=case.label[..., 9], spacing_mm=(1.0, 2.0))

    case = flat(CASE)
    stage = Stage(by_brightness, spacing_mm=(1.0, 2.0))
    assert torch.equal(
        TwoStage(stage, stage, fit_box([case], margin_mm=2.0)).predict(case).labels, case.label
    )
