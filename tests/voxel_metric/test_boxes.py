"""The crop box: its formula, where it may lie, what it contains."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import Case
from segkit.errors import ConfigError, DataError
from segkit.voxel_metric import CropBox, centroid, contained, containment_rate, crop_at, fit_box


def case_of(start, size, shape=(20, 24, 16), spacing=(1.0, 2.0, 3.0), name="a"):
    """A block that begins at `start` on a grid whose image holds the voxels' numbers."""
    label = torch.zeros(shape, dtype=torch.int64)
    label[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = 1
    image = torch.arange(label.numel(), dtype=torch.float32).reshape(1, *shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (5, -7, 11)
    return Case(image, label, spacing, affine, id=name, group=name, classes=("background", "a"))


BLOCK = case_of((4, 6, 8), (5, 4, 3))


def test_half_is_extent_plus_error_plus_margin_in_mm():
    box = fit_box([BLOCK], predicted=[(7.0, 7.5, 8.0)], margin_mm=6.0)
    assert box.error_mm == pytest.approx((1.0, 0.0, 3.0))
    assert box.half_mm == pytest.approx((2.5 + 1 + 6, 4.0 + 0 + 6, 4.5 + 3 + 6))
    assert box.size == (20, 11, 10)
    assert box.centre_share == pytest.approx((6.5 / 20, 8 / 24, 9.5 / 16))
    assert box.spacing_mm == (1.0, 2.0, 3.0)


def test_the_quantile_is_taken_over_cases_and_misses_of_stage_1_have_no_error():
    cases = [case_of((4, 6, 8), (n, 4, 3)) for n in (3, 5, 7)]
    box = fit_box(cases, predicted=[None, (6.0, 7.5, 9.0), None], margin_mm=0.0, quantile=0.5)
    assert box.half_mm[0] == 2.5
    assert box.error_mm == (0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(
    start=st.tuples(st.integers(0, 15), st.integers(0, 20), st.integers(0, 13)),
    shift=st.tuples(*[st.floats(-1, 1)] * 3),
)
def test_a_centre_as_wrong_as_allowed_leaves_the_structure_inside(start, shift):
    """The promise of the formula: extent plus error fit into the box, also at the image's border."""
    case = case_of(start, (5, 4, 3))
    box = fit_box([BLOCK], predicted=[(8.0, 8.5, 10.0)], margin_mm=0.0)
    centre = [
        c + s * e / m
        for c, s, e, m in zip(centroid(case.label), shift, box.error_mm, box.spacing_mm, strict=True)
    ]
    assert contained(case, box, centre)
    first = box.start(case.shape, centre)
    assert all(0 <= f <= m - n for f, m, n in zip(first, case.shape, box.size, strict=True))


def test_the_crop_is_a_part_of_the_image_and_knows_where_it_lies():
    box = fit_box([BLOCK], margin_mm=2.0)
    centre = centroid(BLOCK.label)
    crop = crop_at(BLOCK, box, centre)
    first = box.start(BLOCK.shape, centre)
    window = tuple(slice(f, f + n) for f, n in zip(first, box.size, strict=True))
    assert torch.equal(crop.image[0], BLOCK.image[0][window])
    assert torch.equal(crop.label, BLOCK.label[window])
    np.testing.assert_allclose(crop.affine[:3, 3], BLOCK.affine[:3, :3] @ first + BLOCK.affine[:3, 3])


def test_a_box_larger_than_the_image_is_refused_or_padded():
    box = fit_box([BLOCK], margin_mm=30.0)
    with pytest.raises(
        DataError, match=r"a crop of 66 × 35 × 24 voxels is larger than the image of a, 20 × 24 × 16"
    ):
        crop_at(BLOCK, box, (6.0, 7.5, 9.0))
    crop = crop_at(BLOCK, box, (6.0, 7.5, 9.0), pad=True)
    assert crop.shape == box.size
    assert int((crop.label >= 0).sum()) == 20 * 24 * 16
    assert int((crop.label == 1).sum()) == 60


def test_a_box_larger_than_the_image_lies_about_its_middle():
    box = fit_box([BLOCK], margin_mm=2.0)
    assert box.start([n - 3 for n in box.size], (0, 0, 0)) == (-1, -1, -1)
    assert box.start([n - 3 for n in box.size], (9, 9, 9)) == (-1, -1, -1)


def test_containment_counts_cases_that_lie_wholly_inside():
    box = fit_box([BLOCK], margin_mm=0.0)
    cases = [BLOCK, case_of((10, 6, 8), (5, 4, 3)), case_of((4, 6, 8), (9, 4, 3))]
    true = [centroid(case.label) for case in cases]
    assert containment_rate(cases, box, true) == pytest.approx(2 / 3)
    assert containment_rate(cases, box, [true[0]] * 3) == pytest.approx(1 / 3)


def test_no_structure_has_no_centroid():
    assert centroid(torch.zeros(3, 3, dtype=torch.int64)) is None


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fit_box([]), DataError, "no cases to fit a box to"),
        (lambda: fit_box([BLOCK], margin_mm=-1), ConfigError, "margin_mm must be 0 or more"),
        (lambda: fit_box([BLOCK], quantile=0), ConfigError, "quantile in"),
        (lambda: fit_box([BLOCK], predicted=[None, None]), ConfigError, "1 cases, but 2 predicted"),
        (lambda: fit_box([BLOCK.with_(label=None)]), DataError, "has no label"),
        (lambda: fit_box([BLOCK.with_(label=0 * BLOCK.label)]), DataError, "no labelled structure"),
        (lambda: fit_box([BLOCK.with_(spacing_mm=None)]), DataError, "no box in mm"),
        (
            lambda: fit_box([BLOCK, BLOCK.with_(spacing_mm=(1.0, 1.0, 1.0))]),
            DataError,
            "is at 1 × 2 × 3 mm, but a has 1 × 1 × 1 mm: resample it first",
        ),
        (
            lambda: crop_at(BLOCK.with_(spacing_mm=None), fit_box([BLOCK]), (0, 0, 0)),
            DataError,
            "the box was fitted at 1 × 2 × 3 mm, but a has no spacing",
        ),
        (lambda: CropBox((1.0, 2.0), (0.0,), (0.5,), (1.0,)), ConfigError, "one number per axis"),
        (lambda: CropBox((0.0,), (0.0,), (0.5,), (1.0,)), ConfigError, "halves and spacings above 0"),
        (lambda: containment_rate([], fit_box([BLOCK]), []), DataError, "no cases"),
        (lambda: containment_rate([BLOCK], fit_box([BLOCK]), []), ConfigError, "1 cases, but 0 centres"),
    ],
)
def test_mistakes_get_a_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_two_dimensions():
    flat = BLOCK.with_(image=BLOCK.image[..., 9], label=BLOCK.label[..., 9], spacing_mm=(1.0, 2.0))
    box = fit_box([flat], margin_mm=2.0)
    assert isinstance(box, CropBox) and len(box.size) == 2
    assert crop_at(flat, box, centroid(flat.label)).shape == box.size
