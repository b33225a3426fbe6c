"""Slices keep patient, place and maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit.data import phantom, slices
from segkit.data.slicing import in_slices
from segkit.errors import DataError


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_stack_up_to_the_volume_and_stay_in_place(axis):
    case = phantom("ct_head_neck", 0, shape=(10, 12, 14))
    case = case.with_(meta={"mask": case.label > 0, "two": case.image.repeat(2, 1, 1, 1), "phase": "ED"})
    stack = slices(case, axis)
    assert len(stack) == case.shape[axis]
    assert torch.equal(torch.stack([s.image for s in stack], axis + 1), case.image)
    assert torch.equal(torch.stack([s.label for s in stack], axis), case.label)
    rest = [i for i in range(3) if i != axis]
    for k, one in enumerate(stack):
        one.validate()
        assert one.group == case.group and one.id == f"{case.id}:{k}" and one.meta["slice"] == k
        assert one.spacing_mm == tuple(case.spacing_mm[i] for i in rest)
        assert torch.equal(one.meta["mask"], case.meta["mask"].select(axis, k))
        assert torch.equal(one.meta["two"], case.meta["two"].select(axis + 1, k))
        assert one.meta["phase"] == "ED"
        index = np.zeros(3)
        index[axis], index[rest[0]], index[rest[1]] = k, 3, 5
        there = one.affine[:3, :2] @ (3, 5) + one.affine[:3, 3]
        assert np.allclose(there, case.affine[:3, :3] @ index + case.affine[:3, 3])


def test_slices_without_label_and_spacing():
    case = phantom("hippocampus", 0, shape=(6, 7, 8)).with_(label=None, spacing_mm=None, affine=np.eye(4))
    one = slices(case, 0)[2].validate()
    assert one.label is None and one.spacing_mm is None and one.shape == (7, 8)


@pytest.mark.parametrize(("kind", "axis"), [("ultrasound", 0), ("hippocampus", 3), ("hippocampus", -1)])
def test_what_cannot_be_sliced_is_refused(kind, axis):
    with pytest.raises(DataError, match="cannot be sliced"):
        slices(phantom(kind, 0), axis)


def test_a_prediction_for_slices_is_one_for_volumes():
    volumes = torch.arange(2 * 3 * 4 * 5.0).view(2, 1, 3, 4, 5)

    def predict(images):
        assert images.shape == (6, 1, 4, 5)
        return torch.cat([images, -images], 1)

    assert torch.equal(in_slices(predict, volumes), torch.cat([volumes, -volumes], 1))
    with pytest.raises(DataError, match="volumes have the shape"):
        in_slices(predict, volumes[0])
