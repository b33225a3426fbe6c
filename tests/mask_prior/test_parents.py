from __future__ import annotations

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.mask_prior import box_mask, dilated_mask, parent_mask
from tests.mask_prior.small import ball


def test_the_parent_is_the_union_of_the_classes():
    case = ball()
    whole, report = parent_mask(case)
    assert torch.equal(whole, case.label > 0)
    assert (report.origin, report.removed_components, report.removed_share) == ("label", 0, 0.0)
    assert report.volume_ml == pytest.approx(int(whole.sum()) / 1000)
    assert torch.equal(parent_mask(case, ["right"]).voxels, case.label == 2)


def test_what_nobody_annotated_is_outside():
    case = ball()
    label = case.label.clone()
    label[:10] = -1
    assert not parent_mask(case.with_(label=label)).voxels[:10].any()


def test_a_parent_of_nothing_or_of_an_unknown_class_is_refused():
    with pytest.raises(DataError, match="has no label to make a parent mask of: predict one"):
        parent_mask(ball().with_(label=None))
    with pytest.raises(ConfigError, match="did you mean 'left'"):
        parent_mask(ball(), ["lefd"])


def test_real_parents_are_informative(cases_of):
    for name in ("hippocampus", "acdc"):
        for case in cases_of(name, 2):
            voxels, report = parent_mask(case)
            assert report.informative and int(voxels.sum()) == int((case.label > 0).sum())
            assert (report.volume_ml is None) == (case.spacing_mm is None)


def test_a_box_knows_position_and_size_alone():
    case = ball(spacing=(2.0, 1.0, 1.0), radius=5.0)
    box = box_mask(case.label > 0)
    where = (case.label > 0).nonzero()
    low, high = where.amin(0), where.amax(0)
    assert int(box.sum()) == int((high - low + 1).prod())
    assert (box | ~(case.label > 0)).all()
    wide = box_mask(case.label > 0, margin_mm=2, spacing_mm=case.spacing_mm)
    gained = wide.nonzero().amax(0) - box.nonzero().amax(0)
    assert gained.tolist() == [1, 2, 2]
    with pytest.raises(DataError, match="an empty mask has no bounding box"):
        box_mask(torch.zeros(4, 4, dtype=torch.bool))


def test_a_dilated_mask_reaches_as_far_as_told():
    mask = torch.zeros(9, 9, dtype=torch.bool)
    mask[4, 4] = True
    assert int(dilated_mask(mask, 1.0).sum()) == 5
    assert dilated_mask(mask, 4.0, (2.0, 1.0)).nonzero().amin(0).tolist() == [2, 0]
