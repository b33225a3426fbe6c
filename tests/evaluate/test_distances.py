from __future__ import annotations

import warnings
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

from segkit.errors import ConfigError
from segkit.evaluate import assd_mm, centroid_distance_mm, hd95_mm
from segkit.evaluate.pair import Pair, directed_distances

with warnings.catch_warnings():  # the package uses SciPy names that are on their way out
    warnings.simplefilter("ignore")
    import surface_distance
    from scipy.ndimage import correlate

DISTANCES = [hd95_mm, assd_mm, centroid_distance_mm]
SPACING = (0.8, 1.5, 3.0)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize(("shape", "spacing"), [((14, 17), (0.5, 2.0)), ((11, 12, 9), SPACING)])
@pytest.mark.parametrize("seed", range(0, 10, 2))
def test_surface_distances_agree_with_monai(blob, shape, spacing, seed):
    p, t = blob(seed, shape), blob(seed + 1, shape)
    one_hot = [torch.from_numpy(m)[None, None] for m in (p, t)]
    options = {"include_background": True, "spacing": spacing}
    hausdorff = compute_hausdorff_distance(*one_hot, percentile=95, **options).item()
    average = compute_average_surface_distance(*one_hot, symmetric=True, **options).item()
    assert hd95_mm(p, t, spacing_mm=spacing).value == pytest.approx(hausdorff, rel=1e-5)
    assert assd_mm(p, t, spacing_mm=spacing).value == pytest.approx(average, rel=1e-5)


def peer(p, t, spacing):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return surface_distance.compute_surface_distances(t, p, spacing)


def corners(mask):
    """Where `surface-distance` puts surface elements: voxel corners with voxels of both kinds around them."""
    around = correlate(np.pad(mask, 1).astype(int), np.ones((2,) * mask.ndim, int), mode="constant")
    return (around > 0) & (around < 2**mask.ndim)


@pytest.mark.parametrize("seed", range(5))
def test_on_the_same_surface_distances_equal_those_of_surface_distance(blob, seed):
    """Their surface lies on voxel corners, ours on voxel centres: with theirs put in, we find theirs."""
    p, t = blob(seed, (10, 9, 11)), blob(seed + 50, (10, 9, 11))
    from_p, from_t = directed_distances(corners(p), corners(t), np.array(SPACING))
    theirs = peer(p, t, SPACING)
    np.testing.assert_allclose(np.sort(from_p), np.sort(theirs["distances_pred_to_gt"]))
    np.testing.assert_allclose(np.sort(from_t), np.sort(theirs["distances_gt_to_pred"]))


@pytest.mark.parametrize("seed", range(5))
def test_farthest_surface_voxels_lie_within_a_voxel_of_surface_distance(blob, seed):
    """A surface voxel's centre lies half a voxel's diagonal from a corner of theirs, and the reverse."""
    p, t = blob(seed, (12, 11, 10)), blob(seed + 50, (12, 11, 10))
    ours, theirs = Pair(p, t, SPACING).surface_distances, peer(p, t, SPACING)
    voxel = np.linalg.norm(SPACING)
    assert abs(ours[0].max() - theirs["distances_pred_to_gt"].max()) <= voxel
    assert abs(ours[1].max() - theirs["distances_gt_to_pred"].max()) <= voxel


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), SPACING])
def test_a_shifted_cube_is_as_far_as_surface_distance_says(spacing):
    """Far faces hold a sixth of the surface, more than the 5 % that HD95 leaves out: both give the shift."""
    p, t = np.zeros((2, 20, 20, 20), bool)
    t[2:12, 4:14, 4:14] = p[7:17, 4:14, 4:14] = True
    theirs = surface_distance.compute_robust_hausdorff(peer(p, t, spacing), 95)
    assert hd95_mm(p, t, spacing_mm=spacing).value == pytest.approx(theirs) == pytest.approx(5 * spacing[0])


def test_distances_between_balls_are_close_to_surface_distance(ball):
    """With a few voxels to the radius the two definitions differ by less than half a voxel."""
    p = ball((40, 40, 40), (22.0, 19.0, 20.0), 13.0, (1, 1, 1))
    t = ball((40, 40, 40), (18.0, 19.0, 20.0), 11.0, (1, 1, 1))
    theirs = peer(p, t, (1, 1, 1))
    assert hd95_mm(p, t, spacing_mm=(1, 1, 1)).value == pytest.approx(
        surface_distance.compute_robust_hausdorff(theirs, 95), abs=0.5
    )
    average = np.mean(surface_distance.compute_average_surface_distance(theirs))
    assert assd_mm(p, t, spacing_mm=(1, 1, 1)).value == pytest.approx(average, abs=0.5)


