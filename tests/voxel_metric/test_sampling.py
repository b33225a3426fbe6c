"""The voxel sampler: bands in mm, exact budgets, ignored and absent classes, and that it repeats itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import contour_band
from segkit.errors import ConfigError, DataError
from segkit.voxel_metric import POLICIES, VoxelSampler, with_distances
from tests.voxel_metric.test_contours import blobs, case_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def prepared(spacing=(1.0, 1.5, 3.0), label=None):
    label = blobs() if label is None else label
    return label, with_distances(case_of(label, spacing)).meta["distance_mm"]


def drawn(sampler, label, distance, **options):
    """A sample of one image, its voxels as coordinates."""
    found = sampler(label[None], generator=generator(), distance_mm=distance[None], **options)
    return found, torch.unravel_index(found.voxel, label.shape)


@settings(max_examples=25, deadline=None)
@given(
    spacing=st.tuples(*[st.sampled_from([0.7, 1.0, 2.5, 4.0])] * 3),
    band=st.sampled_from([1.0, 3.0, 6.0]),
    ignored=st.booleans(),
    seed=st.integers(0, 99),
)
def test_band_draws_lie_in_the_band_in_mm(spacing, band, ignored, seed):
    label = blobs()
    if ignored:
        label[torch.rand(label.shape, generator=generator(seed)) < 0.2] = -1
    label, distance = prepared(spacing, label)
    sampler = VoxelSampler(per_class=6, band_mm=band, band_share=1.0)
    found, where = drawn(sampler, label, distance)
    inside = contour_band(label, band, spacing)
    for k in range(3):
        mine = found.labels == k
        places = tuple(axis[mine] for axis in where)
        # Where a class has enough voxels in the band, all of its draws lie in it.
        enough = int((inside & (label == k)).sum()) >= 6
        assert bool(inside[places].all()) or not enough
        if k:
            assert bool((distance[k - 1][places].abs() <= band).all()) or not enough


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("per_class", [16, (40, 10, 2), (0, 30, 0), 3000])
def test_every_class_that_is_present_has_exactly_its_number(policy, per_class):
    label, distance = prepared()
    flat = label.roll(1, 0)
    found, where = drawn(VoxelSampler(policy, per_class), label, distance, prediction=flat[None])
    wanted = [per_class] * 3 if isinstance(per_class, int) else per_class
    assert torch.bincount(found.labels, minlength=3).tolist() == list(wanted)
    assert torch.equal(label[where], found.labels)
    for k in range(3):
        mine = found.voxel[found.labels == k]
        assert len(mine.unique()) == min(len(mine), int((label == k).sum()))  # none twice without need


def test_shares_of_the_band_and_the_rest():
    label, distance = prepared((1.0, 1.0, 1.0))
    found, where = drawn(VoxelSampler(per_class=20, band_mm=1.0, band_share=0.75), label, distance)
    band = contour_band(label, 1.0)
    background = found.labels == 0
    assert int(band[where][background].sum()) == 15
    # Structure 1 has less than 5 voxels outside of its band: the band gives more.
    rest = int((~band & (label == 1)).sum())
    sampler = VoxelSampler(per_class=30, band_mm=1.0, band_share=0.1)
    found, where = drawn(sampler, label, distance)
    assert rest < 27
    assert int((~band[where])[found.labels == 1].sum()) == rest


def test_half_of_the_errors_policy_is_wrong_now():
    label, distance = prepared()
    prediction = torch.where(label == 1, 2, label)[None]
    prediction[0, :5] = 0
    found, where = drawn(VoxelSampler("error", per_class=20), label, distance, prediction=prediction)
    wrong = (prediction[0] != label)[where]
    assert int(wrong[found.labels == 2].sum()) == 0  # none of them is wrong: the other half gives all
    assert int(wrong[found.labels == 1].sum()) == 20  # all are
    prediction[0, 8:] = 0
    found, where = drawn(VoxelSampler("error", per_class=20), label, distance, prediction=prediction)
    assert int((prediction[0] != label)[where][found.labels == 2].sum()) == 10


def test_ignored_and_invalid_voxels_are_never_drawn():
    label, distance = prepared()
    label[::2] = -1
    valid = torch.ones_like(label, dtype=torch.bool)
    valid[:, 5] = False
    for policy in POLICIES:
        found, where = drawn(
            VoxelSampler(policy, per_class=400), label, distance, prediction=label[None], valid=valid[None]
        )
        assert int(found.labels.min()) == 0
        assert bool((label[where] >= 0).all()) and bool(valid[where].all())


def test_a_class_that_an_image_lacks_gives_no_voxels_of_it():
    label, distance = prepared()
    empty = torch.full_like(label, -1)
    both = torch.stack([label, torch.zeros_like(label), empty])
    found = VoxelSampler(per_class=8)(both, generator=generator(), distance_mm=torch.stack([distance] * 3))
    counts = torch.bincount(found.image * 3 + found.labels, minlength=9)
    assert counts.tolist() == [8, 8, 8, 8, 0, 0, 0, 0, 0]
    assert len(VoxelSampler("random")(empty[None], generator=generator())) == 0


def test_the_same_seed_draws_the_same_and_another_does_not():
    label, distance = prepared()
    first, second, other = (
        VoxelSampler(per_class=16)(label[None], generator=generator(s), distance_mm=distance[None]).voxel
        for s in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_labels_of_any_integer_type_stay_as_they_are(dtype):
    label, distance = prepared()
    given = label.to(dtype)[None]
    before = given.clone()
    found = VoxelSampler(per_class=8)(given, generator=generator(), distance_mm=distance[None])
    wanted = VoxelSampler(per_class=8)(label[None], generator=generator(), distance_mm=distance[None])
    assert torch.equal(given, before)
    assert torch.equal(found.voxel, wanted.voxel) and found.labels.dtype == torch.int64


def test_rows_come_in_random_order():
    label, distance = prepared()
    found, _ = drawn(VoxelSampler(per_class=64), label, distance)
    assert found.labels[:64].unique().tolist() == [0, 1, 2]


def test_two_dimensions():
    label = blobs()[..., 4]
    distance = with_distances(case_of(label, (1.0, 2.0))).meta["distance_mm"]
    found, where = drawn(VoxelSampler(per_class=8, band_mm=2.0, band_share=1.0), label, distance)
    assert bool(contour_band(label, 2.0, (1.0, 2.0))[where].all()) and len(found) == 24


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policy": "contours"}, "did you mean 'contour'"),
        ({"per_class": 1}, "a tuple needs two voxels of a class"),
        ({"per_class": (0, 0)}, "a tuple needs two voxels"),
        ({"per_class": (8, 1)}, "per_class must be a whole number, 2 or more"),
        ({"per_class": 1.5}, "per_class must be a whole number"),
        ({"per_class": "64"}, "got '64'"),
        ({"per_class": ()}, "a tuple needs two voxels"),
        ({"band_mm": 0.0}, "band_mm must be positive"),
        ({"band_share": 1.5}, r"band_share in \[0, 1\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        VoxelSampler(**options)


@pytest.mark.parametrize(
    ("sampler", "options", "words"),
    [
        (VoxelSampler(), {}, "needs 'distance_mm'"),
        (VoxelSampler(), {"distance_mm": torch.zeros(1, 2, 3, 3, 3)}, r"got \(1, 2, 3, 3, 3\)"),
        (VoxelSampler("error"), {}, "needs predicted classes"),
        (VoxelSampler("random", (4, 4)), {}, "class 2 has no budget"),
        (VoxelSampler("random"), {"valid": torch.ones(1, 3, 3, 3, dtype=torch.bool)}, "'valid' has shape"),
    ],
)
def test_what_a_policy_needs_is_said(sampler, options, words):
    with pytest.raises(DataError, match=words):
        sampler(blobs()[None], generator=generator(), **options)
