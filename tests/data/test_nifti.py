import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data.nifti import read_case, write_mask
from segkit.errors import DataError
from tests.data.layouts import LAS, blocks, save_nifti

SHAPE = (6, 5, 4)


@pytest.fixture
def pair(tmp_path):
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return (
        save_nifti(tmp_path / "scan.nii.gz", image, LAS),
        save_nifti(tmp_path / "seg.nii.gz", blocks(SHAPE, 3), LAS),
    )


def patch(path, offset, layout, *values):
    """Write numbers into the header of a gzipped NIfTI-1 file."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<" + layout, raw, offset, *values)
    path.write_bytes(gzip.compress(bytes(raw)))


def test_image_label_and_place_are_read(pair):
    case = read_case(*pair, classes=("background", "a", "b"), group="p")
    assert case.image.shape == (1, *SHAPE) and case.image.dtype == torch.float32
    np.testing.assert_array_equal(case.image[0], nib.load(pair[0]).get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(case.label, blocks(SHAPE, 3))
    np.testing.assert_allclose(case.affine, LAS, rtol=1e-6)
    assert (case.spacing_mm, case.id, case.group) == ((1.25, 1.25, 7.7), "scan", "p")


def test_without_names_classes_are_numbered(pair):
    assert read_case(*pair).classes == ("background", "class 1", "class 2")
    assert read_case(pair[0]).label is None


def test_channels_of_a_fourth_axis_come_first(tmp_path):
    volume = np.arange(np.prod(SHAPE) * 2, dtype=np.float32).reshape(*SHAPE, 2)
    case = read_case(save_nifti(tmp_path / "two.nii", volume))
    assert case.image.shape == (2, *SHAPE)
    np.testing.assert_array_equal(case.image[1], volume[..., 1])


def test_the_scale_of_the_header_is_applied(tmp_path):
    nifti = nib.Nifti1Image(np.full(SHAPE, 3, dtype=np.int16), np.eye(4))
    nifti.header.set_slope_inter(2.0, -1000.0)
    nib.save(nifti, tmp_path / "ct.nii.gz")
    assert float(read_case(tmp_path / "ct.nii.gz").image.mean()) == pytest.approx(-994)


def test_nearly_whole_labels_of_a_scaled_file_are_rounded(pair):
    save_nifti(pair[1], blocks(SHAPE, 3).astype(np.float32) * np.float32(1.0001), LAS)
    assert read_case(*pair).label.unique().tolist() == [0, 1, 2]


def test_a_grid_that_differs_by_rounding_is_the_same_grid(pair):
    save_nifti(pair[1], blocks(SHAPE, 3), LAS + np.eye(4, k=3) * 0.05)
    read_case(*pair)


BAD_LABELS = {
    "another shape": (blocks((6, 5, 3), 3), LAS, r"seg.nii.gz has shape \(6, 5, 3\) but its image scan"),
    "moved": (blocks(SHAPE, 3), LAS + np.eye(4, k=3) * 0.5, r"seg.nii.gz lies up to 0.5 mm away"),
    "other spacing": (blocks(SHAPE, 3), LAS * 1.02, r"seg.nii.gz lies up to .* mm away"),
    "not whole": (
        blocks(SHAPE, 3) * 0.5,
        LAS,
        r"must be whole numbers, but \d+ voxels are not \(first 0.5\)",
    ),
    "NaN": (np.full(SHAPE, np.nan), LAS, "must be whole numbers"),
    "unknown class": (blocks(SHAPE, 4), LAS, r"label value 3 is no class; known are 0 to 2"),
    "negative": (-blocks(SHAPE, 3).astype(np.int16) * 2, LAS, r"label value -4 is no class"),
}


@pytest.mark.parametrize("bad", BAD_LABELS)
def test_a_bad_label_is_one_sentence(pair, bad):
    array, affine, message = BAD_LABELS[bad]
    save_nifti(pair[1], array, affine)
    with pytest.raises(DataError, match=message) as caught:
        read_case(*pair, classes=("background", "a", "b"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_voxels_that_are_not_finite_name_the_file(tmp_path, value):
    volume = np.zeros(SHAPE)
    volume[0, 0, :2] = value
    with pytest.raises(DataError, match=r"scan.nii.gz: 2 voxels are NaN or infinite"):
        read_case(save_nifti(tmp_path / "scan.nii.gz", volume))


@pytest.mark.parametrize("size", [0.0, -1.25, float("nan")])
def test_a_voxel_size_that_is_not_positive_is_refused(pair, size):
    patch(pair[0], 80, "f", size)  # pixdim[1]
    with pytest.raises(DataError, match=r"scan.nii.gz: the header gives a voxel size of .* must be positive"):
        read_case(pair[0])


@pytest.mark.parametrize("shape", [(6, 5), (6,), (6, 5, 4, 2, 3)])
def test_a_file_of_other_dimensions_is_refused(tmp_path, shape):
    path = save_nifti(tmp_path / "flat.nii.gz", np.zeros(shape, dtype=np.float32))
    with pytest.raises(DataError, match=rf"flat.nii.gz is {len(shape)}-D of shape .* a 3-D volume"):
        read_case(path)


def test_a_missing_file_a_folder_and_a_stranger_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_case(tmp_path / "none.nii.gz")
    with pytest.raises(DataError, match="is a folder"):
        read_case(tmp_path)
    nib.save(nib.MGHImage(np.zeros(SHAPE, dtype=np.float32), np.eye(4)), tmp_path / "brain.mgz")
    with pytest.raises(DataError, match="is no NIfTI file but MGHImage"):
        read_case(tmp_path / "brain.mgz")
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(DataError, match="one real number per voxel"):
        read_case(save_nifti(tmp_path / "colour.nii.gz", rgb))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0, 100, 400, -20])
def test_a_truncated_file_is_one_sentence(tmp_path, suffix, keep):
    path = save_nifti(tmp_path / f"cut{suffix}", np.random.default_rng(0).normal(size=SHAPE))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="damaged, truncated or no NIfTI") as caught:
        read_case(path)
    assert "\n" not in str(caught.value)


def test_a_header_that_claims_terabytes_is_one_sentence(pair):
    patch(pair[0], 42, "3h", 32767, 32767, 32767)  # dim[1] to dim[3]
    with pytest.raises(DataError, match=r"scan.nii.gz is damaged, truncated"):
        read_case(pair[0])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_is_read_or_refused_never_a_traceback(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage")
    path = save_nifti(folder / "x.nii.gz", np.random.default_rng(1).normal(size=(4, 3, 2)))
    raw = bytearray(gzip.decompress(path.read_bytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, 351))] = data.draw(st.integers(0, 255))
    path.write_bytes(gzip.compress(bytes(raw)))
    try:
        read_case(path).validate()
    except DataError as error:
        assert "x.nii.gz" in str(error)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 9)] * 3),
    seed=st.integers(0, 99),
    top=st.sampled_from([1, 255, 256, 65535]),
)
def test_a_mask_comes_back_on_the_same_grid(tmp_path_factory, shape, spacing, seed, top):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, rng.normal(size=3) * 100
    folder = tmp_path_factory.mktemp("mask")
    case = read_case(save_nifti(folder / "image.nii.gz", rng.normal(size=shape), affine))
    labels = torch.from_numpy(rng.integers(0, top + 1, shape))
    labels[0, 0, 0] = top
    path = write_mask(labels, case, folder / "deep" / "mask.nii.gz")
    back = nib.load(path)
    np.testing.assert_array_equal(back.affine, case.affine)
    assert back.get_data_dtype() == (np.uint8 if top < 256 else np.uint16)
    assert back.header.get_xyzt_units()[0] == "mm"
    torch.testing.assert_close(read_case(folder / "image.nii.gz", path).label, labels)
    qform, code = back.header.get_qform(coded=True)  # for viewers that do not read the other form
    assert code == 1
    np.testing.assert_allclose(qform, case.affine, atol=1e-3)


def test_a_sheared_grid_keeps_its_affine(pair):
    case = read_case(pair[0])
    sheared = case.affine.copy()
    sheared[0, 2] = 3.0
    case = case.with_(affine=sheared, spacing_mm=None)
    np.testing.assert_array_equal(
        nib.load(write_mask(np.zeros(SHAPE), case, pair[0].with_name("m.nii"))).affine, sheared.astype("f4")
    )


def test_a_flat_mask_gets_a_third_axis(pair):
    case = read_case(pair[0])
    flat = case.with_(image=case.image[..., 0], spacing_mm=(1.25, 1.25))
    assert nib.load(write_mask(np.ones((6, 5)), flat, pair[0].with_name("m.nii"))).shape == (6, 5, 1)


@pytest.mark.parametrize(
    ("labels", "name", "message"),
    [
        (np.zeros((6, 5, 3)), "m.nii.gz", r"labels have shape \(6, 5, 3\) but scan has \(6, 5, 4\)"),
        (np.full(SHAPE, 0.4), "m.nii.gz", "must be whole numbers"),
        (np.full(SHAPE, -1), "m.nii.gz", "labels run from -1 to -1"),
        (np.full(SHAPE, 70000), "m.nii.gz", "labels run from 70000"),
        (np.zeros(SHAPE), "m.mha", "written as .nii or .nii.gz"),
    ],
)
def test_a_mask_that_cannot_be_written_leaves_nothing(pair, labels, name, message):
    target = pair[0].with_name("out") / name
    with pytest.raises(DataError, match=message):
        write_mask(labels, read_case(pair[0]), target)
    assert not target.parent.exists()