@settings(deadline=None)
@given(st.tuples(*[st.integers(-3, 3)] * 3))
def test_centroid_of_a_shifted_ball_moves_by_the_shift_in_mm(ball, shift):
    truth = ball((20, 16, 14), (8.0, 12.0, 21.0), 5.0, SPACING)
    moved = np.roll(truth, shift, axis=(0, 1, 2))
    expected = np.linalg.norm(np.array(shift) * SPACING)
    measure = centroid_distance_mm(moved, truth, spacing_mm=SPACING)
    assert (measure.value, measure.unit) == (pytest.approx(expected), "mm")
    for metric in (hd95_mm, assd_mm):
        assert metric(moved, truth, spacing_mm=SPACING).value <= expected + 1e-9


def test_a_slab_that_grew_on_one_side_has_a_closed_form():
    t, p = np.zeros((2, 12, 6, 6), bool)
    t[2:5], p[2:8] = True, True
    spacing = (0.5, 1, 1)
    # The slabs fill the image sideways, so their surfaces are two faces of 36 voxels and a rim of 20 a layer
    # between: 92 voxels of the truth, 152 of the prediction. Of the truth only the 16 inner voxels of the
    # upper face are inside the prediction, 1 mm from a surface; three layers of it lie above the truth.
    from_truth, from_prediction = 16 * 1.0, 20 * 0.5 + 20 * 1.0 + 36 * 1.5
    assert assd_mm(p, t, spacing_mm=spacing).value == pytest.approx(
        (from_truth + from_prediction) / (92 + 152)
    )
    assert hd95_mm(p, t, spacing_mm=spacing).value == 1.5
    assert centroid_distance_mm(p, t, spacing_mm=spacing).value == 0.75


@pytest.mark.parametrize("metric", DISTANCES)
class TestEveryDistance:
    def test_is_symmetric(self, blob, metric):
        p, t = blob(1, (9, 10, 8)), blob(2, (9, 10, 8))
        assert metric(p, t, spacing_mm=SPACING).value == pytest.approx(metric(t, p, spacing_mm=SPACING).value)

    def test_follows_a_permutation_of_axes(self, blob, metric):
        p, t = blob(3, (9, 10, 8)), blob(4, (9, 10, 8))
        values = [
            metric(p.transpose(order), t.transpose(order), spacing_mm=tuple(SPACING[i] for i in order)).value
            for order in permutations(range(3))
        ]
        assert values == pytest.approx([values[0]] * 6)

    def test_scales_with_the_spacing(self, blob, metric):
        p, t = blob(5, (9, 10)), blob(6, (9, 10))
        small, large = (metric(p, t, spacing_mm=(f, 2 * f)).value for f in (1.0, 3.0))
        assert large == pytest.approx(3 * small)

    def test_does_not_see_the_empty_space_around(self, blob, metric):
        p, t = blob(7, (9, 10, 8)), blob(8, (9, 10, 8))
        padded = [np.pad(m, 3) for m in (p, t)]
        assert metric(*padded, spacing_mm=SPACING).value == pytest.approx(
            metric(p, t, spacing_mm=SPACING).value
        )

    def test_is_zero_for_a_perfect_prediction(self, blob, metric):
        mask = blob(9, (9, 10, 8))
        assert metric(mask, mask, spacing_mm=SPACING).value == 0.0

    def test_without_spacing_is_in_voxels(self, blob, metric):
        p, t = blob(1, (9, 10, 8)), blob(2, (9, 10, 8))
        measure = metric(p, t, spacing_mm=None)
        assert measure.unit == "voxels"
        assert measure.value == metric(p, t, spacing_mm=(1, 1, 1)).value

    def test_one_empty_mask_is_worth_the_diagonal(self, metric):
        empty, full = np.zeros((3, 4), bool), np.ones((3, 4), bool)
        missed = metric(empty, full, spacing_mm=(2.0, 2.0))
        spurious = metric(full, empty, spacing_mm=(2.0, 2.0))
        assert (missed.value, missed.status, missed.policy) == (10.0, "missed", "diagonal")
        assert (spurious.value, spurious.status) == (10.0, "spurious")

    def test_one_empty_mask_may_be_left_undefined(self, metric):
        empty, full = np.zeros((3, 4), bool), np.ones((3, 4), bool)
        assert metric(empty, full, spacing_mm=None, policy="nan").undefined
        assert metric(full, empty, spacing_mm=None, policy="nan").undefined

    def test_both_empty_is_undefined(self, metric):
        measure = metric(np.zeros((3, 4), bool), np.zeros((3, 4), bool), spacing_mm=None)
        assert measure.undefined
        assert measure.status == "both_empty"

    def test_an_unknown_policy_is_refused(self, metric):
        full = np.ones((3, 4), bool)
        with pytest.raises(ConfigError, match="did you mean 'diagonal'"):
            metric(full, full, spacing_mm=None, policy="diagonl")
