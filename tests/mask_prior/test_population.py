"""Occurrence maps: leave-one-out, alignment, and what is no common frame."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from segkit.data import crop_or_pad, preprocess, resample
from segkit.errors import ConfigError, DataError
from segkit.mask_prior import OccurrenceMaps, reframed, with_maps
from tests.mask_prior.small import ball, masked

NAMES = ("a", "bb", "ccc")


def test_the_map_is_the_mean_of_the_others():
    cases = [ball(name, centre=(9.5, 10.5 + i, 11.5)) for i, name in enumerate(NAMES)]
    maps = OccurrenceMaps(cases)
    for j, case in enumerate(cases):
        others = [other for i, other in enumerate(cases) if i != j]
        expected = torch.stack([torch.stack([o.label == k for o in others]).float().mean(0) for k in (1, 2)])
        torch.testing.assert_close(maps.for_case(case), expected)
    stranger = ball("stranger")
    every = torch.stack([torch.stack([o.label == k for o in cases]).float().mean(0) for k in (1, 2)])
    torch.testing.assert_close(maps.for_case(stranger), every)


@pytest.mark.parametrize("frame", ["grid", "array", "mask"])
def test_the_own_label_of_a_case_does_not_matter(frame):
    cases = [masked(ball(name)) for name in NAMES]
    changed = [cases[0].with_(label=torch.zeros_like(cases[0].label)), *cases[1:]]
    a, b = (OccurrenceMaps(each, frame=frame, size=12) for each in (cases, changed))
    assert torch.equal(a.for_case(cases[0]), b.for_case(cases[0]))
    assert not torch.equal(a.for_case(cases[1]), b.for_case(cases[1]))


def test_all_images_of_a_patient_are_left_out():
    cases = [ball(name) for name in ("a", "bb", "ccc")]
    again = ball("a-again").with_(group="a", label=torch.full_like(cases[0].label, 2))
    maps = OccurrenceMaps([*cases, again])
    without = OccurrenceMaps(cases)
    assert torch.equal(maps.for_case(cases[0]), without.for_case(cases[0]))


def test_alignment_by_a_mask_follows_position_and_size():
    places = [(12, 14, 16, 5.0), (20, 18, 15, 8.0), (15, 22, 20, 6.5)]
    cases = [masked(ball(n, (34, 36, 38), p[:3], p[3])) for n, p in zip(NAMES, places, strict=True)]
    aligned = OccurrenceMaps(cases, frame="mask", size=24)
    plain = OccurrenceMaps(cases, frame="grid")

    def dice(maps, case):
        found = maps.template(case)
        pairs = [(found == k, case.label == k) for k in (1, 2)]
        return min(float(2 * (a & b).sum() / (a.sum() + b.sum())) for a, b in pairs)

    for case in cases:
        assert dice(aligned, case) > 0.8 > 0.7 > dice(plain, case)
        assert float(aligned.for_case(case).max()) <= 1


def test_arrays_are_stretched_to_each_other():
    cases = [
        ball("a", (20, 20), radius=6),
        ball("bb", (40, 40), (19.5, 19.5), 12),
        ball("ccc", (30, 30), (14.5, 14.5), 9),
    ]
    maps = OccurrenceMaps(cases, frame="array", size=40)
    assert maps.for_case(cases[0]).shape == (2, 20, 20)
    both = maps.for_case(cases[0]).sum(0)
    inside = cases[0].label > 0
    assert float(both[inside].mean()) > 0.93 and float(both[~inside].mean()) < 0.07


def test_the_threshold_is_chosen_on_training_cases():
    cases = [ball(name, centre=(9.5, 8.5 + 2 * i, 11.5)) for i, name in enumerate(NAMES)]
    maps = OccurrenceMaps(cases)
    assert maps.best_threshold((0.1, 0.9)) == 0.1
    assert maps.best_threshold((0.9, 0.1)) == 0.1
    assert set(maps.template(cases[0], threshold=0.1).unique().tolist()) == {0, 1, 2}
    assert (maps.template(cases[0], threshold=0.99) == 0).float().mean() > 0.9


def test_no_common_frame_is_refused():
    a, b = ball("a"), ball("bb")
    other_shape = crop_or_pad(b, (20, 22, 26), pad_label=0)
    with pytest.raises(DataError, match=r"cases a and bb have no common frame: shapes \(20, 22, 24\)"):
        OccurrenceMaps([a, other_shape])
    coarse = b.with_(spacing_mm=(1.0, 1.0, 3.0), affine=np.diag([1.0, 1.0, 3.0, 1.0]))
    with pytest.raises(DataError, match="align them with frame='mask'"):
        OccurrenceMaps([a, coarse])
    turned = b.with_(affine=np.diag([-1.0, 1.0, 1.0, 1.0]))
    for frame in ("grid", "array", "mask"):
        with pytest.raises(DataError, match="turn them alike with to_orientation"):
            OccurrenceMaps([masked(a), masked(turned)], frame=frame)
    with pytest.raises(DataError, match="have no common frame"):
        OccurrenceMaps([a, b]).for_case(other_shape)


def test_what_cannot_be_averaged_is_refused():
    a, b = ball("a"), ball("bb")
    with pytest.raises(DataError, match="two or more patients, to leave one out"):
        OccurrenceMaps([a, a.with_(id="again")])
    with pytest.raises(DataError, match="two or more patients"):
        OccurrenceMaps([])
    with pytest.raises(DataError, match="case bb has no label, or other classes than a"):
        OccurrenceMaps([a, b.with_(label=None)])
    with pytest.raises(DataError, match="case a has no mask 'mask' on its grid"):
        OccurrenceMaps([a, b], frame="mask")
    with pytest.raises(ConfigError, match="did you mean 'grid'"):
        OccurrenceMaps([a, b], frame="grids")
    with pytest.raises(ConfigError, match="2 or more samples"):
        OccurrenceMaps([a, b], frame="array", size=1)
    with pytest.raises(DataError, match="an empty mask has no bounding box"):
        empty = with_maps(b, mask=torch.zeros(20, 22, 24, dtype=torch.bool))
        OccurrenceMaps([masked(a), empty], frame="mask")


def test_real_hippocampi_in_a_frame_or_aligned_by_their_outline(cases_of):
    # Masks by label stand in for any outline; the halves of the others are then where they ought to be.
    cases = [masked(case) for case in cases_of("hippocampus", 6)]
    aligned = OccurrenceMaps(cases, frame="mask", size=32)
    step = partial(crop_or_pad, shape=(40, 56, 44), pad_label=0)
    framed = OccurrenceMaps(preprocess(cases, [partial(reframed, step=step)]))
    for case in cases:
        found = aligned.template(case, threshold=0.3)
        overlap = 2 * int(((found == 1) & (case.label == 1)).sum())
        assert overlap / int((found == 1).sum() + (case.label == 1).sum()) > 0.5
    assert framed.for_case(framed.cases[0]).shape == (2, 40, 56, 44)
    with pytest.raises(DataError, match="have no common frame"):
        OccurrenceMaps([cases[0], resample(cases[1], (2.0, 2.0, 2.0))])
