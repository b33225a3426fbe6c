"""Signed distances of a case: right on anisotropic grids, beside what is ignored, and after augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import Augment, Case, PatchBatches, contour_band, phantom, signed_distance_mm
from segkit.errors import ConfigError, DataError
from segkit.voxel_metric import band_width_mm, in_band, with_distances


def case_of(label, spacing_mm):
    affine = np.diag([*(spacing_mm or (1.0,) * label.ndim), *[1.0] * (3 - label.ndim), 1.0])
    names = ("background", "a", "b", "c")[: max(2, int(label.max()) + 1)]
    image = torch.zeros(1, *label.shape)
    return Case(image, label, spacing_mm, affine, id="x", group="x", classes=names).validate()


def blobs(seed=0, shape=(14, 12, 9)):
    """Two touching blocks on a grid."""
    label = torch.zeros(shape, dtype=torch.int64)
    label[3:7, 3:9, 2:6] = 1
    label[7:11, 4:9, 3:7] = 2
    return label


def test_maps_are_the_signed_distances_of_the_whole_image_cut_off_at_the_reach():
    label, spacing = blobs(), (1.0, 1.5, 3.0)
    found = with_distances(case_of(label, spacing), reach_mm=5.0).meta["distance_mm"]
    for k in (1, 2):
        wanted = signed_distance_mm(label == k, spacing).clamp(-5, 5)
        torch.testing.assert_close(found[k - 1], wanted)
    assert float(found.max()) == 5.0


def test_a_structure_that_is_not_there_is_beyond_reach():
    label = blobs()
    label[label == 1] = 0
    found = with_distances(case_of(label, (1.0, 1.0, 1.0)), reach_mm=7.0).meta["distance_mm"]
    assert bool((found[0] == 7).all())


def test_beside_ignored_voxels_there_is_no_contour():
    label = torch.zeros(9, 9, dtype=torch.int64)
    label[2:7, 2:7] = 1
    label[:, 5:] = -1
    found = with_distances(case_of(label, (1.0, 1.5))).meta["distance_mm"][0]
    assert float(found[4, 4]) == -3.0  # an ignored voxel is 1.5 mm away
    wanted = -signed_distance_mm((label != 1) & (label >= 0), (1.0, 1.5))
    torch.testing.assert_close(found[label == 1], wanted[label == 1])


def test_the_map_travels_with_the_image():
    case = phantom("hippocampus", 0)
    case = with_distances(case)
    augment = Augment(spatial=1.0, rotate_deg=15, scale=0.0, flip_axes=(0,), intensity=0.0)
    keys = ("image", "label", "distance_mm")
    batches = PatchBatches([case], patch=(32, 40, 32), batch_size=2, seed=0, augment=augment, keys=keys)
    batch = batches[0]
    assert batch["distance_mm"].shape == (2, 2, 32, 40, 32)
    for label, found in zip(batch["label"], batch["distance_mm"], strict=True):
        anew = signed_distance_mm(label == 1, case.spacing_mm).clamp(-20, 20)
        near = anew.abs() < 4
        assert float((found[0] - anew)[near].abs().mean()) < 0.4
        assert float(((found[0] < 0) == (label == 1)).float().mean()) > 0.99


@pytest.mark.parametrize("width", [1.0, 3.0, 6.0])
def test_the_band_of_the_distances_is_that_of_the_labels(width):
    label, spacing = blobs(), (1.0, 1.5, 3.0)
    label[:, :3] = -1
    distance = with_distances(case_of(label, spacing)).meta["distance_mm"]
    found = in_band(label[None], distance[None], width)[0]
    assert torch.equal(found, contour_band(label, width, spacing) & (label >= 0))
    assert 0 < int(found.sum()) < label.numel()


def test_two_dimensions_and_voxels_for_a_set_without_spacing():
    label = blobs()[..., 4]
    found = with_distances(case_of(label, None), in_voxels=True).meta["distance_mm"]
    assert found.shape == (2, 14, 12)
    torch.testing.assert_close(found[0], signed_distance_mm(label == 1).clamp(-20, 20))


def test_what_was_in_meta_stays_and_the_case_does_not_change():
    case = phantom("hippocampus", 0)
    found = with_distances(case)
    assert found.meta["seed"] == 0 and "distance_mm" not in case.meta


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.7, 4.7, 3.0), (1.0, 2.0, 8.0)])
def test_a_band_reaches_every_voxel_beside_a_contour(spacing):
    width = band_width_mm(spacing, 4.0)
    assert width >= 4.0
    label = blobs()
    band = contour_band(label, width, spacing)
    for axis in range(3):  # faces of all directions lie in it
        a, b = label.narrow(axis, 0, label.shape[axis] - 1), label.narrow(axis, 1, label.shape[axis] - 1)
        touching = band.narrow(axis, 0, label.shape[axis] - 1)[a != b]
        assert bool(touching.all())


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ({"label": None}, {}, DataError, "no labelled structures"),
        ({"spacing_mm": None}, {}, DataError, "has no spacing, so a band cannot be given in mm"),
        ({}, {"reach_mm": 0}, ConfigError, "reach_mm must be positive"),
        ({"classes": ("background",)}, {}, DataError, "no contour to measure from"),
    ],
)
def test_mistakes_get_a_sentence(change, options, error, words):
    with pytest.raises(error, match=words):
        with_distances(phantom("hippocampus", 0).with_(**change), **options)
