import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import Case, resample, resize
from segkit.data.prepared import regridding
from segkit.data.prepared.regridding import image_planes, label_planes, taps
from segkit.data.resampling import resampled_grid


def case_of(shape, seed, n_classes=4, spacing=(1.0, 1.3, 2.5)):
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.normal(size=(1, *shape)).astype(np.float32))
    # Blobs and not noise: where every voxel is another class, shares are equal by the dozen.
    coarse = random.integers(0, n_classes, [-(-n // 3) for n in shape])
    label = coarse
    for axis in range(len(shape)):
        label = label.repeat(3, axis)
    label = torch.from_numpy(label[tuple(slice(n) for n in shape)].astype(np.int64))
    affine = np.diag([*spacing, 1.0, 1.0])[:4, :4] if len(shape) == 3 else np.eye(4)
    names = ("background", *"abcdefgh"[: n_classes - 1])
    return Case(image, label, spacing[: len(shape)] if len(shape) == 3 else None, affine, "a", "a", names)


def in_pieces(case, shape, factors):
    grid = taps(case.shape, shape, factors)
    image = np.concatenate(list(image_planes(case.image[0].numpy(), grid)))
    label = np.concatenate(list(label_planes(case.label.numpy().astype(np.int8), grid)))
    return image, label


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 11)] * 3),
    spacing=st.tuples(*[st.floats(0.4, 4.0)] * 3),
    seed=st.integers(0, 99),
)
def test_pieces_make_the_same_volume_as_resample(shape, spacing, seed):
    case = case_of(shape, seed)
    whole = resample(case, spacing)
    rows, regridding.ROWS = regridding.ROWS, 3
    try:
        image, label = in_pieces(case, *resampled_grid(shape, case.spacing_mm, spacing, "a"))
    finally:
        regridding.ROWS = rows
    assert np.allclose(image, whole.image[0].numpy(), atol=1e-5)
    differs = label != whole.label.numpy()
    assert differs.mean() <= 0.01  # two classes with equal shares, but for the last digit


@pytest.mark.parametrize("new", [(7, 9), (16, 5), (12, 10)])
def test_pieces_make_the_same_picture_as_resize(new):
    case = case_of((12, 10), 3)
    whole = resize(case, new)
    factors = [a / b for a, b in zip(case.shape, new, strict=True)]
    image, label = in_pieces(case, new, factors)
    assert np.allclose(image, whole.image[0].numpy(), atol=1e-5)
    assert (label != whole.label.numpy()).mean() <= 0.02


def test_what_is_not_annotated_stays_so():
    case = case_of((6, 6, 6), 0)
    label = torch.full((6, 6, 6), -1)
    label[2:4] = 2
    whole = resample(case.with_(label=label), (0.5, 1.3, 2.5))
    _, got = in_pieces(
        case.with_(label=label), *resampled_grid((6, 6, 6), case.spacing_mm, (0.5, 1.3, 2.5), "a")
    )
    assert set(np.unique(got)) == {-1, 2} and (got == whole.label.numpy()).all()


def test_a_class_in_a_plane_that_no_tap_weighs_is_left_out(monkeypatch):
    monkeypatch.setattr(regridding, "ROWS", 4)
    label = np.zeros((9, 2, 2), dtype=np.int8)
    label[::4] = 3  # the plane after each piece of four holds a class that is nowhere else in its window
    label[0] = label[8] = 0
    keep = [regridding.Taps(np.arange(2)[:, None], np.ones((2, 1), dtype=np.float32))] * 2
    rows = np.arange(8)
    two = regridding.Taps(np.stack([rows, rows + 1], 1), np.tile(np.float32([1, 0]), (8, 1)))
    assert (np.concatenate(list(label_planes(label, [two, *keep]))) == label[:8]).all()


def test_a_grid_that_does_not_change_is_handed_through():
    case = case_of((5, 6, 7), 1)
    image, label = in_pieces(case, (5, 6, 7), [1.0, 1.0, 1.0])
    assert (image == case.image[0].numpy()).all() and (label == case.label.numpy()).all()


def test_interpolation_between_neighbours_has_two_taps():
    (one,) = taps((512,), (700,), [512 / 700])
    assert one.index.shape == (700, 2) and np.allclose(one.weight.sum(1), 1)
