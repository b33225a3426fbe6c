from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics.utils import get_mask_edges
from scipy.ndimage import binary_erosion

from segkit.errors import DataError
from segkit.evaluate.pair import Pair, surface


@pytest.mark.parametrize("shape", [(9, 14), (7, 12, 10), (1, 8, 8)])
@pytest.mark.parametrize("seed", range(5))
def test_surface_is_the_mask_without_its_erosion(blob, shape, seed):
    mask = blob(seed, shape)
    assert np.array_equal(surface(mask), mask & ~binary_erosion(mask))


def test_surface_is_that_of_monai(blob):
    a, b = blob(1, (12, 13, 11)), blob(2, (12, 13, 11))
    pair = Pair(a, b)
    theirs = [np.asarray(edges) for edges in get_mask_edges(a, b)]
    assert surface(pair.prediction).sum() == theirs[0].sum()
    assert surface(pair.truth).sum() == theirs[1].sum()


@pytest.mark.parametrize(
    ("found", "there", "status"),
    [(1, 1, "defined"), (0, 1, "missed"), (1, 0, "spurious"), (0, 0, "both_empty")],
)
def test_status_tells_which_mask_is_empty(found, there, status):
    masks = [np.zeros((3, 4), bool), np.eye(3, 4, dtype=bool)]
    assert Pair(masks[found], masks[there]).status == status


def test_diagonal_exceeds_the_distance_of_opposite_corners():
    a, b = np.zeros((2, 4, 5, 6), bool)
    a[0, 0, 0] = b[-1, -1, -1] = True
    pair = Pair(a, b, (1.0, 2.0, 3.0))
    assert pair.surface_distances[0].max() < pair.diagonal == pytest.approx(np.sqrt(4**2 + 10**2 + 18**2))


def test_tensors_and_arrays_give_the_same_pair(blob):
    a, b = blob(3, (6, 7)), blob(4, (6, 7))
    assert Pair(torch.from_numpy(a), torch.from_numpy(b)).n_common == Pair(a, b).n_common == (a & b).sum()


@pytest.mark.parametrize(
    ("prediction", "spacing", "sentence"),
    [
        (np.zeros((3, 4), int), None, "the prediction must be a boolean mask, not int64"),
        (np.zeros((3, 5), bool), None, r"the prediction has shape \(3, 5\) and the truth \(3, 4\)"),
        (np.zeros((3, 4), bool), (1.0,), "spacing_mm must hold 2 positive numbers"),
        (np.zeros((3, 4), bool), (1.0, 0.0), "spacing_mm must hold 2 positive numbers"),
        (np.zeros((3, 4), bool), (1.0, float("nan")), "spacing_mm must hold 2 positive numbers"),
    ],
)
def test_bad_masks_and_spacings_are_refused(prediction, spacing, sentence):
    with pytest.raises(DataError, match=sentence):
        Pair(prediction, np.zeros((3, 4), bool), spacing)
