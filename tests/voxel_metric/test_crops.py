"""Training crops of stage 2: about the centroid, shaken by the error of stage 1, functions of the seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segkit.errors import DataError
from segkit.voxel_metric import CropBatches, centroid, contained, fit_box, with_distances
from tests.voxel_metric.test_boxes import BLOCK, case_of


def box_of(error=(2.0, 2.0, 3.0)):
    return replace(fit_box([BLOCK], margin_mm=2.0), error_mm=error)


def starts(batches, n):
    """First voxels of the crops, read off the numbers in the image."""
    first = [int(row[0, 0, 0, 0]) for i in range(n) for row in batches[i]["image"]]
    return np.array([np.unravel_index(one, BLOCK.shape) for one in first])


def test_without_an_error_the_crop_is_that_of_the_prediction():
    box = box_of((0.0, 0.0, 0.0))
    found = starts(CropBatches([BLOCK], box, batch_size=2, seed=0), 3)
    assert (found == box.start(BLOCK.shape, centroid(BLOCK.label))).all()


def test_crops_are_shaken_uniformly_by_the_error():
    box = box_of()
    found = starts(CropBatches([BLOCK], box, batch_size=4, seed=0), 100)
    middle = np.array(box.start(BLOCK.shape, centroid(BLOCK.label)))
    reach = np.array(box.error_mm) / np.array(box.spacing_mm)
    assert (np.abs(found - middle) <= np.ceil(reach)).all()
    for axis in range(3):
        assert len(np.unique(found[:, axis])) >= 2 * reach[axis]
    exact = np.array(centroid(BLOCK.label)) - (np.array(box.size) - 1) / 2
    assert np.abs(found.mean(0) - exact).max() < 0.2


def test_batches_are_functions_of_seed_and_iteration():
    cases = [BLOCK, case_of((9, 10, 5), (5, 4, 3), name="b")]
    first, again = (CropBatches(cases, box_of(), batch_size=2, seed=3) for _ in range(2))
    again[0]
    assert torch.equal(first[7]["image"], again[7]["image"])
    assert not torch.equal(first[7]["image"], CropBatches(cases, box_of(), batch_size=2, seed=4)[7]["image"])


def test_maps_are_cut_with_the_image_and_structures_stay_inside():
    case = with_distances(BLOCK)
    box = fit_box([BLOCK], predicted=[(7.0, 8.0, 10.0)], margin_mm=0.0)
    batches = CropBatches([case], box, batch_size=2, seed=0, keys=("image", "label", "distance_mm"))
    for i in range(10):
        batch = batches[i]
        assert batch["distance_mm"].shape == (2, 1, *box.size)
        assert torch.equal(batch["distance_mm"][:, 0] < 0, batch["label"] == 1)
        assert int((batch["label"] == 1).sum()) == 2 * 60
    assert contained(case, box, centroid(case.label))


def test_an_image_smaller_than_the_box_is_padded_if_asked():
    box = replace(fit_box([BLOCK], margin_mm=30.0), error_mm=(0.0, 0.0, 0.0))
    with pytest.raises(DataError, match=r"a crop of 66 × 35 × 24 voxels is larger than the image of a"):
        CropBatches([BLOCK], box, batch_size=1, seed=0)
    batch = CropBatches([BLOCK], box, batch_size=1, seed=0, pad=True)[0]
    assert batch["image"].shape[2:] == box.size
    assert int((batch["label"] == 1).sum()) == 60


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spacing_mm": (1.0, 1.0, 1.0)}, "the box was fitted at 1 × 2 × 3 mm"),
        ({"label": 0 * BLOCK.label}, "no case has a voxel of a foreground class"),
    ],
)
def test_mistakes_get_a_sentence(change, words):
    with pytest.raises(DataError, match=words):
        CropBatches([BLOCK.with_(**change)], box_of(), batch_size=1, seed=0)


def test_one_case_without_a_structure_is_named():
    empty = BLOCK.with_(label=0 * BLOCK.label, id="empty")
    with pytest.raises(DataError, match="case empty has no labelled structure"):
        CropBatches([BLOCK, empty], box_of(), batch_size=1, seed=0)
