"""Channels: what they say, and that they stay with the image whatever augmentation does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import (
    Compose,
    NormalizeIntensityd,
    RandAffined,
    RandGaussianNoised,
    RandScaleIntensityd,
)

from segkit.data import IGNORE, Augment, PatchBatches, WholeBatches, signed_distance_mm, z_score
from segkit.errors import ConfigError, DataError
from segkit.mask_prior import (
    BodyCoordinatesd,
    GridCoordinatesd,
    OccurrenceMapd,
    OccurrenceMaps,
    SignedDistanced,
    stacked,
    with_channels,
    with_maps,
)
from tests.mask_prior.small import ball, masked

KEYS = ("image", "label", "mask", "distance", "coordinates")


def full_case(**options):
    return with_channels(masked(ball(**options)), [SignedDistanced(scale_mm=10), BodyCoordinatesd()])


def test_the_distance_is_in_mm_and_computed_once():
    case = full_case(spacing=(2.0, 1.0, 1.0))
    expected = signed_distance_mm(case.label > 0, case.spacing_mm) / 10
    assert torch.equal(case.meta["distance"][0], expected)
    assert case.meta["distance"].dtype == torch.float32
    batches = WholeBatches([case], batch_size=1, seed=0, keys=KEYS)
    assert batches[0]["distance"].untyped_storage().nbytes() > 0
    assert torch.equal(batches[3]["distance"][0], case.meta["distance"])


def test_without_spacing_the_distance_is_in_voxels():
    case = masked(ball()).with_(spacing_mm=None)
    found = with_channels(case, [SignedDistanced(scale_mm=1.0)]).meta["distance"][0]
    assert torch.equal(found, signed_distance_mm(case.meta["mask"]))


def test_body_coordinates_are_minus_one_to_one_in_the_box():
    case = full_case()
    where = case.meta["mask"].nonzero()
    coordinates = case.meta["coordinates"]
    for axis in range(3):
        low, high = int(where[:, axis].min()), int(where[:, axis].max())
        line = coordinates[axis].movedim(axis, 0).flatten(1)
        assert (line == line[:, :1]).all()
        assert line[low, 0] == -1 and line[high, 0] == 1
        assert line[0, 0] == pytest.approx(2 * (0 - low) / (high - low) - 1)


def test_a_box_of_one_voxel_has_the_coordinate_zero():
    case = ball(shape=(5, 6))
    mask = torch.zeros(5, 6, dtype=torch.bool)
    mask[2] = True
    coordinates = with_channels(with_maps(case, mask=mask), [BodyCoordinatesd()]).meta["coordinates"]
    assert (coordinates[0] == 0).all()
    assert coordinates[1, 0].tolist() == pytest.approx(np.linspace(-1, 1, 6).tolist(), abs=1e-6)


def test_coordconv_is_that_of_monai():
    grid = with_channels(ball(shape=(5, 7)), [GridCoordinatesd()]).meta["grid"]
    assert grid.shape == (2, 5, 7) and type(grid) is torch.Tensor
    assert grid[0, :, 0].tolist() == pytest.approx([-0.5, -0.25, 0, 0.25, 0.5])
    assert grid[1, 0, [0, -1]].tolist() == pytest.approx([-0.5, 0.5])


def test_occurrence_maps_come_as_a_channel():
    cases = [ball(name) for name in "ab"]
    maps = OccurrenceMaps(cases)
    case = with_channels(cases[0], [OccurrenceMapd(maps)])
    assert torch.equal(case.meta["occurrence"], maps.for_case(cases[0]))
    with pytest.raises(DataError, match="needs the 'case' in the dictionary"):
        OccurrenceMapd(maps)({"image": cases[0].image})


@pytest.mark.parametrize("seed", range(4))
def test_augmentation_moves_everything_and_changes_the_intensity_of_the_image_alone(seed):
    case = full_case()
    augment = Augment(spatial=1.0, rotate_deg=30, scale=0.2, flip_axes=(0, 2), intensity=1.0)
    batch = WholeBatches([case], batch_size=2, seed=seed, augment=augment, keys=KEYS)[0]
    still = Augment(spatial=1.0, rotate_deg=30, scale=0.2, flip_axes=(0, 2), intensity=0.0)
    plain = WholeBatches([case], batch_size=2, seed=seed, augment=still, keys=KEYS)[0]
    for key in KEYS[1:]:
        assert torch.equal(batch[key], plain[key])
    assert not torch.equal(batch["image"], plain["image"])
    seen = batch["label"] != IGNORE
    assert torch.equal(batch["mask"][seen], batch["label"][seen] > 0)
    # Linear interpolation of a distance to within a voxel; of coordinates, in the box, exactly linear.
    sign = batch["distance"][:, 0] < 0
    assert float((sign == batch["mask"])[seen].float().mean()) > 0.97
    ends = [batch["coordinates"][b][:, batch["mask"][b]].abs().amax() for b in range(2)]
    assert max(ends) < 1.15


def test_patches_carry_the_same_place_of_every_map():
    case = full_case()
    batch = PatchBatches([case], patch=(8, 8, 8), batch_size=4, seed=1, keys=KEYS)[0]
    assert torch.equal(batch["mask"], batch["label"] > 0)
    for b in range(4):
        place = batch["coordinates"][b][:, 0, 0, 0]
        here = (case.meta["coordinates"] == place[:, None, None, None]).all(0).nonzero()[0]
        window = tuple(slice(int(i), int(i) + 8) for i in here)
        assert torch.equal(batch["distance"][b, 0], case.meta["distance"][0][window])


def test_the_transforms_stand_in_a_pipeline_of_monai():
    case = ball()
    chain = Compose(
        [
            NormalizeIntensityd("image"),
            SignedDistanced(scale_mm=10),
            BodyCoordinatesd(),
            RandAffined(
                ["image", "mask", "distance", "coordinates"],
                prob=1.0,
                rotate_range=[0.3] * 3,
                mode=["bilinear", "nearest", "bilinear", "bilinear"],
                padding_mode="border",
            ),
            RandGaussianNoised("image", prob=1.0),
            RandScaleIntensityd("image", factors=0.5, prob=1.0),
        ]
    ).set_random_state(0)
    out = chain({"image": case.image, "mask": (case.label > 0).float()[None], "spacing_mm": case.spacing_mm})
    assert set(torch.as_tensor(out["mask"]).unique().tolist()) == {0.0, 1.0}
    inside = torch.as_tensor(out["distance"])[0] < 0
    assert float((inside == (torch.as_tensor(out["mask"])[0] > 0)).float().mean()) > 0.97


def test_the_image_alone_is_normalised():
    case = stacked(z_score(with_maps(ball(), mask=torch.ones(20, 22, 24, dtype=torch.bool))), ["mask"])
    assert abs(float(case.image[0].mean())) < 1e-5
    assert (case.image[1] == 1).all()


def test_stacked_maps_lie_behind_the_image_in_order():
    case = full_case()
    both = stacked(case, ["coordinates", "mask"]).image
    assert both.shape[0] == 1 + 3 + 1 and both.dtype == torch.float32
    assert torch.equal(both[:1], case.image)
    assert torch.equal(both[1:4], case.meta["coordinates"]) and torch.equal(both[4] > 0, case.meta["mask"])
    with pytest.raises(DataError, match="has no map 'body' in its meta"):
        stacked(case, ["body"])


@pytest.mark.parametrize("transform", [SignedDistanced(), BodyCoordinatesd()])
def test_a_mask_that_is_missing_or_elsewhere_is_refused(transform):
    image = torch.zeros(1, 4, 5)
    with pytest.raises(DataError, match=r"lacks 'mask' or 'image', it has \['image'\]"):
        transform({"image": image})
    with pytest.raises(DataError, match=r"has shape \(4, 4\) but the image has \(4, 5\)"):
        transform({"image": image, "mask": torch.ones(4, 4)})


def test_an_empty_mask_has_distances_but_no_coordinates():
    case = with_maps(ball(), mask=torch.zeros(20, 22, 24, dtype=torch.bool))
    distance = with_channels(case, [SignedDistanced(scale_mm=1)]).meta["distance"]
    assert bool(distance.isfinite().all()) and float(distance.min()) > 30
    with pytest.raises(DataError, match="an empty mask has no bounding box"):
        with_channels(case, [BodyCoordinatesd()])


def test_options_that_make_no_channel_are_refused():
    with pytest.raises(ConfigError, match="scale_mm must be positive"):
        SignedDistanced(scale_mm=0)
    with pytest.raises(ConfigError, match="is made of one map"):
        SignedDistanced(["mask", "body"])
    with pytest.raises(ConfigError, match="is no image or label"):
        BodyCoordinatesd(to="image")
