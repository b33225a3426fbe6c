"""Cropping, padding and turning move voxels, not the patient."""

from __future__ import annotations

from itertools import permutations

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import IGNORE, Case, crop_or_pad, phantom, to_orientation
from segkit.errors import ConfigError, DataError

sizes = st.tuples(*[st.integers(1, 12)] * 3)


def marked(shape, spot, spacing=(1.0, 2.0, 3.0)):
    """Everything −5 but one voxel of class 1."""
    image = torch.full((1, *shape), -5.0)
    label = torch.zeros(shape, dtype=torch.int64)
    image[(0, *spot)], label[spot] = 9.0, 1
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (7, -8, 9)
    return Case(image, label, spacing, affine, "m", "m", ("background", "spot"))


def world(case, index):
    return case.affine[:3, :3] @ np.asarray(index, float) + case.affine[:3, 3]


@settings(max_examples=80, deadline=None)
@given(sizes, sizes, st.tuples(*[st.floats(-6, 14)] * 3) | st.none(), st.integers(0, 10**6))
def test_a_voxel_keeps_its_place_or_leaves_the_frame(old, new, centre, pick):
    spot = tuple(int(i) for i in np.unravel_index(pick % np.prod(old), old))
    case = marked(old, spot)
    there = crop_or_pad(case, new, centre=centre).validate()
    assert there.shape == new
    found = torch.argwhere(there.label == 1)
    if len(found):
        assert np.allclose(world(there, found[0].numpy()), world(case, spot))
        assert there.image[(0, *found[0])] == 9
    first = there.affine[:3, 3]
    frame = (world(case, spot) - first) / case.spacing_mm
    assert bool(len(found)) == bool(((frame > -0.5) & (frame < np.array(new) - 0.5)).all())
    padded = there.label == IGNORE
    assert (there.image[0][padded] == -5).all()
    start = np.rint((first - case.affine[:3, 3]) / case.spacing_mm).astype(int)
    ends = zip(start, start + new, old, strict=True)
    inside = np.prod([len(range(max(0, a), min(b, n))) for a, b, n in ends])
    assert (~padded).sum() == inside


def test_the_middle_stays_the_middle():
    case = marked((9, 9, 9), (4, 4, 4))
    for shape in ((5, 5, 5), (13, 13, 13), (5, 13, 9)):
        there = crop_or_pad(case, shape)
        assert torch.argwhere(there.label == 1)[0].tolist() == [(n - 1) // 2 for n in shape]


def test_padding_may_count_as_background_and_two_dimensions_work():
    case = phantom("ultrasound", 0, shape=(30, 40))
    there = crop_or_pad(case, (50, 20), pad_label=0).validate()
    assert there.label.min() == 0 and there.shape == (50, 20)
    assert torch.equal(crop_or_pad(there, (30, 20)).label, case.label[:, 10:30])


@pytest.mark.parametrize(
    "codes",
    [
        "".join(axes[i][k] for i, k in zip(order, sides, strict=True))
        for axes in [("RL", "AP", "SI")]
        for order in permutations(range(3))
        for sides in [(0, 1, 0), (1, 1, 1)]
    ],
)
def test_orientation_is_that_of_nibabel_and_comes_back(codes):
    case = marked((4, 5, 6), (1, 3, 2))
    there = to_orientation(case, codes).validate()
    assert "".join(nibabel.aff2axcodes(there.affine)) == codes
    found = torch.argwhere(there.label == 1)[0].numpy()
    assert np.allclose(world(there, found), world(case, (1, 3, 2)))
    back = to_orientation(there, "RAS")
    assert torch.equal(back.image, case.image) and torch.equal(back.label, case.label)
    assert back.spacing_mm == case.spacing_mm and np.allclose(back.affine, case.affine)


def test_ras_of_an_oblique_image_equals_nibabels():
    case = phantom("ct_head_neck", 1, shape=(12, 14, 16))
    turn = np.eye(4)
    turn[:3, :3] = np.array([[0.9, -0.4, 0], [0.4, 0.9, 0], [0, 0, 1]]) @ case.affine[:3, :3]
    case = case.with_(affine=turn, spacing_mm=None)
    there = to_orientation(case)
    other = nibabel.as_closest_canonical(nibabel.Nifti1Image(case.image[0].numpy(), turn))
    assert np.array_equal(there.image[0].numpy(), other.get_fdata(dtype=np.float32))
    assert np.allclose(there.affine, other.affine)


def test_wrong_frames_are_refused():
    case = marked((4, 4, 4), (0, 0, 0))
    for shape in ((4, 4), (4, 4, 0)):
        with pytest.raises(ConfigError, match="3 positive numbers"):
            crop_or_pad(case, shape)
    with pytest.raises(ConfigError, match="centre must be 3"):
        crop_or_pad(case, (2, 2, 2), centre=(1.0, 1.0))
    for codes in ("RAX", "RRS", "RA", "RAAS"):
        with pytest.raises(ConfigError, match="no orientation"):
            to_orientation(case, codes)
    with pytest.raises(DataError, match="2-D"):
        to_orientation(phantom("ultrasound", 0, shape=(20, 30)))
